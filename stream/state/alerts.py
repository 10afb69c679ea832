"""The life of each customer's alerts, beside the rows: most customers never have one.

Conventions:
    A slot belongs to one row and one rule, from the first time the rule held; a row's slots are a chain that
    begins at its head. Places are numbers of slots; 0 is no slot. Times are epoch milliseconds, 0 = not set.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.errors import StateError
from stream.model.columns import Ints
from stream.state import people
from stream.state.layout import extend, grown
from stream.state.people import People

__all__ = ["LIVE", "NO_ALERTS", "SLOT", "AlertSlots", "Kept", "State"]


class State(IntEnum):
    """State of a slot; the names are those of the contract. NONE: the rule held once, and never opened."""

    NONE = 0
    PENDING = 1
    SUPPRESSED = 2
    OPEN = 3
    ACKNOWLEDGED = 4
    SNOOZED = 5
    RECOVERING = 6
    RESOLVED = 7
    EXPIRED = 8


LIVE = (State.OPEN, State.ACKNOWLEDGED, State.SNOOZED, State.RECOVERING)
"""States of an alert that was opened and is not over."""

SLOT = np.dtype(
    [
        ("rule", "<u4"),  # hash of the rule's id, never 0; 0 = free slot
        ("row", "<u4"),  # memory only
        ("next", "<u4"),  # place of the row's next slot, 0 = none; memory only
        ("episode", "<u4"),
        ("seq", "<u4"),
        ("events", "<u4"),  # the row's `events` when the episode opened, or when the last one ended
        ("since_ms", "<i8"),  # present state
        ("opened_ms", "<i8"),  # of the episode; while pending, when the last one ended
        ("due_ms", "<i8"),  # when time alone may move it, 0 = never
        ("state", "u1"),
        ("back", "u1"),  # the state before PENDING or RECOVERING; of RESOLVED: EXPIRED if it waits for news
        ("severity", "u1"),  # of the episode, the last one if it is over; place in `SEVERITIES` plus one
        ("held", "u1"),  # why it is or was SUPPRESSED: place in the contract's list plus one
        ("notifications", "<u2"),
        ("spare", "<u2"),
    ]
)
WORDS = SLOT.itemsize // 8
NEVER = np.iinfo(np.int64).max


class Kept(NamedTuple):
    """One row's slots as they are written: how many, their bytes by rule, and what people said."""

    n: int
    slots: bytes
    people: bytes


NO_ALERTS = Kept(0, b"", b"")


class AlertSlots:
    """Slots of one partition.

    Attributes:
        slots: structured array, free slots included; do not hold it across `claim` or `load`.
        heads: place of the first slot of each row, at least as long as the rows.
        people: what was said, by place.
    """

    def __init__(self, n_rows: int) -> None:
        self.slots: NDArray[np.void] = np.zeros(64, SLOT)
        self.heads = np.zeros(n_rows, np.uint32)
        self.people: dict[int, People] = {}
        self._free: list[int] = []
        self._end = 1
        self._soonest: int = NEVER  # nothing is due before

    def __len__(self) -> int:
        """Slots in use."""
        return self._end - 1 - len(self._free)

    def grow(self, n_rows: int) -> None:
        """Make room for so many rows."""
        extend(self, "heads", n_rows)

    # --- places ---------------------------------------------------------------------------------------------

    def places(self, rows: Ints) -> tuple[Ints, Ints]:
        """Every slot of some rows: index into `rows`, and place; two arrays of the same length."""
        place = self.heads[rows]
        at = np.flatnonzero(place)
        if not len(at):
            return at, np.empty(0, np.int64)
        place = place[at].astype(np.int64)
        owners, found = [], []
        while len(place):
            owners.append(at)
            found.append(place)
            following = self.slots["next"][place]
            further = np.flatnonzero(following)
            at, place = at[further], following[further].astype(np.int64)
        return np.concatenate(owners), np.concatenate(found)

    def at(self, places: Ints) -> NDArray[np.void]:
        """Copy of some slots."""
        return self.slots.view(np.uint64).reshape(-1, WORDS).take(places, axis=0).view(SLOT)[:, 0]

    def of(self, row: int) -> list[int]:
        """Places of one row."""
        found, place = [], int(self.heads[row])
        while place:
            found.append(place)
            place = int(self.slots["next"][place])
        return found

    def find(self, rows: Ints, rule: int) -> Ints:
        """Place of each row's slot of a rule, -1 where there is none; shape (len(rows),)."""
        result = np.full(len(rows), -1, np.int64)
        owner, place = self.places(rows)
        mine = np.flatnonzero(self.slots["rule"][place] == rule)
        result[owner[mine]] = place[mine]
        return result

    def claim(self, rows: Ints, rule: int) -> Ints:
        """Place of the slot of a rule of some distinct rows, made where there is none."""
        found = self.find(rows, rule)
        new = np.flatnonzero(found < 0)
        if len(new):
            places = self._allot(len(new))
            found[new] = places
            self.slots["rule"][places] = rule
            self._link(places, rows[new])
        return found

    def forget(self, row: int) -> None:
        """Free a row's slots; rows without one are ignored."""
        places = self.of(row)
        if places:
            self.heads[row] = 0
            self.slots[places] = np.zeros((), SLOT)
            self._free += places
            for place in places:
                self.people.pop(place, None)

    def _allot(self, n: int) -> Ints:
        reused = [self._free.pop() for _ in range(min(n, len(self._free)))]
        fresh = n - len(reused)
        if self._end + fresh > len(self.slots):
            extend(self, "slots", grown(self._end + fresh))
        places = np.array([*reused, *range(self._end, self._end + fresh)], np.int64)
        self._end += fresh
        return places

    def _link(self, places: Ints, rows: Ints) -> None:
        """Put slots at the head of distinct rows' chains."""
        self.slots["row"][places] = rows
        self.slots["next"][places] = self.heads[rows]
        self.heads[rows] = places

    # --- time -----------------------------------------------------------------------------------------------

    def set_due(self, places: Ints, due_ms: Ints) -> None:
        """Say when time alone may move some slots, 0 = never."""
        self.slots["due_ms"][places] = due_ms
        if len(set_ := due_ms[due_ms > 0]):
            self._soonest = min(self._soonest, int(set_.min()))

    def due(self, now_ms: int, limit: int) -> Ints:
        """Rows with a slot that is due, those due longest first, at most `limit`; distinct, ascending."""
        if now_ms < self._soonest:
            return np.empty(0, np.int64)
        due = self.slots["due_ms"][: self._end]
        waiting = np.flatnonzero(due)
        due = due[waiting]
        ripe = np.flatnonzero(due <= now_ms)
        if not len(ripe):
            self._soonest = int(due.min(initial=NEVER))
            return ripe
        chosen = waiting[ripe[np.argsort(due[ripe], kind="stable")[:limit]]]
        return np.unique(self.slots["row"][chosen].astype(np.int64))

    # --- changelog ------------------------------------------------------------------------------------------

    def encode(self, rows: Ints) -> list[Kept]:
        """What is written of each row; the same for the same alerts, however they came to their places.

        When an idle or suppressed slot is due depends on when it was last looked at, so it is not written.
        """
        owner, place = self.places(rows)
        slots = self.at(place)
        order = np.lexsort((slots["rule"], owner))
        slots, place = slots[order], place[order]
        slots["row"] = slots["next"] = 0
        slots["due_ms"][~_timed(slots["state"])] = 0
        data = slots.tobytes()
        ends = np.cumsum(np.bincount(owner, minlength=len(rows))).tolist()
        kept, start = [], 0
        for end in ends:
            if end == start:  # nearly everybody's
                kept.append(NO_ALERTS)
                continue
            said = [
                (int(slots["rule"][k]), self.people[at])
                for k, at in enumerate(place[start:end].tolist(), start)
                if at in self.people
            ]
            kept.append(
                Kept(end - start, data[start * SLOT.itemsize : end * SLOT.itemsize], people.encode(said))
            )
            start = end
        return kept

    def load(self, kept: Mapping[int, Kept]) -> None:
        """Inverse of `encode`, for many rows at once that have no slots.

        Raises:
            StateError: other bytes.
        """
        counts = np.array([each.n for each in kept.values()], np.int64)
        slots = np.frombuffer(b"".join(each.slots for each in kept.values()), SLOT).copy()
        _check(slots)
        slots["due_ms"][slots["state"] == State.SUPPRESSED] = 1  # to be looked at again at once
        places, rows = self._allot(len(slots)), np.fromiter(kept, np.int64, len(kept))
        self.slots[places] = slots
        self.set_due(places, slots["due_ms"])
        firsts = np.cumsum(counts) - counts
        for k in range(int(counts.max(initial=0))):
            having = np.flatnonzero(counts > k)
            self._link(places[firsts[having] + k], rows[having])
        for row, each in kept.items():
            if each.people:
                self._load_people(row, each.people)

    def _load_people(self, row: int, data: bytes) -> None:
        by_rule = {int(self.slots["rule"][place]): place for place in self.of(row)}
        for rule, said in people.decode(data):
            if rule not in by_rule:
                raise _torn()
            self.people[by_rule[rule]] = said


def _timed(state: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (state == State.PENDING) | ((state >= State.OPEN) & (state <= State.RECOVERING))


def _check(slots: NDArray[np.void]) -> None:
    if (slots["rule"] == 0).any() or (slots["state"] > max(State)).any():
        raise _torn()


def _torn() -> StateError:
    return StateError(
        "a state row holds an alert that is none",
        hint="the changelog holds torn bytes, or rows of a newer version",
    )
