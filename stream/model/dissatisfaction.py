"""P(low review) of an order, from what is known when the customer is asked: delivery, contents, sellers.

Conventions:
    n orders, each at its own moment of asking; columns are float64 (n,), times in days. Nothing that happens
    at or after that moment may be in `OrderFacts`: who fills them answers for it (`stream.offline.known`).
    Contributions are log-odds against the average order of the training rows; with the intercept they sum to
    the log-odds exactly.

Model: ridge logistic regression (`stream.offline.low_review` fits it). Lateness is not linear, so it enters
as hinges max(0, days - knot), a linear spline (Hastie, Tibshirani & Friedman 2009, The Elements of
Statistical Learning, 5.2): a day late hurts more than a day less early. An order that is not there at all is
another kind of fact than one that came late, so it has a spline of its own. Rates of sellers are shrunk to
the rate of all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from stream.model.columns import Floats

__all__ = ["DRIVERS", "FEATURES", "SIGNS", "Dissatisfaction", "OrderFacts", "features", "log_odds_of_rate"]

KNOTS = (-15.0, -7.0, -3.0, 0.0, 2.0, 4.0, 8.0, 15.0)
"""Days past the promise at which the effect of another day may change."""

MAX_DAYS = 60.0
"""Lateness beyond this adds nothing: by then the customer has judged."""

Bools = NDArray[np.bool_]


@dataclass(slots=True)
class OrderFacts:
    """What is known of n orders, each at the moment its customer is asked; all (n,).

    Attributes:
        arrived: it is there.
        shipped: the carrier has it, or had it.
        failed: delivery was given up.
        overdue_days: from the promise to the arrival, or to the moment of asking if it is not there; early
            is below 0.
        promise_days: from the order to the promise.
        lead_days: from the order to the arrival, or to the moment of asking.
        handling_days: from the order to the carrier, or to the moment of asking.
        transit_days: from the carrier to the arrival, or to the moment of asking; 0 if it was not shipped.
        items: how many.
        sellers: how many.
        value: what the items cost.
        freight_share: of the transport in all that was paid, 0-1.
        seller_low: log-odds of the worst seller's past low-review rate, shrunk.
        seller_late: log-odds of the worst seller's past rate of late arrivals, shrunk.
        seller_answers: reviews that the least-known seller has had.
    """

    arrived: Bools
    shipped: Bools
    failed: Bools
    overdue_days: Floats
    promise_days: Floats
    lead_days: Floats
    handling_days: Floats
    transit_days: Floats
    items: Floats
    sellers: Floats
    value: Floats
    freight_share: Floats
    seller_low: Floats
    seller_late: Floats
    seller_answers: Floats


DRIVERS: dict[str, tuple[str, ...]] = {
    "lateness": ("overdue", *(f"overdue_over_{knot:g}" for knot in KNOTS), "past_promise"),
    "not_arrived": (
        "not_arrived",
        *(f"missing_over_{knot:g}" for knot in KNOTS),
        "missing_past_promise",
        "not_shipped",
        "failed",
    ),
    "duration": ("lead", "promise", "handling", "transit"),
    "split_order": ("items", "several_items", "several_sellers", "several_items_missing"),
    "price": ("value", "freight_share"),
    "seller": ("seller_low", "seller_late", "seller_answers"),
}
"""Features by what a person would call their cause."""

FEATURES: tuple[str, ...] = tuple(name for names in DRIVERS.values() for name in names)


def features(facts: OrderFacts) -> Floats:
    """The model's inputs, (n, len(FEATURES))."""
    missing = (~facts.arrived).astype(np.float64)
    past = (facts.overdue_days > 0.0).astype(np.float64)
    hinges = [np.clip(facts.overdue_days - knot, 0.0, MAX_DAYS) for knot in KNOTS]
    several = (facts.items > 1.0).astype(np.float64)
    columns = [
        np.clip(facts.overdue_days, -MAX_DAYS, MAX_DAYS),
        *hinges,
        past,
        missing,
        *(missing * hinge for hinge in hinges),
        missing * past,
        ~facts.shipped,
        facts.failed,
        _log_days(facts.lead_days),
        _log_days(facts.promise_days),
        _log_days(facts.handling_days),
        _log_days(facts.transit_days),
        np.log(facts.items),
        several,
        facts.sellers > 1.0,
        several * missing,
        np.log1p(facts.value),
        facts.freight_share,
        facts.seller_low,
        facts.seller_late,
        np.log1p(facts.seller_answers),
    ]
    return np.stack([np.asarray(column, np.float64) for column in columns], axis=1)


def _log_days(days: Floats) -> Floats:
    return np.log1p(np.maximum(days, 0.0))


def log_odds_of_rate(happened: Floats, n: Floats, rate: Floats, strength: float = 10.0) -> Floats:
    """Log-odds of a rate shrunk to that of all: `strength` imagined cases of the common rate are added.

    Args:
        happened: how often, per seller.
        n: of how many.
        rate: of all, in (0, 1).
        strength: imagined cases.
    """
    shrunk = (happened + strength * rate) / (n + strength)
    return np.log(shrunk) - np.log1p(-shrunk)


SIGNS: dict[str, int] = {"seller_low": 1, "seller_late": 1}
"""Inputs whose effect has a direction whatever the data say: a worse past never speaks for a seller."""


@dataclass(frozen=True, slots=True)
class Dissatisfaction:
    """A fitted model.

    Attributes:
        mean: of each input over the training rows, (k,).
        coefficients: log-odds per unit of each input, (k,); 0 for one that says nothing.
        intercept: log-odds of the average order.
    """

    mean: Floats
    coefficients: Floats
    intercept: float

    def log_odds(self, inputs: Floats) -> Floats:
        """Of n rows of inputs (n, k)."""
        return self.intercept + (inputs - self.mean) @ self.coefficients

    def probability(self, inputs: Floats) -> Floats:
        """In (0, 1), of n rows of inputs (n, k)."""
        return expit(self.log_odds(inputs))

    def contributions(self, inputs: Floats) -> Floats:
        """Log-odds that each input adds against the average order, (n, k); with the intercept the whole."""
        return (inputs - self.mean) * self.coefficients
