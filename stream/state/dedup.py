"""Duplicates: an event id is accepted once among a customer's last `DEDUP_SLOTS` accepted events."""

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import Ints
from stream.state.layout import DEDUP_SLOTS

__all__ = ["accept"]


def accept(store: NDArray[np.void], rows: Ints, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Mask of the events that are new; remembers them and counts them in `events`.

    Args:
        store: row array, written to in `dedup` and `events`.
        rows: (n,) row of each event, arrival order.
        hashes: (n,) 64-bit hash of each event id, never 0.

    The result is what one event after the other would give, whatever the batch: customers with a suspect
    go through a
    plain loop, all others (nearly all) at once.
    """
    suspects = np.unique(
        rows[(store["dedup"][rows] == hashes[:, None]).any(axis=1) | _repeated(rows, hashes)]
    )
    accepted = np.ones(len(rows), np.bool_)
    if len(suspects):
        slow = np.isin(rows, suspects)
        accepted[slow] = _one_by_one(store, rows[slow], hashes[slow])
        fast = ~slow
        _remember(store, rows[fast], hashes[fast])
    else:
        _remember(store, rows, hashes)
    return accepted


def _repeated(rows: Ints, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Mask of events whose (row, hash) occurs more than once in this run."""
    order = np.lexsort((hashes, rows))
    same = (rows[order][1:] == rows[order][:-1]) & (hashes[order][1:] == hashes[order][:-1])
    repeated = np.zeros(len(rows), np.bool_)
    repeated[order[1:][same]] = True
    return repeated


def _remember(store: NDArray[np.void], rows: Ints, hashes: NDArray[np.uint64]) -> None:
    """Write accepted hashes into their rings; several of one row take consecutive slots."""
    order = np.argsort(rows, kind="stable")
    by_row = rows[order]
    touched, start, count = np.unique(by_row, return_index=True, return_counts=True)
    rank = np.arange(len(by_row)) - np.repeat(start, count)
    slot = (store["events"][by_row].astype(np.int64) + rank) % DEDUP_SLOTS
    store["dedup"][by_row, slot] = hashes[order]
    store["events"][touched] += count.astype(np.uint32)


def _one_by_one(store: NDArray[np.void], rows: Ints, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    accepted = np.zeros(len(rows), np.bool_)
    for i, (row, seen) in enumerate(zip(rows.tolist(), hashes.tolist(), strict=True)):
        ring = store["dedup"][row]
        if seen in ring.tolist():
            continue
        events = int(store["events"][row])
        ring[events % DEDUP_SLOTS] = seen
        store["events"][row] = events + 1
        accepted[i] = True
    return accepted
