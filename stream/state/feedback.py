"""The latest feedback of each customer with its time: 92 days of it, an order-free set.

An entry is 32 bits: 26 of time in units of 64 seconds since 1990, which reach to 2126, and 6 of code
(`model.feedback`), so entries sort by time. Remembered is what lies within `KEPT_S` of the customer's latest
feedback: the latest `FEEDBACK_SLOTS` in the row, latest first, earlier ones in the tail.

Both bounds (the age, and `MAX_FEEDBACK` beyond the row's, the latest of them) are functions of the set alone:
what falls out of a part falls out of the whole, so order, cuts and restarts change no bit.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import EPOCH_1990_MS, Ints
from stream.model.feedback import KEPT_DAYS
from stream.state.layout import FEEDBACK_SLOTS
from stream.state.tail import NO_TAIL, Tails

__all__ = ["MAX_FEEDBACK", "UNIT_S", "Remembered", "add", "heard_since", "remembered"]

CODE_BITS = 6
UNIT_S = 1 << CODE_BITS
CODES = np.uint32(UNIT_S - 1)
KEPT_UNITS = KEPT_DAYS * 86_400 // UNIT_S
MAX_FEEDBACK = 250  # beyond the row's; whoever answers more often is known by the latest
LAST = np.int64(0xFFFFFFFF)


def add(store: NDArray[np.void], tails: Tails, rows: Ints, time_s: NDArray[np.uint32], code: Ints) -> None:
    """Remember feedback. Commutative; repeats are the business of `dedup`.

    Args:
        store: row array, written to in `feedback`.
        tails: overflow by row.
        rows: (n,) row of each.
        time_s: (n,) when, `columns.seconds`.
        code: (n,) 1-63.
    """
    entry = (time_s & ~CODES).astype(np.int64) | code
    touched, owner = np.unique(rows, return_inverse=True)
    slots = store["feedback"][touched]
    row, place = np.nonzero(slots)
    parts = [(owner, entry), (row, slots[row, place].astype(np.int64))]
    spilled, size, old = _in_tails(tails, touched)
    parts.append((np.repeat(spilled, size), old.astype(np.int64)))
    # One sort by row, within a row latest first: entries stand complemented in the lower half.
    ordered = np.sort(np.concatenate([(i << 32) | (LAST - each) for i, each in parts]))
    row, entry = ordered >> 32, LAST - (ordered & LAST)
    start = np.searchsorted(row, np.arange(len(touched)))
    rank = np.arange(len(row)) - start[row]
    young = (entry[start[row]] >> CODE_BITS) - (entry >> CODE_BITS) <= KEPT_UNITS
    here = young & (rank < FEEDBACK_SLOTS)
    slots[:] = 0
    slots[row[here], rank[here]] = entry[here]
    store["feedback"][touched] = slots
    over = young & (rank >= FEEDBACK_SLOTS) & (rank < FEEDBACK_SLOTS + MAX_FEEDBACK)
    if len(spilled) or over.any():
        _spill(tails, touched, spilled.tolist(), row[over], entry[over])


def _spill(tails: Tails, touched: Ints, before: list[int], row: Ints, entry: Ints) -> None:
    """Write what did not fit; `row` ascending, index into `touched`."""
    now, start = np.unique(row, return_index=True)
    data, edges = entry.astype(np.uint32).tobytes(), [*(4 * start).tolist(), 4 * len(entry)]
    for number, first, end in zip(touched[now].tolist(), edges, edges[1:], strict=False):
        tails.tail(number).feedback = data[first:end]
    for i in set(before) - set(now.tolist()):
        number = int(touched[i])
        tails[number].feedback = b""
        if tails[number].empty:
            tails.forget(number)


def _in_tails(tails: Tails, rows: Ints) -> tuple[Ints, Ints, NDArray[np.uint32]]:
    """(which of the rows have feedback in their tail, how much each, all of it)."""
    found = [tails.get(row, NO_TAIL).feedback for row in rows.tolist()] if tails else []
    size = np.fromiter(map(len, found), np.int64, len(found)) // 4
    spilled = np.flatnonzero(size)
    return spilled, size[spilled], np.frombuffer(b"".join(found), np.uint32)


class Remembered(NamedTuple):
    """Feedback of n customers as one list of m entries.

    Attributes:
        owner: (m,) index of the customer.
        time_ms: (m,) when, epoch ms, at most 64 s early.
        code: (m,) index into `model.feedback.MEANINGS` plus one.
        since_ms: (n,) nothing later than this is missing; the beginning of time unless too much came.
    """

    owner: Ints
    time_ms: Ints
    code: Ints
    since_ms: Ints


def remembered(slots: NDArray[np.uint32], tails: Tails, rows: Ints) -> Remembered:
    """What is remembered of some rows, distinct; `slots` is their `feedback`, (n, FEEDBACK_SLOTS)."""
    owner, place = np.nonzero(slots)
    newest = slots[:, 0] >> CODE_BITS
    since = np.where(newest > 0, newest.astype(np.int64) - KEPT_UNITS, 0)
    spilled, size, further = _in_tails(tails, rows)
    full = size == MAX_FEEDBACK
    since[spilled[full]] = further[np.cumsum(size)[full] - 1] >> CODE_BITS
    entry = np.concatenate([slots[owner, place], further])
    return Remembered(
        owner=np.concatenate([owner, np.repeat(spilled, size)]),
        time_ms=_to_ms(entry >> CODE_BITS),
        code=(entry & CODES).astype(np.int64),
        since_ms=_to_ms(since),
    )


def heard_since(store: NDArray[np.void], time_ms: int) -> NDArray[np.bool_]:
    """Whether the latest feedback of some rows is later than a time; its own is up to 64 s early."""
    first_later = (time_ms - EPOCH_1990_MS + 1000) // (UNIT_S * 1000) + 1
    # In the entry's own units: this is asked of everybody, and a conversion would cost more than the reading.
    later: NDArray[np.bool_] = store["feedback"][:, 0] >= first_later << CODE_BITS
    return later


def _to_ms(units: NDArray[np.uint32] | Ints) -> Ints:
    """Units of 64 s as epoch ms."""
    return (units.astype(np.int64) * UNIT_S - 1) * 1000 + EPOCH_1990_MS
