"""Did what was published come true? Checkpoints of the rows whose horizon is over, beside what came of them.

The published number is the model's: a person may show another band, which changes no risk. What came is read
from the row when it is asked for, so a purchase that arrives late counts like one that was on time.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Floats, Ints
from stream.model.drift import Sums
from stream.model.parameters import Parameters
from stream.state.checkpoints import OF_CONTRACT
from stream.state.layout import DAY_SLOTS
from stream.state.table import CustomerTable

__all__ = ["Judged", "judged", "last_whole_day", "outcomes"]

S_PER_DAY = 86_400

Bools = NDArray[np.bool_]


class Judged(NamedTuple):
    """m checkpoints and their ends; `day` as `columns.day_number` counts, `risk` in [0, 1] as published."""

    day: Ints
    risk: Floats
    left: Bools


def last_whole_day(table: CustomerTable) -> int:
    """The day before the partition's latest event, as `columns.day_number` counts.

    So neither a backlog nor a pause of the senders looks like customers who left.
    """
    return (table.watermark_ms - EPOCH_1990_MS) // MS_PER_DAY


def outcomes(table: CustomerTable, rows: Ints, parameters: Parameters) -> Sums:
    """Sums over the checkpoints whose horizon ended within the last horizon: at most one of each customer.

    Older ones are left out although some rows still have theirs: those rows are of customers of whom nothing
    was published since, and they would count for longer than others.

    Args:
        table: the state; nothing changes.
        rows: (n,) row numbers, live.
        parameters: of the model; the horizon is theirs.
    """
    until = last_whole_day(table)
    found = judged(table, rows, until - parameters.churn.horizon_days, until, parameters)
    return Sums.of(found.risk, found.left)


def judged(table: CustomerTable, rows: Ints, after: int, until: int, parameters: Parameters) -> Judged:
    """The checkpoints whose horizon ended on one of the days (after, until], and what came of them.

    Args:
        table: the state; nothing changes.
        rows: (n,) row numbers, live.
        after: a day.
        until: a day that is over.
        parameters: of the model; the horizon is theirs.
    """
    store, taken = table.rows, table.rows["checkpoint_day"][rows].astype(np.int64)
    ends = taken + parameters.churn.horizon_days
    places, which = np.nonzero((taken > 0) & (ends > after) & (ends <= until))
    rows, day, end = rows[places], taken[places, which], ends[places, which]
    kept = store["checkpoint_risk"][rows, which]
    left = _no_purchase(table, rows, day, end)
    of_contract = np.flatnonzero(kept >= OF_CONTRACT)
    left[of_contract] = _no_contract(store, rows[of_contract], end[of_contract], parameters)
    return Judged(day, (kept % OF_CONTRACT) / 10_000.0, left)


def _no_purchase(table: CustomerTable, rows: Ints, day: Ints, end: Ints) -> Bools:
    """Who bought on none of the days (day, end]; all (m,)."""
    days = table.rows["days"][rows].astype(np.int64)
    left: Bools = np.logical_not(np.any((days > day[:, None]) & (days <= end[:, None]), axis=1))
    # Where all that the row holds came later, the tail holds what was before.
    spilled = left & (table.rows["n_days"][rows] > DAY_SLOTS) & (days.min(axis=1) > end)
    for i in np.flatnonzero(spilled).tolist():
        left[i] = not any(day[i] < each <= end[i] for each in table.tails[int(rows[i])].days)
    return left


def _no_contract(store: NDArray[np.void], rows: Ints, end: Ints, parameters: Parameters) -> Bools:
    """Who was under contract no more when the day `end` was over; (m,). Won back by then is not ended.

    A row has the latest of each step: who ended, came back and ended again counts by the second time alone.
    """
    names = ("renewed_s", "ended_s", "term_end_s")
    renewed, ended, term_end = (store[name][rows].astype(np.int64) for name in names)
    end_s = end * S_PER_DAY
    renewed_by_then = (renewed > 0) & (renewed <= end_s)
    gone = (ended > 0) & (ended <= end_s) & ~(renewed_by_then & (renewed >= ended))
    contract = parameters.churn.contract
    if contract is not None and contract.renewals_reported:  # as it was fitted: a term that nobody renewed
        over_s = term_end + round(contract.grace_days * S_PER_DAY)
        gone |= renewed_by_then & (term_end > renewed) & (over_s < end_s)
    return gone
