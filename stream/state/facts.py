"""Rows at a time -> the facts that the model scores: sums decayed to now, promises judged, days counted."""

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Ints
from stream.model.evidence import CAUSES, DERIVED_CAUSES, cause_half_lives_ms, shrink, shrink_each
from stream.model.parameters import Parameters
from stream.model.risk import RiskFacts, engagement_at_worst
from stream.model.score import Facts
from stream.model.trust import LastHeard
from stream.state import promises
from stream.state.layout import take
from stream.state.table import CustomerTable

__all__ = ["facts"]


def facts(
    table: CustomerTable,
    rows: Ints,
    now_ms: int,
    parameters: Parameters,
    store: NDArray[np.void] | None = None,
) -> Facts:
    """Facts of the customers in `rows` (distinct, live) at `now_ms`; `store`: a copy of them, if made."""
    if store is None:
        store = take(table.rows, rows)
    k = len(CAUSES)
    positive = np.zeros((len(rows), k + len(DERIVED_CAUSES)))
    negative = np.zeros_like(positive)
    positive[:, :k] = store["evidence"][:, :, 0]
    negative[:, :k] = store["evidence"][:, :, 1]
    promised = promises.evidence_of(table.rows, table.tails, rows, now_ms, parameters)
    positive[:, promises.PROMISE_COLUMNS] += promised.positive
    negative[:, promises.PROMISE_COLUMNS] += promised.negative
    statistics = parameters.statistics
    heard_ms = _heard_ms(store, now_ms)
    heard = LastHeard(now_ms - heard_ms.astype(np.float64), np.zeros_like(positive), np.empty_like(negative))
    decay = shrink_each(heard_ms, statistics)
    np.multiply(positive[:, :k], decay, out=heard.positive[:, :k])
    np.multiply(negative[:, :k], decay, out=heard.negative[:, :k])
    heard.negative[:, k:] = promised.overdue
    decay = shrink(now_ms, cause_half_lives_ms(statistics))
    positive[:, :k] *= decay
    negative[:, :k] *= decay
    negative[:, k:] = promised.overdue
    short, long = engagement_at_worst(
        store["engagement"][:, 0], store["engagement"][:, 1], heard_ms, now_ms, statistics
    )
    risk = RiskFacts(
        purchase_days=store["n_days"].astype(np.int64),
        first_day=store["first_day"].astype(np.float64) - 1.0,
        last_day=store["days"].max(axis=1).astype(np.float64) - 1.0,
        amount_e4=store["amount_e4"],
        overdue=promised.n_overdue,
        payment_failures=store["payment_failures"]
        * shrink(heard_ms, statistics.payment_failure_days * MS_PER_DAY),
        engagement_short=short,
        engagement_long=long,
        unsubscribed=store["unsubscribed_s"] > store["resubscribed_s"],
        contractual=(store["renewed_s"] > 0) | (store["cancel_s"] > 0) | (store["ended_s"] > 0),
        cancel_requested=store["cancel_s"] > store["renewed_s"],
        ended=store["ended_s"] > store["renewed_s"],
        term_end_ms=_to_ms(store["term_end_s"].astype(np.int64)),
        first_ms=_to_ms(store["first_s"].astype(np.int64)),
        renewed_ms=_to_ms(store["renewed_s"].astype(np.int64)),
    )
    return Facts(positive=positive, negative=negative, heard=heard, risk=risk)


def _heard_ms(store: NDArray[np.void], now_ms: int) -> Ints:
    """When each customer was heard of last, no later than now; now where never."""
    last_ms = _to_ms(store["last_s"].astype(np.int64))
    return np.where(last_ms > 0, np.minimum(last_ms, now_ms), now_ms)


def _to_ms(time_s: Ints) -> Ints:
    return np.where(time_s > 0, (time_s - 1) * 1000 + EPOCH_1990_MS, 0)
