"""Trust as it was some days ago, from the present state: what came since is taken out again.

Not a copy that somebody kept: feedback is remembered with its time and promises hold theirs, so the sums
without what happened later are those that an observer of that day would have had, had everything reached him
at once. Late records change the past they belong to. A promise that had to make room (closed for more than
`SETTLED_S` when a fifth one came) has lost its time, and counts as known.
"""

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Floats, Ints
from stream.model.evidence import (
    CAUSES,
    DERIVED_CAUSES,
    DIMENSION_OF,
    cause_half_lives_ms,
    growth,
    shrink,
    shrink_each,
)
from stream.model.feedback import terms
from stream.model.parameters import Parameters
from stream.model.trust import LastHeard, trust
from stream.state import promises
from stream.state.feedback import newest_ms, remembered
from stream.state.layout import take
from stream.state.table import CustomerTable

__all__ = ["MOST_DAYS", "most_then", "trust_then"]

MOST_DAYS = 90  # of feedback; a day more is remembered for events ahead


def trust_then(table: CustomerTable, rows: Ints, now_ms: int, days: int, parameters: Parameters) -> Floats:
    """Trust of the customers in `rows` (distinct, live) `days` before `now_ms`, 0-100; shape (n,).

    nan where it cannot be known: nobody had heard of the customer yet, the state is of a later time than
    `now_ms`, or more feedback came since than is remembered.

    Args:
        table: the state.
        rows: (n,) row numbers.
        now_ms: time of the present scores.
        days: at most `MOST_DAYS`.
        parameters: of the model.
    """
    assert 0 <= days <= MOST_DAYS
    then_ms = now_ms - days * MS_PER_DAY
    store, k = take(table.rows, rows), len(CAUSES)
    sums = [np.zeros((len(rows), k + len(DERIVED_CAUSES))) for _ in range(2)]
    memory = remembered(table.rows, table.tails, rows)
    later = memory.time_ms > then_ms
    owner, code, when = memory.owner[later], memory.code[later], memory.time_ms[later]
    each, half_lives = terms(parameters.statistics), cause_half_lives_ms(parameters.statistics)
    cause = each.cause[code]
    promised = promises.evidence_of(table.rows, table.tails, rows, then_ms, parameters, past=True)
    first_ms, last_ms = (
        (store[name].astype(np.int64) - 1) * 1000 + EPOCH_1990_MS for name in ("first_s", "last_s")
    )
    # The last event before a later one is not known: then nothing is known of a silence either.
    heard_ms = np.where((last_ms <= then_ms) & (store["last_s"] > 0), last_ms, then_ms)
    decay, heard_decay = shrink(then_ms, half_lives), shrink_each(heard_ms, parameters.statistics)
    heard = LastHeard((then_ms - heard_ms).astype(np.float64), *(np.zeros_like(side) for side in sums))
    for side, (weight, kept) in enumerate(((each.good, promised.positive), (each.bad, promised.negative))):
        stored = store["evidence"][:, :, side].copy()
        np.subtract.at(stored, (owner, cause), growth(weight[code], when, half_lives[cause]))
        stored[:, promises.PROMISE_COLUMNS] += kept
        np.maximum(stored, 0.0, out=stored)  # entries are up to 64 s early
        sums[side][:, :k], heard[1 + side][:, :k] = stored * decay, stored * heard_decay
    sums[1][:, k:] = heard.negative[:, k:] = promised.overdue
    found = trust(sums[0], sums[1], parameters.trust, heard).trust
    unknown = (first_ms > then_ms) | (last_ms > now_ms + MS_PER_DAY) | (memory.since_ms > then_ms)
    return np.where(unknown, np.nan, found)


def most_then(
    table: CustomerTable,
    rows: Ints,
    store: NDArray[np.void],
    positive: Floats,
    now_ms: int,
    days: int,
    parameters: Parameters,
) -> Floats:
    """No less than `trust_then`, at a fraction of its cost; 0 where nobody had heard of the customer; (n,).

    As if all evidence for us had been there already, and all against us that is not known to have been. Sums
    only grow, but for a ticket that was opened again: then nothing is ruled out, nor where promises lie in
    the tail. Without feedback since then what is stored against us was there.

    Args:
        table: the state.
        rows: (n,) row numbers.
        store: a copy of these rows.
        positive: (n, causes) evidence for us, decayed to now.
        now_ms: time of the present scores.
        days: at most `MOST_DAYS`.
        parameters: of the model.
    """
    base, prior = parameters.trust.base_rate, parameters.trust.prior_weight
    then_ms, half_lives = now_ms - days * MS_PER_DAY, cause_half_lives_ms(parameters.statistics)
    weights = np.array([getattr(parameters.trust.dimension_weight, DIMENSION_OF[cause]) for cause in CAUSES])
    good = positive[:, : len(CAUSES)] @ (weights * np.exp2(days * MS_PER_DAY / half_lives))
    bad = store["evidence"][:, :, 1] @ (
        weights * parameters.trust.negative_weight * shrink(then_ms, half_lives)
    )
    bad[newest_ms(store) > then_ms] = 0.0
    most = 100.0 * (good + base * prior) / (good + bad + prior)
    open_to_doubt = (store["promises"]["reopened"] > 0).any(axis=1)
    if table.tails:
        tails = map(table.tails.get, rows.tolist())
        spilled = (tail is not None and bool(tail.places) for tail in tails)
        open_to_doubt |= np.fromiter(spilled, np.bool_, len(rows))
    most[open_to_doubt] = 100.0
    most[(store["first_s"].astype(np.int64) - 1) * 1000 + EPOCH_1990_MS > then_ms] = 0.0
    return most
