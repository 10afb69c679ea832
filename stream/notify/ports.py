"""What this room needs of Kafka, in its own words: the engine has it, `bootstrap` brings them together."""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Protocol, TypeAlias

__all__ = ["Feed", "Followed", "Journal", "Member", "Record", "Row"]

Row: TypeAlias = tuple[int, bytes, bytes | None, Sequence[tuple[str, bytes]]]
"""Partition, key, value (None deletes the key) and headers."""


class Record(Protocol):
    """One record, as Kafka's client gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Followed(Protocol):
    """What came, by topic, and how many offsets of each topic are still to be read."""

    @property
    def records(self) -> Mapping[str, Iterable[Record]]:
        """Kafka's records by topic."""
        ...

    @property
    def left(self) -> Mapping[str, int]:
        """Offsets that are still to be read, by topic."""
        ...


class Feed(Protocol):
    """Topics from their beginning, the ledger before the alerts, without end."""

    @property
    def positions(self) -> Mapping[tuple[str, int], int]:
        """Next offset to be read, by topic and partition."""
        ...

    def pages(self) -> AsyncGenerator[Followed, None]:
        """What comes, without end; now and then a page without records."""
        ...

    async def ends(self, topic: str) -> Mapping[int, int]:
        """Where the committed records of a topic end now, by partition."""
        ...


class Member(Protocol):
    """Which partitions are this process's, of those that tell the same sinks."""

    @property
    def owned(self) -> frozenset[int]:
        """Those that are ours now; another object after each sharing out, also of the same."""
        ...

    async def run(self) -> None:
        """Take part until cancelled."""
        ...


class Journal(Protocol):
    """Rows into a topic, each acknowledged before the call returns."""

    async def write(self, topic: str, rows: Sequence[Row]) -> None:
        """Until all are acknowledged, in this order within a partition."""
        ...
