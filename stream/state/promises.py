"""The promise ledger of each row: slots, overflow in the tail, closed ones folded when room is needed.

Events of different customers are merged at once; a customer's second promise event of the same run waits for
the next round, so the result is that of one event after the other.
"""

import numpy as np
from numpy.typing import NDArray

from stream.model import promises as model
from stream.model.columns import Ints
from stream.model.parameters import Parameters
from stream.state.tail import Tail

__all__ = ["apply", "of_rows"]


def apply(
    store: NDArray[np.void],
    tails: dict[int, Tail],
    rows: Ints,
    ref: NDArray[np.uint64],
    step: Ints,
    time_s: NDArray[np.uint32],
    due_s: NDArray[np.uint32],
    priority: Ints,
    parameters: Parameters,
) -> None:
    """Merge promise events into the ledgers; all arrays (n,), arrival order."""
    order = np.argsort(rows, kind="stable")
    _, start, count = np.unique(rows[order], return_index=True, return_counts=True)
    rank = np.arange(len(rows)) - np.repeat(start, count)
    for turn in range(int(count.max())):
        chosen = order[rank == turn]
        _merge_distinct(
            store,
            tails,
            rows[chosen],
            ref[chosen],
            step[chosen],
            time_s[chosen],
            due_s[chosen],
            priority[chosen],
            parameters,
        )


def _merge_distinct(
    store: NDArray[np.void],
    tails: dict[int, Tail],
    rows: Ints,
    ref: NDArray[np.uint64],
    step: Ints,
    time_s: NDArray[np.uint32],
    due_s: NDArray[np.uint32],
    priority: Ints,
    parameters: Parameters,
) -> None:
    """One event for each of n different rows."""
    refs = store["promises"]["ref"][rows]
    matches = refs == ref[:, None]
    found = matches.any(axis=1)
    free = refs == 0
    slot = np.where(found, matches.argmax(axis=1), free.argmax(axis=1))
    placed = found | free.any(axis=1)
    if tails:  # the promise may already live in the overflow although a slot has become free
        spilled = np.array(
            [row in tails and bool(len(tails[row].promises)) for row in rows.tolist()], np.bool_
        )
        placed &= found | ~spilled
    for i in np.flatnonzero(~placed).tolist():
        slot[i] = _make_room(store, tails, int(rows[i]), int(ref[i]), parameters)
    in_row = slot >= 0
    ledger = store["promises"][rows[in_row], slot[in_row]]
    ledger["ref"] = ref[in_row]
    model.merge(ledger, step[in_row], time_s[in_row], due_s[in_row], priority[in_row])
    store["promises"][rows[in_row], slot[in_row]] = ledger
    for i in np.flatnonzero(~in_row).tolist():
        one = slice(i, i + 1)
        spilled_ledger = tails[int(rows[i])].promises
        at = int(np.flatnonzero(spilled_ledger["ref"] == ref[i])[0])
        entry = spilled_ledger[at : at + 1].copy()
        model.merge(entry, step[one], time_s[one], due_s[one], priority[one])
        spilled_ledger[at : at + 1] = entry


def _make_room(
    store: NDArray[np.void], tails: dict[int, Tail], row: int, ref: int, parameters: Parameters
) -> int:
    """Slot for `ref` in a full row, or -1 if it lives in the tail, where an entry for it then is."""
    tail = tails.get(row)
    if tail is not None and (tail.promises["ref"] == ref).any():
        return -1
    ledger = store["promises"][row]
    free = np.flatnonzero(ledger["ref"] == 0)
    if len(free):
        return int(free[0])
    done = np.flatnonzero(model.closed(ledger))
    if len(done):
        oldest = int(done[ledger["closed"][done].argmin()])
        _fold(store, row, ledger[oldest : oldest + 1], parameters)
        ledger[oldest] = np.zeros((), model.PROMISE)
        return oldest
    if tail is None:
        tail = tails[row] = Tail()
    settled = model.closed(tail.promises)
    _fold(store, row, tail.promises[settled], parameters)
    entry = np.zeros(1, model.PROMISE)
    entry["ref"] = ref
    tail.promises = np.concatenate([tail.promises[~settled], entry])
    return -1


def _fold(store: NDArray[np.void], row: int, settled: NDArray[np.void], parameters: Parameters) -> None:
    """Move closed promises' evidence into the stored sums; no score changes by it."""
    positive, negative = model.evidence(settled, parameters)
    store["evidence"][row] += np.stack([positive.sum(axis=0), negative.sum(axis=0)], axis=1)


def of_rows(store: NDArray[np.void], tails: dict[int, Tail], rows: Ints) -> tuple[Ints, NDArray[np.void]]:
    """Every promise of the given rows: (owner, promise), owner an index into `rows`; arrays (m,)."""
    ledger = store["promises"][rows]
    owner, slot = np.nonzero(ledger["ref"])
    found = ledger[owner, slot]
    if not tails:
        return owner, found
    owners, parts = [owner], [found]
    for i, row in enumerate(rows.tolist()):
        tail = tails.get(row)
        if tail is not None and len(tail.promises):
            owners.append(np.full(len(tail.promises), i, np.int64))
            parts.append(tail.promises)
    return np.concatenate(owners), np.concatenate(parts)
