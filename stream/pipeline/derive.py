"""Rows at a time -> what follows from both scores, for n customers at once; on demand, not published."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.model import derived as model
from stream.model import surveys
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Floats, Ints
from stream.model.parameters import Parameters
from stream.model.promises import Kind
from stream.model.risk import RiskFacts
from stream.model.score import Scores, score
from stream.state.facts import facts
from stream.state.feedback import remembered
from stream.state.layout import take
from stream.state.past import trust_then
from stream.state.promises import ledgers
from stream.state.table import CustomerTable

__all__ = ["CHANGE_DAYS", "Derived", "Survey", "derive", "hops", "worth"]

CHANGE_DAYS = (7, 30)


@dataclass(slots=True)
class Survey:
    """Feedback of the rolling window as one list, so that any grouping of customers can be counted.

    Attributes:
        owner: (m,) index of the customer.
        code: (m,) `feedback.CODE`.
    """

    owner: Ints
    code: Ints


@dataclass(slots=True)
class Derived:
    """What follows from the scores of n customers; arrays (n,), nan or -1 where nothing can be said.

    Attributes:
        scores: both scores.
        change: trust now less trust so many days ago, by `CHANGE_DAYS`.
        p_active: P(active).
        loyalty: index into `model.derived.LOYALTY`.
        value: customer lifetime value, in the customer's currency.
        no_value: why there is none, index into `model.derived.NO_VALUE`.
        at_risk: value times churn risk.
        feedback: of the rolling window.
        met: low answers of the rolling window, and how many were acted on.
        tickets: remembered tickets with a known channel.
        hopped: those of them that were worked on through more than one.
        segment: name, empty where none is known.
        tier: index into `columns.TIERS` plus one, 0 = none known.
        channels: bits of `columns.CHANNELS` bought through.
        currency: `columns.currency_number`, 0 without purchase.
        purchase_days: distinct days with a purchase.
    """

    scores: Scores
    change: dict[int, Floats]
    p_active: Floats
    loyalty: Ints
    value: Floats
    no_value: Ints
    at_risk: Floats
    feedback: Survey
    met: surveys.Met
    tickets: Ints
    hopped: Ints
    segment: NDArray[np.bytes_]
    tier: Ints
    channels: Ints
    currency: Ints
    purchase_days: Ints

    def __len__(self) -> int:
        return len(self.tier)


def derive(table: CustomerTable, rows: Ints, now_ms: int, parameters: Parameters) -> Derived:
    """Derived figures of the customers in `rows` (distinct, live) at a time; nothing changes.

    The rolling window ends at `now_ms`; a state that is of a later time still says what lies before it.
    """
    n, store = len(rows), take(table.rows, rows)
    known = facts(table, rows, now_ms, parameters)
    scores = score(known, now_ms, parameters)
    p_active = model.active(known.risk, now_ms, parameters)
    value, no_value = worth(table, rows, known.risk, now_ms, parameters)
    memory = remembered(store["feedback"], table.tails, rows)
    window_ms = parameters.derived.rolling_days * MS_PER_DAY
    recent = (memory.time_ms > now_ms - window_ms) & (memory.time_ms <= now_ms)
    owner, code, when = memory.owner[recent], memory.code[recent], memory.time_ms[recent]
    whose, promises = ledgers(table.rows, table.tails, rows)
    tickets, hopped = hops(whose, promises, n)
    return Derived(
        scores=scores,
        change={
            days: scores.trust.trust - trust_then(table, rows, now_ms, days, parameters)
            for days in CHANGE_DAYS
        },
        p_active=p_active,
        loyalty=model.loyalty(scores.trust.trust, scores.trust.uncertainty, p_active, parameters.derived),
        value=value,
        no_value=no_value,
        at_risk=value * scores.risk.churn_risk,
        feedback=Survey(owner, code),
        met=surveys.met(
            owner, when, code, _replies(whose, promises), now_ms, parameters.derived.feedback_due_hours, n
        ),
        tickets=tickets,
        hopped=hopped,
        segment=store["segment"],
        tier=store["tier"].astype(np.int64),
        channels=store["channels"].astype(np.int64),
        currency=store["currency"].astype(np.int64),
        purchase_days=known.risk.purchase_days,
    )


def worth(
    table: CustomerTable, rows: Ints, facts: RiskFacts, now_ms: int, parameters: Parameters
) -> tuple[Floats, Ints]:
    """Lifetime value of the customers in `rows`, and why there is none; see `model.derived.value`."""
    tails = (table.tails.get(row) for row in rows.tolist())
    several = np.fromiter((tail is not None and bool(tail.amounts) for tail in tails), np.bool_, len(rows))
    return model.value(facts, several, now_ms, parameters)


def hops(owner: Ints, promises: NDArray[np.void], n: int) -> tuple[Ints, Ints]:
    """Tickets with a known channel of each of n customers, and how many went through more than one."""
    tickets = (promises["kind"] == Kind.TICKET) & (promises["channels"] > 0)
    hopped = tickets & (promises["channels"] & (promises["channels"] - np.uint8(1)) > 0)  # more than one bit
    return np.bincount(owner[tickets], minlength=n), np.bincount(owner[hopped], minlength=n)


def _replies(owner: Ints, promises: NDArray[np.void]) -> tuple[Ints, Ints]:
    """(owner, epoch ms) of every first reply to a ticket and every solution of one."""
    found = [
        (owner[chosen], (promises[name][chosen].astype(np.int64) - 1) * 1000 + EPOCH_1990_MS)
        for name in ("replied", "closed")
        for chosen in [np.flatnonzero((promises["kind"] == Kind.TICKET) & (promises[name] > 0))]
    ]
    return np.concatenate([who for who, _ in found]), np.concatenate([when for _, when in found])
