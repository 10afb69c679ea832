"""What does not fit a fixed row: older purchase days, further promises, earlier feedback, other currencies.

Kept beside the rows, written behind the row's bytes in the changelog together with its alerts, so nothing is
forgotten because a slot was full. All promises beyond the rows' slots lie in one array, so that those of many
customers are merged and judged at once; a tail only knows the places of its own.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, repeat
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from stream.errors import StateError
from stream.model.columns import Ints
from stream.model.promises import PROMISE
from stream.state.alerts import NO_ALERTS, SLOT, Kept
from stream.state.marks import Marks

__all__ = ["NO_TAIL", "Tail", "Tails"]

_COUNTS = struct.Struct("<HHHHHI")  # days, promises, feedback, amounts, alerts, bytes of people's words
_AMOUNT = np.dtype([("currency", "<u2"), ("amount_e4", "<i8")])
_WORDS = PROMISE.itemsize // 8


@lru_cache(maxsize=1024)
def _days(n: int) -> struct.Struct:
    return struct.Struct(f"<{n}H")


NOTHING: MappingProxyType[int, int] = MappingProxyType({})


@dataclass(slots=True)
class Tail:
    """Overflow of one row. Most have one part only, so the others are made when they are needed.

    Attributes:
        days: purchase days older than those in the row (`columns.day_number`).
        places: of the promises for which the row had no slot, by their `ref`, oldest entry first.
        feedback: 4 bytes of each feedback older than those in the row (`state/feedback.py`), latest first.
        amounts: sum of purchase amounts in 1/10,000 by currency, the row's own currency not included.
        marks: what forces or overrides the band.
    """

    days: set[int] | frozenset[int] = frozenset()
    places: dict[int, int] | MappingProxyType[int, int] = field(default_factory=lambda: NOTHING)
    feedback: bytes = b""
    amounts: dict[int, int] | None = None
    marks: Marks | None = None

    @property
    def empty(self) -> bool:
        """Nothing overflows any more."""
        kept = self.days or self.places or self.feedback or self.amounts
        return not kept and self.marks is None

    def add_day(self, day: int) -> None:
        """Remember an older purchase day."""
        if isinstance(self.days, frozenset):
            self.days = set()
        self.days.add(day)

    def add_amount(self, currency: int, amount_e4: int) -> None:
        """Add to the sum of a currency that is not the row's."""
        if self.amounts is None:
            self.amounts = {}
        self.amounts[currency] = self.amounts.get(currency, 0) + amount_e4


NO_TAIL = Tail()


class Tails(dict[int, Tail]):
    """Tails by row number. Remove one with `forget`, or its promises stay.

    `marked` are the rows with `marks`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.given_up = 0  # open promises counted as broken for want of room, since the start
        self.marked: set[int] = set()
        self._pool = np.zeros((64, _WORDS), np.uint64)
        self._free = list(range(63, -1, -1))
        self._has_promises = np.zeros(64, np.bool_)  # by row; never the last: whoever lies beyond has none

    def tail(self, row: int) -> Tail:
        """The row's tail, made if there is none."""
        tail = self.get(row)
        if tail is None:
            tail = self[row] = Tail()
        return tail

    def forget(self, row: int) -> None:
        """Remove a row's tail; rows without one are ignored."""
        tail = self.pop(row, None)
        if tail is not None:
            self.marked.discard(row)
            if tail.places:
                self._free += tail.places.values()
                self._has_promises[row] = False

    def marks(self, row: int) -> Marks:
        """The row's marks, made if there are none."""
        tail = self.tail(row)
        if tail.marks is None:
            tail.marks = Marks()
            self.marked.add(row)
        return tail.marks

    def with_promises(self, rows: Ints) -> NDArray[np.bool_]:
        """Mask of the rows that have promises here."""
        return self._has_promises.take(rows, mode="clip")

    def add(self, rows: Sequence[int], refs: Sequence[int]) -> Ints:
        """Places of new, empty promises, each at the end of its row's tail; a row may come more than once."""
        if not len(rows):
            return np.empty(0, np.int64)
        while len(self._free) < len(rows):
            n = len(self._pool)
            self._pool = np.concatenate([self._pool, np.zeros((n, _WORDS), np.uint64)])
            self._free = [*range(2 * n - 1, n - 1, -1), *self._free]
        places = np.array([self._add(self.tail(row), ref) for row, ref in zip(rows, refs, strict=True)])
        self._pool[places] = 0
        if max(rows) + 1 >= len(self._has_promises):
            self._has_promises = np.append(self._has_promises, np.zeros(max(rows) + 1, np.bool_))
        self._has_promises[rows] = True
        return places

    def _add(self, tail: Tail, ref: int) -> int:
        if not isinstance(tail.places, dict):
            tail.places = {}
        place = tail.places[ref] = self._free.pop()
        return place

    def drop(self, rows: Iterable[int], refs: Iterable[int]) -> None:
        """Take promises out of the tails of rows; a row may come more than once."""
        for row, ref in zip(rows, refs, strict=True):
            tail = self[row]
            if isinstance(tail.places, dict):
                self._free.append(tail.places.pop(ref))
            if not tail.places:
                self._has_promises[row] = False

    def at(self, places: Ints) -> NDArray[np.void]:
        """Copy of the promises at some places."""
        return self._pool.take(places, axis=0).view(PROMISE)[:, 0]

    def put(self, places: Ints, promises: NDArray[np.void]) -> None:
        """Write promises to distinct places; the inverse of `at`."""
        self._pool[places] = promises.view(np.uint64).reshape(-1, _WORDS)

    def promises(self, rows: Sequence[int]) -> tuple[NDArray[np.void], Ints]:
        """The promises in the tails of some rows, in their order, and how many each row has."""
        parts = [tail.places if (tail := self.get(row)) else NOTHING for row in rows]
        size = np.fromiter(map(len, parts), np.int64, len(parts))
        places = np.fromiter(chain.from_iterable(part.values() for part in parts), np.int64, int(size.sum()))
        return self.at(places), size

    def encode(self, rows: Sequence[int], alerts: Sequence[Kept] | None = None) -> list[bytes]:
        """Bytes that follow some rows: counts, days ascending, promises in order, the rest.

        Args:
            rows: those with a tail or with alerts.
            alerts: of the same rows; none if not given.
        """
        promises, size = self.promises(rows)
        data, end = promises.tobytes(), 0
        encoded = []
        for row, n, kept in zip(rows, size.tolist(), alerts or repeat(NO_ALERTS, len(rows)), strict=True):
            tail = self.get(row, NO_TAIL)
            days = sorted(tail.days)
            amounts = sorted(tail.amounts.items()) if tail.amounts else ()
            start, end = end, end + n * PROMISE.itemsize
            counts = len(days), n, len(tail.feedback) // 4, len(amounts), kept.n, len(kept.people)
            parts = [_COUNTS.pack(*counts), _days(len(days)).pack(*days), data[start:end], tail.feedback]
            if amounts:
                parts.append(np.array(amounts, _AMOUNT).tobytes())
            if kept.n:
                parts += kept.slots, kept.people
            if tail.marks is not None:
                parts.append(tail.marks.encode())
            encoded.append(b"".join(parts))
        return encoded

    def decode(self, row: int, data: bytes) -> Kept:
        """Inverse of `encode`, for one row; what it had is forgotten.

        Returns:
            the row's alerts.

        Raises:
            StateError: truncated or over-long bytes.
        """
        if len(data) < _COUNTS.size:
            raise StateError(
                "a state row ends inside its overflow header",
                hint="the changelog holds foreign or torn bytes",
            )
        n_days, n_promises, n_feedback, n_amounts, n_alerts, n_words = _COUNTS.unpack_from(data)
        promises_at = _COUNTS.size + 2 * n_days
        feedback_at = promises_at + PROMISE.itemsize * n_promises
        amounts_at = feedback_at + 4 * n_feedback
        alerts_at = amounts_at + _AMOUNT.itemsize * n_amounts
        words_at = alerts_at + SLOT.itemsize * n_alerts
        end = words_at + n_words
        if len(data) < end:
            raise StateError(
                "a state row's overflow has another length than it says",
                hint="the changelog holds torn bytes",
            )
        marks = Marks.decode(data[end:]) if len(data) > end else None
        kept = Kept(n_alerts, data[alerts_at:words_at], data[words_at:end])
        self.forget(row)
        if alerts_at == _COUNTS.size and marks is None:
            return kept
        tail = self.tail(row)
        if marks is not None:
            tail.marks = marks
            self.marked.add(row)
        if n_days:
            tail.days = set(_days(n_days).unpack_from(data, _COUNTS.size))
        promises = np.frombuffer(data, PROMISE, n_promises, promises_at)
        self.put(self.add([row] * n_promises, promises["ref"].tolist()), promises)
        tail.feedback = bytes(data[feedback_at:amounts_at])
        if n_amounts:
            tail.amounts = dict(np.frombuffer(data, _AMOUNT, n_amounts, amounts_at).tolist())
        return kept
