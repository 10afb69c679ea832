"""What does not fit a fixed row: older purchase days and further open promises of a busy customer.

Kept beside the rows, written behind the row's bytes in the changelog, so nothing is forgotten because a
slot was full.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stream.errors import StateError
from stream.model.promises import PROMISE

__all__ = ["Tail", "decode", "encode"]

_COUNTS = np.dtype([("days", "<u4"), ("promises", "<u4")])


def _no_promises() -> NDArray[np.void]:
    return np.zeros(0, PROMISE)


@dataclass(slots=True)
class Tail:
    """Overflow of one row.

    Attributes:
        days: purchase days older than those in the row (`columns.day_number`).
        promises: promises for which the row had no slot.
    """

    days: set[int] = field(default_factory=set)
    promises: NDArray[np.void] = field(default_factory=_no_promises)


def encode(tail: Tail) -> bytes:
    """Bytes that follow the row: counts, days ascending, promises in order."""
    counts = np.zeros(1, _COUNTS)
    counts["days"], counts["promises"] = len(tail.days), len(tail.promises)
    days = np.array(sorted(tail.days), "<u2")
    return counts.tobytes() + days.tobytes() + tail.promises.tobytes()


def decode(data: bytes) -> Tail:
    """Inverse of `encode`.

    Raises:
        StateError: truncated or over-long bytes.
    """
    if len(data) < _COUNTS.itemsize:
        raise StateError(
            "a state row ends inside its overflow header", hint="the changelog holds foreign or torn bytes"
        )
    counts = np.frombuffer(data, _COUNTS, 1)[0]
    n_days, n_promises = int(counts["days"]), int(counts["promises"])
    start = _COUNTS.itemsize
    middle = start + 2 * n_days
    if len(data) != middle + PROMISE.itemsize * n_promises:
        raise StateError(
            "a state row's overflow has another length than it says", hint="the changelog holds torn bytes"
        )
    days = set(np.frombuffer(data, "<u2", n_days, start).tolist())
    return Tail(days, np.frombuffer(data, PROMISE, n_promises, middle).copy())
