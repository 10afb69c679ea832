"""What this room needs of Kafka, in the words of this room: the engine has it, `bootstrap` brings them together."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

__all__ = ["Feed", "Followed", "Journal", "Member", "Row"]

Row: TypeAlias = tuple[int, bytes, bytes | None, Sequence[tuple[str, bytes]]]
"""Partition, key, value (None deletes the key) and headers."""


class Followed(Protocol):
    """What came, by topic, and how many offsets of each topic are still to be read."""

    @property
    def records(self) -> Mapping[str, Iterable[Any]]: ...

    @property
    def left(self) -> Mapping[str, int]: ...


class Feed(Protocol):
    """Topics from their beginning, the ledger before the alerts, without end."""

    @property
    def positions(self) -> Mapping[tuple[str, int], int]:
        """Next offset to be read, by topic and partition."""
        ...

    def pages(self) -> AsyncIterator[Followed]: ...

    async def ends(self, topic: str) -> Mapping[int, int]: ...


class Member(Protocol):
    """Which partitions are this process's, of those that tell the same sinks."""

    @property
    def owned(self) -> frozenset[int]: ...

    async def run(self) -> None: ...


class Journal(Protocol):
    """Rows into a topic, each acknowledged before the call returns."""

    async def write(self, topic: str, rows: Sequence[Row]) -> None: ...
