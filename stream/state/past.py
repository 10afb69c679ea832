"""Trust as it was some days ago, from the present state: what came since is taken out again.

Not a copy that somebody kept: feedback is remembered with its time and promises hold theirs, so the sums
without what happened later are those that an observer of that day would have had, had everything reached him
at once. Late records change the past they belong to. A promise that had to make room (closed for more than
`SETTLED_S` when a fifth one came) has lost its time, and counts as known.
"""

from typing import NamedTuple

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
from stream.state.feedback import heard_since, remembered
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
    later, half_lives = (
        _later(table, rows, store["feedback"], then_ms, parameters),
        cause_half_lives_ms(parameters.statistics),
    )
    promised = promises.evidence_of(table.rows, table.tails, rows, then_ms, parameters, past=True)
    first_ms, last_ms = (
        (store[name].astype(np.int64) - 1) * 1000 + EPOCH_1990_MS for name in ("first_s", "last_s")
    )
    # The last event before a later one is not known: then nothing is known of a silence either.
    heard_ms = np.where((last_ms <= then_ms) & (store["last_s"] > 0), last_ms, then_ms)
    decay, heard_decay = shrink(then_ms, half_lives), shrink_each(heard_ms, parameters.statistics)
    heard = LastHeard((then_ms - heard_ms).astype(np.float64), *(np.zeros_like(side) for side in sums))
    for side, (term, kept) in enumerate(((later.good, promised.positive), (later.bad, promised.negative))):
        stored = store["evidence"][:, :, side].copy()
        np.subtract.at(stored, (later.owner, later.cause), term)
        stored[:, promises.PROMISE_COLUMNS] += kept
        np.maximum(stored, 0.0, out=stored)  # entries are up to 64 s early
        sums[side][:, :k], heard[1 + side][:, :k] = stored * decay, stored * heard_decay
    sums[1][:, k:] = heard.negative[:, k:] = promised.overdue
    found = trust(sums[0], sums[1], parameters.trust, heard).trust
    unknown = (first_ms > then_ms) | (last_ms > now_ms + MS_PER_DAY) | later.unknown
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

    As if all evidence for us had been there already, and nothing against us but what feedback since then did
    not bring. Sums only grow, but for a ticket that was opened again: then nothing is ruled out, nor where
    promises lie in the tail.

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
    kept = weights * shrink(then_ms, half_lives)
    against = parameters.trust.negative_weight * kept
    # Both sides of each row as they lie, with noughts for ours: a copy of every second column costs more.
    sides = np.zeros(2 * len(CAUSES))
    sides[1::2] = against
    bad = store["evidence"].reshape(len(store), len(sides)) @ sides
    heard = np.flatnonzero(heard_since(store, then_ms))
    later = _later(table, rows[heard], store["feedback"][heard], then_ms, parameters)
    owner = heard[later.owner]
    np.subtract.at(good, owner, later.good * kept[later.cause])
    np.subtract.at(bad, owner, later.bad * against[later.cause])
    bad[heard[later.unknown]] = 0.0
    most = 100.0 * (good + base * prior) / (good + bad + prior)
    most[np.nonzero(store["promises"]["reopened"] > 0)[0]] = 100.0
    most[table.tails.with_promises(rows)] = 100.0
    most[(store["first_s"].astype(np.int64) - 1) * 1000 + EPOCH_1990_MS > then_ms] = 0.0
    return most


class _Later(NamedTuple):
    """Feedback of n customers after a time, m of them, as the terms that it added to the stored sums.

    Attributes:
        owner: (m,) index of the customer.
        cause: (m,) index into `CAUSES`.
        good, bad: (m,) in landmark units.
        unknown: (n,) whether more came than is remembered.
    """

    owner: Ints
    cause: Ints
    good: Floats
    bad: Floats
    unknown: NDArray[np.bool_]


def _later(
    table: CustomerTable, rows: Ints, slots: NDArray[np.uint32], then_ms: int, parameters: Parameters
) -> _Later:
    memory = remembered(slots, table.tails, rows)
    later = memory.time_ms > then_ms
    code, when = memory.code[later], memory.time_ms[later]
    each = terms(parameters.statistics)
    cause = each.cause[code]
    half_lives = cause_half_lives_ms(parameters.statistics)[cause]
    good, bad = (growth(weight[code], when, half_lives) for weight in (each.good, each.bad))
    return _Later(memory.owner[later], cause, good, bad, memory.since_ms > then_ms)
