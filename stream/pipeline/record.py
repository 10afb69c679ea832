"""A record as the pipeline sees it: aiokafka's `ConsumerRecord` fits, and so does a line of a file."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

__all__ = ["FileRecord", "Record"]


class Record(Protocol):
    """One record of one source partition; `timestamp` in epoch ms."""

    @property
    def topic(self) -> str:
        """Source topic."""
        ...

    @property
    def partition(self) -> int:
        """Source partition."""
        ...

    @property
    def offset(self) -> int:
        """Offset of this record."""
        ...

    @property
    def timestamp(self) -> int:
        """Broker or producer time, epoch ms."""
        ...

    @property
    def key(self) -> bytes | None:
        """Customer id as UTF-8."""
        ...

    @property
    def value(self) -> bytes | None:
        """The interaction as JSON."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Header names and values."""
        ...


class FileRecord(NamedTuple):
    """A record that did not come from Kafka."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
