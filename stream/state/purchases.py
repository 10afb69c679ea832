"""Purchases: days as an exact set, so that late, repeated and same-day purchases never count twice; amounts.

The row holds the `DAY_SLOTS` latest distinct days; older ones move to the tail. A bare counter would break on
a late same-day purchase. The row's amount is the bare total; where a customer pays in several currencies the
tail knows what each of them sums to.
"""

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import Ints
from stream.state.layout import DAY_SLOTS
from stream.state.tail import NO_TAIL, Tail, Tails

__all__ = ["add_amounts", "add_days", "amounts"]

LAST_DAY = np.int64(0xFFFF)


def add_days(store: NDArray[np.void], tails: Tails, rows: Ints, days: NDArray[np.uint16]) -> None:
    """Add one purchase day per event; idempotent, commutative.

    Args:
        store: row array, written to in `days`, `n_days`, `first_day`.
        tails: overflow by row.
        rows: (n,) row of each purchase.
        days: (n,) day of each purchase, never 0.
    """
    unknown = ~(store["days"][rows] == days[:, None]).any(axis=1)
    if not unknown.any():
        return
    pairs = np.unique((rows[unknown] << 16) | days[unknown])  # by row, then by day
    new_rows, new_days = pairs >> 16, (pairs & 0xFFFF).astype(np.uint16)
    touched, start, count = np.unique(new_rows, return_index=True, return_counts=True)
    fits = store["n_days"][touched] + count <= DAY_SLOTS
    fast = np.repeat(fits, count)
    rank = np.arange(len(new_rows)) - np.repeat(start, count)
    slot = store["n_days"][new_rows].astype(np.int64) + rank
    store["days"][new_rows[fast], slot[fast]] = new_days[fast]
    store["n_days"][touched[fits]] += count[fits].astype(np.uint16)
    if not fits.all():
        _add_to_full_rows(store, tails, new_rows[~fast], new_days[~fast].astype(np.int64))
    _lower_first_day(store, touched, new_days[start])


def _add_to_full_rows(store: NDArray[np.void], tails: Tails, rows: Ints, days: Ints) -> None:
    """Days that are not in their rows' slots, which are too few: the latest stay there, others move."""
    pairs = zip(rows.tolist(), days.tolist(), strict=True)
    new = ~np.fromiter((day in tails.get(row, NO_TAIL).days for row, day in pairs), np.bool_, len(rows))
    touched, owner = np.unique(rows[new], return_inverse=True)
    slots = store["days"][touched]
    row, place = np.nonzero(slots)
    parts = ((owner, days[new]), (row, slots[row, place].astype(np.int64)))
    # One sort by row, within a row latest first: days stand complemented in the lower half.
    ordered = np.sort(np.concatenate([(i << 16) | (LAST_DAY - day) for i, day in parts]))
    row, day = ordered >> 16, LAST_DAY - (ordered & LAST_DAY)
    rank = np.arange(len(row)) - np.searchsorted(row, np.arange(len(touched)))[row]
    here = rank < DAY_SLOTS
    slots[row[here], rank[here]] = day[here]
    store["days"][touched] = slots
    store["n_days"][touched] += np.bincount(owner, minlength=len(touched)).astype(np.uint16)
    for number, moved in zip(touched[row[~here]].tolist(), day[~here].tolist(), strict=True):
        tails.tail(number).add_day(moved)


def _lower_first_day(store: NDArray[np.void], touched: Ints, smallest: NDArray[np.uint16]) -> None:
    """`pairs` is sorted by row, then day, so the first of each row is its smallest new day."""
    known = store["first_day"][touched]
    store["first_day"][touched] = np.where(known == 0, smallest, np.minimum(known, smallest))


def add_amounts(store: NDArray[np.void], tails: Tails, rows: Ints, amount_e4: Ints, currency: Ints) -> None:
    """Add amounts to the total of all currencies, and to that of each. All arrays (n,); no currency is 0.

    `currency` of a row is the lowest number that it has met; the tail sums each other one, so the lowest has
    what is left of the total. Nearly everybody has one currency and no such sums.
    """
    known = store["currency"][rows]
    if not known.all():
        fresh = np.flatnonzero(known == 0)
        owners, first = np.unique(rows[fresh], return_index=True)
        store["currency"][owners] = currency[fresh[first]]
        known = store["currency"][rows]
    other = known != currency
    if other.any():
        mixed = np.isin(rows, rows[other])
        parts = (values[mixed].tolist() for values in (rows, amount_e4, currency))
        for row, amount, number in zip(*parts, strict=True):
            _add_to_mixed(store, tails.tail(row), row, amount, number)
        rows, amount_e4 = rows[~mixed], amount_e4[~mixed]
    np.add.at(store["amount_e4"], rows, amount_e4)


def _add_to_mixed(store: NDArray[np.void], tail: Tail, row: int, amount: int, number: int) -> None:
    own = int(store["currency"][row])
    if number < own:
        tail.add_amount(own, int(store["amount_e4"][row]) - sum((tail.amounts or {}).values()))
        store["currency"][row] = number
    if number > own:
        tail.add_amount(number, amount)
    store["amount_e4"][row] += amount


def amounts(store: NDArray[np.void], tails: Tails, row: int) -> dict[int, int]:
    """Sum of a row's purchase amounts in 1/10,000 by currency (`columns.currency_number`)."""
    own, tail = int(store["currency"][row]), tails.get(row)
    others = (tail.amounts if tail is not None else None) or {}
    return {own: int(store["amount_e4"][row]) - sum(others.values())} | others if own else {}
