"""Duplicates: an event id is accepted once among a customer's last `DEDUP_SLOTS` accepted events."""

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import Ints
from stream.state.groups import Groups, group
from stream.state.layout import DEDUP_SLOTS

__all__ = ["accept"]


def accept(store: NDArray[np.void], events: Groups, hashes: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Mask of the events that are new; remembers them and counts them in `events`.

    Args:
        store: row array, written to in `dedup` and `events`.
        events: (n,) events by row.
        hashes: (n,) 64-bit hash of each event id, never 0; arrival order.

    The result is what one event after the other would give, whatever the batch: customers with a suspect go
    through a plain loop, all others (nearly all) at once.
    """
    rows = events.rows
    known = store["dedup"][rows] == hashes[:, None]
    repeated = _repeated(rows, hashes)
    accepted = np.ones(len(rows), np.bool_)
    if repeated is None and not known.any():
        _remember(store, events, hashes)
        return accepted
    suspect = known.any(axis=1)
    slow = np.isin(rows, rows[suspect if repeated is None else suspect | repeated])
    accepted[slow] = _one_by_one(store, rows[slow], hashes[slow])
    _remember(store, group(rows[~slow]), hashes[~slow])
    return accepted


def _repeated(rows: Ints, hashes: NDArray[np.uint64]) -> NDArray[np.bool_] | None:
    """Mask of events whose (row, hash) occurs more than once in this run; None if no hash does."""
    ranked = np.sort(hashes)
    if not (ranked[1:] == ranked[:-1]).any():
        return None
    order = np.lexsort((hashes, rows))
    same = (rows[order][1:] == rows[order][:-1]) & (hashes[order][1:] == hashes[order][:-1])
    repeated = np.zeros(len(rows), np.bool_)
    repeated[order[1:][same]] = True
    return repeated


def _remember(store: NDArray[np.void], events: Groups, hashes: NDArray[np.uint64]) -> None:
    """Write accepted hashes into their rings; several of one row take consecutive slots."""
    by_row = events.rows[events.order]
    slot = (store["events"][by_row].astype(np.int64) + events.rank()) % DEDUP_SLOTS
    store["dedup"][by_row, slot] = hashes[events.order]
    store["events"][events.touched] += events.size.astype(np.uint32)


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
