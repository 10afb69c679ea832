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
from stream.state.tail import NO_TAIL, Tails

__all__ = ["PROMISE_COLUMNS", "PromiseSums", "Steps", "apply", "evidence_of", "ledgers", "most_late_s"]

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
        channel: bit of a ticket's, 0 = none given.
    """

    rows: Ints
    ref: NDArray[np.uint64]
    step: Ints
    time_s: NDArray[np.uint32]
    due_s: NDArray[np.uint32]
    priority: Ints
    channel: Ints

    def of(self, chosen: Ints) -> "Steps":
        """Some of them."""
        return Steps(
            self.rows[chosen],
            self.ref[chosen],
            self.step[chosen],
            self.time_s[chosen],
            self.due_s[chosen],
            self.priority[chosen],
            self.channel[chosen],
        )


def apply(store: NDArray[np.void], tails: Tails, steps: Steps, parameters: Parameters) -> None:
    """Merge promise events into the ledgers."""
    order = np.argsort(steps.rows, kind="stable")
    _, start, count = np.unique(steps.rows[order], return_index=True, return_counts=True)
    rank = np.arange(len(order)) - np.repeat(start, count)
    for turn in range(int(count.max())):
        _merge_distinct(store, tails, steps.of(order[rank == turn]), parameters)


def _merge_distinct(store: NDArray[np.void], tails: Tails, steps: Steps, parameters: Parameters) -> None:
    """One event for each of n different rows."""
    rows = steps.rows
    ledger = take_promises(store, rows)
    matches = ledger["ref"] == steps.ref[:, None]
    found = matches.any(axis=1)
    free = ledger["ref"] == 0
    slot = np.where(found, matches.argmax(axis=1), free.argmax(axis=1))
    placed = found | free.any(axis=1)
    spilled = tails.with_promises(rows)
    if not (placed & ~spilled).all():
        done = _settled(ledger, steps.time_s[:, None])
        replace = ~placed & ~spilled & done.any(axis=1)
        if replace.any():
            oldest = np.where(done, ledger["closed"], LATEST_S).argmin(axis=1)[replace]
            slot[replace] = oldest
            _fold(store, rows[replace], ledger[replace, oldest], parameters)
            ledger[replace, oldest] = np.zeros((), model.PROMISE)
        elsewhere = np.flatnonzero(~found & (spilled | ~(placed | replace)))
        events, places = _places_in_tails(store, tails, elsewhere, steps, placed, parameters)
        slot[events] = -1
        if len(events):
            chosen = tails.at(places)
            _merge(chosen, steps.of(events))
            tails.put(places, chosen)
    here = np.flatnonzero(slot >= 0)
    chosen = ledger[here, slot[here]]
    _merge(chosen, steps.of(here))
    ledger[here, slot[here]] = chosen
    put_promises(store, rows, ledger)


def _merge(promises: NDArray[np.void], steps: Steps) -> None:
    promises["ref"] = steps.ref
    promises["channels"] |= steps.channel.astype(np.uint8)
    model.merge(promises, steps.step, steps.time_s, steps.due_s, steps.priority)


def _settled(promises: NDArray[np.void], time_s: NDArray[np.uint32]) -> NDArray[np.bool_]:
    """Closed, or never opened, and untouched so long before `time_s` that no further fact is expected.

    Judged by the event's own time, so it does not depend on how the source is cut into runs.
    """
    untouched = np.maximum(np.maximum(promises["closed"], promises["replied"]), promises["reopened"])
    over = model.closed(promises) | (promises["opened"] == 0)
    return over & (untouched + np.uint32(SETTLED_S) < time_s)


def _places_in_tails(
    store: NDArray[np.void],
    tails: Tails,
    events: Ints,
    steps: Steps,
    has_room: NDArray[np.bool_],
    parameters: Parameters,
) -> tuple[Ints, Ints]:
    """Where each event's promise is in its row's tail; new ones are made there if the row has no room.

    Returns:
        (events, places); an event is missing if its promise is not in the tail and the row has room for it.
    """
    asked = steps.of(events)
    rows, refs = asked.rows.tolist(), asked.ref.tolist()
    known = [tails.get(row, NO_TAIL).places.get(ref, -1) for row, ref in zip(rows, refs, strict=True)]
    places = np.array(known, np.int64)
    missing = places < 0
    if missing.any():
        _fold_settled(store, tails, asked.of(np.flatnonzero(missing)), parameters)
        full = missing & ~has_room[events]
        new = asked.of(np.flatnonzero(full))
        for row, time_s in zip(new.rows.tolist(), new.time_s.tolist(), strict=True):
            if len(tails.get(row, NO_TAIL).places) >= MAX_SPILLED:
                _break_oldest(store, tails, row, time_s, parameters)
        places[full] = tails.add(new.rows.tolist(), new.ref.tolist())
        for row in asked.rows[missing & ~full].tolist():
            if row in tails and tails[row].empty:
                tails.forget(row)
    found = places >= 0
    return events[found], places[found]


def _fold_settled(store: NDArray[np.void], tails: Tails, steps: Steps, parameters: Parameters) -> None:
    """Fold what is settled in the tails of events, of different rows, that look for another promise there."""
    promises, size = tails.promises(steps.rows.tolist())
    settled = _settled(promises, np.repeat(steps.time_s, size))
    if not settled.any():
        return
    rows = np.repeat(steps.rows, size)[settled]
    _fold(store, rows, promises[settled], parameters)
    tails.drop(rows.tolist(), promises["ref"][settled].tolist())


def _break_oldest(
    store: NDArray[np.void], tails: Tails, row: int, time_s: int, parameters: Parameters
) -> None:
    """Count the oldest promise of a full tail as broken; a row must not outgrow what Kafka takes."""
    promises, _ = tails.promises([row])
    oldest = int(promises["opened"].argmin())
    broken = promises[oldest : oldest + 1].copy()
    broken["failed"], broken["closed"] = 1, np.maximum(broken["closed"], np.uint32(time_s))
    _fold(store, np.array([row]), broken, parameters)
    tails.drop([row], broken["ref"].tolist())
    tails.given_up += 1


def _fold(store: NDArray[np.void], rows: Ints, settled: NDArray[np.void], parameters: Parameters) -> None:
    """Move closed promises' evidence into the stored sums; no score changes by it. Rows may repeat."""
    positive, negative = model.evidence(settled, parameters)
    sums = store["evidence"]
    for k, cause in enumerate(PROMISE_COLUMNS):
        np.add.at(sums[:, cause, 0], rows, positive[:, k])
        np.add.at(sums[:, cause, 1], rows, negative[:, k])


def evidence_of(
    store: NDArray[np.void],
    tails: Tails,
    rows: Ints,
    now_ms: int,
    parameters: Parameters,
    *,
    past: bool = False,
) -> PromiseSums:
    """Everything that the promises of n rows say at a time; `past`: without what happened after it."""
    n = len(rows)
    ledger = take_promises(store, rows).reshape(-1)
    if past:
        ledger = model.as_of(ledger, now_ms)
    good, bad = model.evidence(ledger, parameters)
    late = model.overdue(ledger, now_ms, parameters)
    late_delivery = np.where(ledger["kind"] == model.Kind.DELIVERY, late, 0.0)
    shape = (n, PROMISE_SLOTS)
    sums = PromiseSums(
        positive=good.reshape(*shape, good.shape[1]).sum(axis=1),
        negative=bad.reshape(*shape, bad.shape[1]).sum(axis=1),
        overdue=np.stack(
            [late_delivery.reshape(shape).sum(axis=1), (late - late_delivery).reshape(shape).sum(axis=1)],
            axis=1,
        ),
        n_overdue=(late > 0.0).reshape(shape).sum(axis=1),
    )
    _add_tails(sums, tails, rows, now_ms, parameters, past=past)
    return sums


def ledgers(store: NDArray[np.void], tails: Tails, rows: Ints) -> tuple[Ints, NDArray[np.void]]:
    """Every promise of n rows: (index of the row, promise), both (m,)."""
    slots = take_promises(store, rows)
    owner, place = np.nonzero(slots["ref"])
    spilled = np.flatnonzero(tails.with_promises(rows))
    if not len(spilled):
        return owner, slots[owner, place]  # NumPy joins structured records field by field, slowly
    further, size = tails.promises(rows[spilled].tolist())
    return np.concatenate([owner, np.repeat(spilled, size)]), np.concatenate([slots[owner, place], further])


def most_late_s(
    store: NDArray[np.void], tails: Tails, rows: Ints, now_ms: int, parameters: Parameters
) -> Floats:
    """For how many seconds the most overdue open promise of each of n rows is late; 0 if none is."""
    found: Floats = model.late_seconds(take_promises(store, rows), now_ms, parameters).max(axis=1)
    spilled = np.flatnonzero(tails.with_promises(rows))
    if len(spilled):
        further, size = tails.promises(rows[spilled].tolist())
        late = model.late_seconds(further, now_ms, parameters)
        np.maximum.at(found, np.repeat(spilled, size), late)
    return found


def _add_tails(
    sums: PromiseSums, tails: Tails, rows: Ints, now_ms: int, parameters: Parameters, *, past: bool
) -> None:
    """Add what the promises in the tails say, all at once."""
    where = np.flatnonzero(tails.with_promises(rows))
    if not len(where):
        return
    promises, size = tails.promises(rows[where].tolist())
    if past:
        promises = model.as_of(promises, now_ms)
    owner, start = np.repeat(where, size), np.cumsum(size) - size
    good, bad = model.evidence(promises, parameters)
    late = model.overdue(promises, now_ms, parameters)
    sums.positive[where] += np.add.reduceat(good, start, axis=0)
    sums.negative[where] += np.add.reduceat(bad, start, axis=0)
    kind = np.where(promises["kind"] == model.Kind.DELIVERY, 0, 1)
    np.add.at(sums.overdue, (owner, kind), late)
    np.add.at(sums.n_overdue, owner, late > 0.0)
