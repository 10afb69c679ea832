"""The promise ledger of each row: slots, overflow in the tail, closed ones folded when room is needed.

Events of different customers are merged at once; a customer's second promise event of the same run waits for
the next round, so the result is that of one event after the other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.model import promises as model
from stream.model.columns import Floats, Ints
from stream.model.evidence import CAUSES
from stream.model.parameters import Parameters
from stream.state.layout import PROMISE_SLOTS, put_promises, take_promises
from stream.state.tail import Tail

__all__ = ["PROMISE_COLUMNS", "PromiseSums", "apply", "evidence_of"]

PROMISE_COLUMNS = tuple(CAUSES.index(cause) for cause in model.PROMISE_CAUSES)
LATEST_S = np.uint32(0xFFFFFFFF)

Event = tuple[Ints, NDArray[np.uint32], NDArray[np.uint32], Ints]


@dataclass(slots=True)
class PromiseSums:
    """What the promises of n rows say at a time.

    Attributes:
        positive: (n, len(PROMISE_CAUSES)) evidence of closed promises and replies, landmark units.
        negative: the same against us.
        overdue: (n, 2) evidence of open overdue deliveries and tickets, at the time asked for.
        n_overdue: (n,) how many those are.
    """

    positive: Floats
    negative: Floats
    overdue: Floats
    n_overdue: Ints


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
    ledger = take_promises(store, rows)
    matches = ledger["ref"] == ref[:, None]
    found = matches.any(axis=1)
    free = ledger["ref"] == 0
    slot = np.where(found, matches.argmax(axis=1), free.argmax(axis=1))
    placed = found | free.any(axis=1)
    spilled = _spilled(tails, rows)
    if not (placed & ~spilled).all():
        done = model.closed(ledger)
        replace = ~placed & ~spilled & done.any(axis=1)
        if replace.any():
            oldest = np.where(done, ledger["closed"], LATEST_S).argmin(axis=1)[replace]
            slot[replace] = oldest
            _fold(store, rows[replace], ledger[replace, oldest], parameters)
            ledger[replace, oldest] = np.zeros((), model.PROMISE)
        elsewhere = ~found & (spilled | ~(placed | replace))
        for i in np.flatnonzero(elsewhere).tolist():
            event = (step[i : i + 1], time_s[i : i + 1], due_s[i : i + 1], priority[i : i + 1])
            if _merge_spilled(store, tails, int(rows[i]), int(ref[i]), event, bool(placed[i]), parameters):
                slot[i] = -1
    here = np.flatnonzero(slot >= 0)
    chosen = ledger[here, slot[here]]
    chosen["ref"] = ref[here]
    model.merge(chosen, step[here], time_s[here], due_s[here], priority[here])
    ledger[here, slot[here]] = chosen
    put_promises(store, rows, ledger)


def _spilled(tails: dict[int, Tail], rows: Ints) -> NDArray[np.bool_]:
    """Mask of rows that have promises in their tail."""
    if not tails:
        return np.zeros(len(rows), np.bool_)
    return np.array([row in tails and len(tails[row].promises) > 0 for row in rows.tolist()], np.bool_)


def _merge_spilled(
    store: NDArray[np.void],
    tails: dict[int, Tail],
    row: int,
    ref: int,
    event: Event,
    has_room: bool,
    parameters: Parameters,
) -> bool:
    """Merge one event into the tail's promise of that reference; a new one goes there if the row has no room.

    Returns:
        False if the promise is not in the tail and the row has room for it.
    """
    tail = tails.get(row)
    if tail is None:
        tail = tails[row] = Tail()
    at = np.flatnonzero(tail.promises["ref"] == ref)
    if not len(at):
        if has_room:
            return False
        settled = model.closed(tail.promises)
        _fold(store, np.full(int(settled.sum()), row), tail.promises[settled], parameters)
        entry = np.zeros(1, model.PROMISE)
        entry["ref"] = ref
        tail.promises = np.concatenate([tail.promises[~settled], entry])
        at = np.array([len(tail.promises) - 1])
    chosen = tail.promises[at]
    model.merge(chosen, *event)
    tail.promises[at] = chosen
    return True


def _fold(store: NDArray[np.void], rows: Ints, settled: NDArray[np.void], parameters: Parameters) -> None:
    """Move closed promises' evidence into the stored sums; no score changes by it. Rows may repeat."""
    positive, negative = model.evidence(settled, parameters)
    sums = store["evidence"]
    for k, cause in enumerate(PROMISE_COLUMNS):
        np.add.at(sums[:, cause, 0], rows, positive[:, k])
        np.add.at(sums[:, cause, 1], rows, negative[:, k])


def evidence_of(
    store: NDArray[np.void], tails: dict[int, Tail], rows: Ints, now_ms: int, parameters: Parameters
) -> PromiseSums:
    """Everything that the promises of n rows say at a time."""
    n = len(rows)
    ledger = take_promises(store, rows).reshape(-1)
    good, bad = model.evidence(ledger, parameters)
    late = model.overdue(ledger, now_ms, parameters)
    late_delivery = np.where(ledger["kind"] == model.Kind.DELIVERY, late, 0.0)
    shape = (n, PROMISE_SLOTS)
    sums = PromiseSums(
        positive=good.reshape(*shape, -1).sum(axis=1),
        negative=bad.reshape(*shape, -1).sum(axis=1),
        overdue=np.stack(
            [late_delivery.reshape(shape).sum(axis=1), (late - late_delivery).reshape(shape).sum(axis=1)],
            axis=1,
        ),
        n_overdue=(late > 0.0).reshape(shape).sum(axis=1),
    )
    for i in np.flatnonzero(_spilled(tails, rows)).tolist():
        _add_spilled(sums, i, tails[int(rows[i])].promises, now_ms, parameters)
    return sums


def _add_spilled(
    sums: PromiseSums, i: int, promises: NDArray[np.void], now_ms: int, parameters: Parameters
) -> None:
    good, bad = model.evidence(promises, parameters)
    late = model.overdue(promises, now_ms, parameters)
    delivery = promises["kind"] == model.Kind.DELIVERY
    sums.positive[i] += good.sum(axis=0)
    sums.negative[i] += bad.sum(axis=0)
    sums.overdue[i] += late[delivery].sum(), late[~delivery].sum()
    sums.n_overdue[i] += (late > 0.0).sum()
