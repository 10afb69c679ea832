"""What was known of an order at a moment: its own delivery, and the past of its sellers.

A fact is known at a moment if it happened before it: strictly, so nothing of that moment itself is used.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import Floats, Ints
from stream.model.dissatisfaction import OrderFacts, log_odds_of_rate
from stream.offline.orders import NEVER, Orders, Reviews

__all__ = ["facts"]

Bools = NDArray[np.bool_]
EPOCH_1990_MS = 631_152_000_000
DAY_MS = 86_400_000.0


class Sellers(NamedTuple):
    """Of m orders; all (m,).

    Attributes:
        n: how many, at least 1.
        low: log-odds of the worst one's low reviews.
        late: log-odds of the worst one's late arrivals.
        answers: reviews of the least known.
    """

    n: Floats
    low: Floats
    late: Floats
    answers: Floats


def facts(orders: Orders, reviews: Reviews, low: Bools, order: Ints, at_ms: Ints) -> OrderFacts:
    """What was known of m orders, each at its own moment.

    Args:
        orders: all of them: what became of the others tells about the sellers.
        reviews: all of them, likewise.
        low: which reviews were low.
        order: (m,) indices into `orders`.
        at_ms: (m,) the moments; each after its order was promised.
    """
    ordered, due = orders.ordered_ms[order], orders.due_ms[order]
    arrived, shipped = orders.arrived_ms[order] < at_ms, orders.shipped_ms[order] < at_ms
    end = np.where(arrived, orders.arrived_ms[order], at_ms)
    handed = np.where(shipped, orders.shipped_ms[order], end)
    known = orders.contents_ms[order] < at_ms
    priced = orders.priced_ms[order] < at_ms
    value, freight = orders.value[order] * priced, orders.freight[order] * priced
    sellers = _sellers(orders, reviews, low, order, at_ms)
    return OrderFacts(
        arrived=arrived,
        shipped=shipped | arrived,
        failed=orders.failed_ms[order] < at_ms,
        overdue_days=(end - due) / DAY_MS,
        promise_days=(due - ordered) / DAY_MS,
        lead_days=(end - ordered) / DAY_MS,
        handling_days=(handed - ordered) / DAY_MS,
        transit_days=(end - handed) / DAY_MS,
        items=np.where(known, orders.items[order], 1.0),
        sellers=np.where(known, sellers.n, 1.0),
        value=value,
        freight_share=freight / np.maximum(value + freight, 1e-9),
        seller_low=sellers.low,
        seller_late=sellers.late,
        seller_answers=sellers.answers,
    )


def _sellers(orders: Orders, reviews: Reviews, low: Bools, order: Ints, at_ms: Ints) -> Sellers:
    """The sellers of m orders, each at its own moment; arguments as of `facts`."""
    first = np.searchsorted(orders.pair_order, np.arange(len(orders.ids) + 1))
    review_at, review_seller = _of_pairs(first, orders.pair_seller, reviews.order)
    arrived = np.flatnonzero(orders.arrived_ms < NEVER)
    arrival_at, arrival_seller = _of_pairs(first, orders.pair_seller, arrived)
    late = orders.arrived_ms > orders.due_ms
    asked_at, asked_seller = _of_pairs(first, orders.pair_seller, order)
    when = at_ms[asked_at]
    n, n_low = _before(review_seller, reviews.answered_ms[review_at], low[review_at], asked_seller, when)
    m, n_late = _before(
        arrival_seller,
        orders.arrived_ms[arrived][arrival_at],
        late[arrived][arrival_at],
        asked_seller,
        when,
    )
    all_low = _rate(reviews.answered_ms, low, at_ms)
    all_late = _rate(orders.arrived_ms[arrived], late[arrived], at_ms)
    low_odds = log_odds_of_rate(n_low, n, all_low[asked_at])
    late_odds = log_odds_of_rate(n_late, m, all_late[asked_at])
    n_sellers = np.maximum(np.bincount(asked_at, minlength=len(order)), 1).astype(np.float64)
    zero = np.zeros(len(order))
    nobody = log_odds_of_rate(zero, zero, all_low), log_odds_of_rate(zero, zero, all_late)
    return Sellers(
        n_sellers,
        _worst(nobody[0], asked_at, low_odds),
        _worst(nobody[1], asked_at, late_odds),
        _least(len(order), asked_at, n),
    )


def _of_pairs(first: Ints, sellers: Ints, order: Ints) -> tuple[Ints, Ints]:
    """(position in `order`, seller) for each seller of each order."""
    n = first[order + 1] - first[order]
    at = np.repeat(np.arange(len(order)), n)
    inside = np.arange(len(at)) - np.repeat(np.cumsum(n) - n, n)
    return at, sellers[first[order][at] + inside]


def _before(seller: Ints, time_ms: Ints, flag: Bools, asked: Ints, when: Ints) -> tuple[Floats, Floats]:
    """How many events a seller had before a moment, and how many of them carry the flag."""
    key = _key(seller, time_ms)
    by = np.argsort(key, kind="stable")
    total = np.concatenate([[0], np.cumsum(flag[by])])
    end = np.searchsorted(key[by], _key(asked, when))
    start = np.searchsorted(key[by], _key(asked, np.full(len(asked), EPOCH_1990_MS)))
    return (end - start).astype(np.float64), (total[end] - total[start]).astype(np.float64)


def _key(seller: Ints, time_ms: Ints) -> Ints:
    """Sorts by seller, then by time: 42 bits hold the ms from 1990 to 2129, 21 bits two million sellers."""
    return (seller << 42) + np.clip(time_ms - EPOCH_1990_MS, 0, (1 << 42) - 1)


def _rate(time_ms: Ints, flag: Bools, when: Ints) -> Floats:
    """Share of flags among all events before each moment; two imagined cases keep it inside (0, 1)."""
    by = np.argsort(time_ms, kind="stable")
    total = np.concatenate([[0], np.cumsum(flag[by])])
    end = np.searchsorted(time_ms[by], when)
    return (total[end] + 0.3) / (end + 2.0)


def _worst(nobody: Floats, at: Ints, odds: Floats) -> Floats:
    result = np.full(len(nobody), -np.inf)
    np.maximum.at(result, at, odds)
    return np.where(np.isfinite(result), result, nobody)


def _least(n: int, at: Ints, counts: Floats) -> Floats:
    result = np.full(n, np.inf)
    np.minimum.at(result, at, counts)
    return np.where(np.isfinite(result), result, 0.0)
