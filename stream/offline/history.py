"""A file of interactions as records: one JSON object per line, read as it streams by."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from stream.errors import DataError
from stream.pipeline import FileRecord

__all__ = ["NO_TIME", "read", "record"]

NO_TIME = -1
"""`timestamp` of a line whose time cannot be read."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Head(msgspec.Struct):
    """What must be known of a line before anything is done with it."""

    customer_id: str
    occurred_at: datetime


_decode = msgspec.json.Decoder(_Head).decode


def read(path: Path) -> Iterator[FileRecord]:
    """Every line as a record, in the order of the file; blank lines are skipped.

    `key` is the line's customer and `timestamp` its event time, `offset` the line's number from 1. A line
    that cannot be read comes as it is, with an empty key, so that whoever scores it names the fault.

    Raises:
        DataError: the file cannot be opened or read.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                value = line.strip()
                if value:
                    yield record(path.name, number, value)
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}",
            hint="give a file with one interaction per line; `kizuna generate` writes one",
        ) from error


def record(name: str, number: int, value: bytes) -> FileRecord:
    """One line of a file, without its line break, as a record."""
    key, time_ms = _head(value)
    return FileRecord(name, 0, number, time_ms, key, value)


def _head(value: bytes) -> tuple[bytes, int]:
    try:
        head = _decode(value)
        if head.occurred_at.tzinfo is None:
            return head.customer_id.encode(), NO_TIME
        return head.customer_id.encode(), round((head.occurred_at - EPOCH).total_seconds() * 1000)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        return b"", NO_TIME
