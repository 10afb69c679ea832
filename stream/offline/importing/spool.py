"""Events in the order of time, each id once per customer, in bounded memory.

Runs of events are sorted and put aside in a file without name; at the end they are merged. What stays in
memory is 8 bytes per event, the hash of its identity, and one run.
"""

import heapq
import pickle
import struct
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

__all__ = ["RUN", "Made", "Spool", "identity"]

RUN = 200_000
"""Events sorted at a time: some 100 MB."""

_LENGTH = struct.Struct("<I")


class Made(NamedTuple):
    """An event that was made, and of what.

    Attributes:
        time_ms: when it happened.
        identity: hash of customer and id.
        line: the event as JSON.
        file: number of the file.
        at: line of that file.
        rule: number of the rule.
    """

    time_ms: int
    identity: int
    line: bytes
    file: int
    at: int
    rule: int


class Spool:
    """Takes events in any order, gives them back in the order of time; equal times in the order of taking."""

    def __init__(self, directory: Path, run: int = RUN) -> None:
        self._directory = directory
        self._run = run
        self._held: list[Made] = []
        self._asides: list[BinaryIO] = []
        self._identities = array("Q")

    def __enter__(self) -> "Spool":
        """Use it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let what was put aside go."""
        for aside in self._asides:
            aside.close()

    def __len__(self) -> int:
        return len(self._identities)

    def take(self, made: Made) -> None:
        """Add an event."""
        self._held.append(made)
        self._identities.append(made.identity)
        if len(self._held) >= self._run:
            self._put_aside()

    def give(self) -> Iterator[tuple[Made, bool]]:
        """Every event by time, and whether an earlier one had its customer and id already."""
        self._held.sort(key=_time)
        twice = _repeated(np.frombuffer(self._identities, np.uint64))
        seen: set[int] = set()
        runs = [*(_read(aside) for aside in self._asides), iter(self._held)]
        for made in heapq.merge(*runs, key=_time):
            again = made.identity in seen
            if made.identity in twice:
                seen.add(made.identity)
            yield made, again

    def _put_aside(self) -> None:
        self._held.sort(key=_time)
        aside = tempfile.TemporaryFile(dir=self._directory)  # noqa: SIM115 (closed by __exit__)
        self._asides.append(aside)
        for made in self._held:
            packed = pickle.dumps(tuple(made), pickle.HIGHEST_PROTOCOL)
            aside.write(_LENGTH.pack(len(packed)) + packed)
        self._held.clear()


def identity(customer_id: str, event_id: str) -> int:
    """64 bits that tell events apart as the worker does: by customer and id."""
    return xxh3_64_intdigest(f"{customer_id}\x1f{event_id}".encode())


def _time(made: Made) -> int:
    return made.time_ms


def _repeated(identities: NDArray[np.uint64]) -> frozenset[int]:
    values, counts = np.unique(identities, return_counts=True)
    return frozenset(values[counts > 1].tolist())


def _read(aside: BinaryIO) -> Iterator[Made]:
    aside.seek(0)
    while head := aside.read(_LENGTH.size):
        yield Made(*pickle.loads(aside.read(_LENGTH.unpack(head)[0])))
