"""The promise ledger of each row: slots, overflow in the tail, closed ones folded when room is needed.

Events of different customers are merged at once; a customer's second promise event of the same run waits for
the next round, so the result is that of one event after the other.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.model import promises as model
from stream.model.columns import Floats, Ints
from stream.model.evidence import CAUSES
from stream.model.parameters import Parameters
from stream.state.layout import PROMISE_SLOTS, put_promises, take_promises
from stream.state.tail import Tail

__all__ = ["PROMISE_COLUMNS", "PromiseSums", "Steps", "apply", "evidence_of"]

PROMISE_COLUMNS = tuple(CAUSES.index(cause) for cause in model.PROMISE_CAUSES)
LATEST_S = np.uint32(0xFFFFFFFF)
MAX_SPILLED = 200  # promises of one customer beyond the row's; a test or guest account may have any number
SETTLED_S = 7 * 86_400  # a fact about a promise that was closed longer ago may find it folded: a new promise


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


class Steps(NamedTuple):
    """Promise events of one run; arrays (n,), arrival order.

    Attributes:
        rows: row of the customer.
        ref: which promise.
        step: `model.Step`.
        time_s: when it happened.
        due_s: the due time it gives, 0 = none.
        priority: of a ticket, 0 = none given.
    """

    rows: Ints
    ref: NDArray[np.uint64]
    step: Ints
    time_s: NDArray[np.uint32]
    due_s: NDArray[np.uint32]
    priority: Ints

    def of(self, chosen: Ints) -> "Steps":
        """Some of them."""
        return Steps(
            self.rows[chosen],
            self.ref[chosen],
            self.step[chosen],
            self.time_s[chosen],
            self.due_s[chosen],
            self.priority[chosen],
        )


def apply(store: NDArray[np.void], tails: dict[int, Tail], steps: Steps, parameters: Parameters) -> None:
    """Merge promise events into the ledgers."""
    order = np.argsort(steps.rows, kind="stable")
    _, start, count = np.unique(steps.rows[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(start, count)
    for turn in range(int(count.max())):
        _merge_distinct(store, tails, steps.of(order[rank == turn]), parameters)


def _merge_distinct(
    store: NDArray[np.void], tails: dict[int, Tail], steps: Steps, parameters: Parameters
) -> None:
    """One event for each of n different rows."""
    rows = steps.rows
    ledger = take_promises(store, rows)
    matches = ledger["ref"] == steps.ref[:, None]
    found = matches.any(axis=1)
    free = ledger["ref"] == 0
    slot = np.where(found, matches.argmax(axis=1), free.argmax(axis=1))
    placed = found | free.any(axis=1)
    spilled = _spilled(tails, rows)
    if not (placed & ~spilled).all():
        done = _settled(ledger, steps.time_s[:, None])
        replace = ~placed & ~spilled & done.any(axis=1)
        if replace.any():
            oldest = np.where(done, ledger["closed"], LATEST_S).argmin(axis=1)[replace]
            slot[replace] = oldest
            _fold(store, rows[replace], ledger[replace, oldest], parameters)
            ledger[replace, oldest] = np.zeros((), model.PROMISE)
        elsewhere = np.flatnonzero(~found & (spilled | ~(placed | replace)))
        in_tail = _places_in_tails(store, tails, elsewhere, steps, placed, parameters)
        events = np.array(list(in_tail), np.int64)
        slot[events] = -1
        _merge_in_tails(tails, in_tail, steps.of(events))
    here = np.flatnonzero(slot >= 0)
    chosen = ledger[here, slot[here]]
    _merge(chosen, steps.of(here))
    ledger[here, slot[here]] = chosen
    put_promises(store, rows, ledger)


def _merge(promises: NDArray[np.void], steps: Steps) -> None:
    promises["ref"] = steps.ref
    model.merge(promises, steps.step, steps.time_s, steps.due_s, steps.priority)


def _settled(promises: NDArray[np.void], time_s: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Closed, or never opened, and untouched so long before `time_s` that no further fact is expected.

    Judged by the event's own time, so it does not depend on how the source is cut into runs.
    """
    untouched = np.maximum(np.maximum(promises["closed"], promises["replied"]), promises["reopened"])
    over = model.closed(promises) | (promises["opened"] == 0)
    return over & (untouched + np.uint32(SETTLED_S) < time_s)


def _spilled(tails: dict[int, Tail], rows: Ints) -> NDArray[np.bool_]:
    """Mask of rows that have promises in their tail."""
    if not tails:
        return np.zeros(len(rows), np.bool_)
    return np.array([row in tails and len(tails[row].promises) > 0 for row in rows.tolist()], np.bool_)


def _places_in_tails(
    store: NDArray[np.void],
    tails: dict[int, Tail],
    events: Ints,
    steps: Steps,
    has_room: NDArray[np.bool_],
    parameters: Parameters,
) -> dict[int, int]:
    """Where each event's promise is in its row's tail; new ones are made there if the row has no room.

    Returns:
        Position by event; an event is missing if its promise is not in the tail and the row has room for it.
    """
    places: dict[int, int] = {}
    for i in events.tolist():
        row = int(steps.rows[i])
        tail = tails.get(row)
        if tail is None:
            tail = tails[row] = Tail()
        at = np.flatnonzero(tail.promises["ref"] == steps.ref[i])
        if len(at):
            places[i] = int(at[0])
            continue
        settled = _settled(tail.promises, steps.time_s[i : i + 1])
        if settled.any():
            _fold(store, np.full(int(settled.sum()), row), tail.promises[settled], parameters)
            tail.promises = tail.promises[~settled]
        if not has_room[i]:
            if len(tail.promises) >= MAX_SPILLED:
                _break_oldest(store, tail, row, int(steps.time_s[i]), parameters)
            entry = np.zeros(1, model.PROMISE)
            tail.promises = _joined([tail.promises, entry])
            places[i] = len(tail.promises) - 1
        elif not len(tail.promises) and not tail.days:
            del tails[row]
    return places


def _break_oldest(store: NDArray[np.void], tail: Tail, row: int, time_s: int, parameters: Parameters) -> None:
    """Count the oldest promise of a full tail as broken; a row must not outgrow what Kafka takes."""
    oldest = int(tail.promises["opened"].argmin())
    broken = tail.promises[oldest : oldest + 1].copy()
    broken["failed"], broken["closed"] = 1, np.maximum(broken["closed"], np.uint32(time_s))
    _fold(store, np.array([row]), broken, parameters)
    tail.promises = np.delete(tail.promises, oldest)


def _merge_in_tails(tails: dict[int, Tail], places: dict[int, int], steps: Steps) -> None:
    """Merge events, of different rows, into the promises at their places; all tails at once."""
    if not places:
        return
    homes = [(tails[row].promises, at) for row, at in zip(steps.rows.tolist(), places.values(), strict=True)]
    chosen = _joined([promises[at : at + 1] for promises, at in homes])
    _merge(chosen, steps)
    for (promises, at), merged in zip(homes, chosen.view(np.uint64).reshape(len(homes), -1), strict=True):
        promises[at : at + 1].view(np.uint64)[:] = merged


def _joined(parts: list[NDArray[np.void]]) -> NDArray[np.void]:
    """Concatenated promises; by words, because NumPy compares the fields of structured arrays one by one."""
    return np.concatenate([part.view(np.uint64) for part in parts]).view(model.PROMISE)


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
    _add_tails(sums, tails, rows, now_ms, parameters)
    return sums


def _add_tails(
    sums: PromiseSums, tails: dict[int, Tail], rows: Ints, now_ms: int, parameters: Parameters
) -> None:
    """Add what the promises in the tails say, all at once."""
    where = np.flatnonzero(_spilled(tails, rows))
    if not len(where):
        return
    parts = [tails[row].promises for row in rows[where].tolist()]
    owner = np.repeat(where, [len(part) for part in parts])
    promises = _joined(parts)
    good, bad = model.evidence(promises, parameters)
    late = model.overdue(promises, now_ms, parameters)
    np.add.at(sums.positive, owner, good)
    np.add.at(sums.negative, owner, bad)
    kind = np.where(promises["kind"] == model.Kind.DELIVERY, 0, 1)
    np.add.at(sums.overdue, (owner, kind), late)
    np.add.at(sums.n_overdue, owner, late > 0.0)
