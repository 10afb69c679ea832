"""Does the purchase model still hold? Each customer's risk as of a horizon ago, beside what came of it.

No checkpoint is kept: a row has its latest purchase days and the tail the earlier ones, so the model's part
of the risk can be computed as it was at an earlier day, and whether a purchase followed is in the same days.
It is the purchase part alone, not the number that was published: service terms of that day are gone. Late
records count as if they had been on time.
"""

import numpy as np
from scipy.special import expit

from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Ints, row_sums
from stream.model.drift import Sums
from stream.model.parameters import Parameters
from stream.model.risk import purchase_terms
from stream.state.layout import DAY_SLOTS
from stream.state.table import CustomerTable

__all__ = ["outcomes"]


def outcomes(table: CustomerTable, rows: Ints, parameters: Parameters) -> Sums:
    """Sums over the customers who had bought by the anchor, a horizon before the last whole day.

    The last whole day is the one before the latest event of the partition, so neither a backlog nor a pause
    of the senders looks like customers who left. Customers with a contract are left out: their risk is not
    of purchases. Where a layer reads amounts, the mean amount of all purchases stands for that of the day.

    Args:
        table: the state; nothing changes.
        rows: (n,) row numbers, live.
        parameters: of the model; the horizon is theirs.
    """
    horizon = parameters.churn.horizon_days
    anchor = (table.watermark_ms - EPOCH_1990_MS) // MS_PER_DAY - horizon  # as `day_number` counts
    store = table.rows
    contract = (store["renewed_s"][rows] > 0) | (store["cancel_s"][rows] > 0) | (store["ended_s"][rows] > 0)
    first = store["first_day"][rows].astype(np.int64)
    rows = rows[(first > 0) & (first <= anchor) & ~contract]
    if not len(rows):
        return Sums.zero()
    days, n_days = store["days"][rows].astype(np.int64), store["n_days"][rows].astype(np.int64)
    later = days > anchor
    n_then = n_days - later.sum(axis=1)
    last = np.where(later, 0, days).max(axis=1)
    left = np.logical_not(np.any(later & (days <= anchor + horizon), axis=1))
    # All that the row holds came later: what was known that day is in the tail, with more that came later.
    for i in np.flatnonzero((last == 0) & (n_days > DAY_SLOTS)).tolist():
        tail = np.fromiter(table.tails[int(rows[i])].days, np.int64)
        before = tail <= anchor
        n_then[i], last[i] = before.sum(), tail[before].max()
        left[i] &= not (tail[~before] <= anchor + horizon).any()
    terms = purchase_terms(
        n_then,
        store["first_day"][rows] - 1.0,
        last - 1.0,
        store["amount_e4"][rows] * n_then / n_days,
        int(anchor - 1) * MS_PER_DAY + EPOCH_1990_MS,
        parameters.churn,
    )
    return Sums.of(expit(row_sums(terms)), left)
