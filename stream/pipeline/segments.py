"""Customers by segment, tier, channel, or new against returning: means, rolling figures, value at risk."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stream.model.columns import CHANNELS, TIERS, Floats, Ints, currency_code
from stream.model.derived import LOYALTY, percentile
from stream.model.surveys import Figure, figures
from stream.pipeline.derive import CHANGE_DAYS, Derived

__all__ = ["GROUPINGS", "LIFECYCLES", "Places", "Segment", "places", "segments"]

LIFECYCLES = ("never bought", "new", "returning")


def _segment(derived: Derived) -> list[str]:
    return [name.decode() or "(none)" for name in derived.segment.tolist()]


def _tier(derived: Derived) -> list[str]:
    return [("(none)", *TIERS)[tier] for tier in derived.tier.tolist()]


def _channel(derived: Derived) -> list[str]:
    """The one channel that a customer buys through; "several" if there are more."""
    names = {1 << bit: name for bit, name in enumerate(CHANNELS)} | {0: "(none)"}
    return [names.get(channels, "several") for channels in derived.channels.tolist()]


def _lifecycle(derived: Derived) -> list[str]:
    return [LIFECYCLES[min(days, 2)] for days in derived.purchase_days.tolist()]


GROUPINGS: dict[str, Callable[[Derived], list[str]]] = {
    "segment": _segment,
    "tier": _tier,
    "channel": _channel,
    "lifecycle": _lifecycle,
}
"""`lifecycle`: new customers have bought on one day, returning ones on more."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One group of customers; None where nobody of it has the figure.

    Attributes:
        name: of the group; "(none)" holds who belongs to none.
        customers: how many.
        trust: mean.
        change: mean change of trust by days, of those whose past is known.
        churn_risk: mean of those who have one.
        surveys: by instrument: (answers, figure, standard error) of the rolling window.
        low_answers: of the rolling window; acted on; still within the due time.
        tickets: with a known channel; worked on through more than one.
        loyalty: customers by type.
        value: by currency: (customers, lifetime value, value at risk), sums.
    """

    name: str
    customers: int
    trust: float
    change: dict[int, float | None]
    churn_risk: float | None
    surveys: dict[str, tuple[int, float | None, float | None]]
    low_answers: tuple[int, int, int]
    tickets: tuple[int, int]
    loyalty: dict[str, int]
    value: dict[str, tuple[int, float, float]]


@dataclass(frozen=True, slots=True)
class Places:
    """Where each of n customers stands in the own group; arrays (n,).

    Attributes:
        trust: percentile of trust, 0-100: the share of the group with less, ties counting half.
        churn_risk: the same of the churn risk, of those who have one; nan for the others.
        customers: of the group, the customer among them.
    """

    trust: Floats
    churn_risk: Floats
    customers: Ints


def places(derived: Derived, by: str = "segment") -> Places:
    """Each customer's percentile within its group of one of `GROUPINGS`."""
    _names, group, size = np.unique(np.array(GROUPINGS[by](derived)), return_inverse=True, return_counts=True)
    scores = derived.scores
    return Places(
        percentile(scores.trust.trust, group), percentile(scores.risk.churn_risk, group), size[group]
    )


def segments(derived: Derived, by: str = "segment") -> list[Segment]:
    """The groups of one of `GROUPINGS`, largest first, then by name."""
    labels = GROUPINGS[by](derived)
    names = sorted(set(labels))
    group = np.array([names.index(label) for label in labels], np.int64)
    answers = figures(group[derived.feedback.owner], derived.feedback.code, len(names))
    size = np.bincount(group, minlength=len(names))
    trust = _means(derived.scores.trust.trust, group, len(names))
    risk = _means(derived.scores.risk.churn_risk, group, len(names))
    change = {days: _means(derived.change[days], group, len(names)) for days in CHANGE_DAYS}
    low, acted, waiting, tickets, hopped = (
        np.bincount(group, each, minlength=len(names)).astype(np.int64).tolist()
        for each in (*derived.met, derived.tickets, derived.hopped)
    )
    found = [
        Segment(
            name=name,
            customers=int(size[k]),
            trust=float(trust[k]),
            change={days: _number(each[k]) for days, each in change.items()},
            churn_risk=_number(risk[k]),
            surveys={instrument: _figure(its, k) for instrument, its in answers.items()},
            low_answers=(low[k], acted[k], waiting[k]),
            tickets=(tickets[k], hopped[k]),
            loyalty={
                kind: int(((derived.loyalty == i) & (group == k)).sum()) for i, kind in enumerate(LOYALTY)
            },
            value=_values(derived, group == k),
        )
        for k, name in enumerate(names)
    ]
    return sorted(found, key=lambda segment: (-segment.customers, segment.name))


def _means(values: Floats, group: Ints, n: int) -> Floats:
    """Mean of each group over its known values; nan where there is none."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(
            np.bincount(group[known], values[known], minlength=n) / np.bincount(group[known], minlength=n)
        )


def _figure(figure: Figure, k: int) -> tuple[int, float | None, float | None]:
    return int(figure.n[k]), _number(figure.value[k]), _number(figure.error[k])


def _values(
    derived: Derived, mine: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> dict[str, tuple[int, float, float]]:
    known = mine & ~np.isnan(derived.value)
    found = {}
    for number in np.unique(derived.currency[known]).tolist():
        chosen = known & (derived.currency == number)
        sums = float(derived.value[chosen].sum()), float(np.nansum(derived.at_risk[chosen]))
        found[currency_code(number)] = (int(chosen.sum()), *sums)
    return found


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
