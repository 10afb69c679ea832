"""A history moved in time: every time in an interaction by the same amount, everything else as it was."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import orjson

from stream.offline.history import NO_TIME
from stream.pipeline import FileRecord

__all__ = ["TIME_FIELDS", "last_time", "shifted"]

TIME_FIELDS = ("occurred_at", "promised_at", "due_at", "term_end")
"""Every field of every interaction that holds a time."""


def last_time(records: Iterable[FileRecord]) -> int:
    """The latest event time, epoch ms; `NO_TIME` if there is none."""
    return max((record.timestamp for record in records), default=NO_TIME)


def shifted(record: FileRecord, by_ms: int) -> FileRecord:
    """The record `by_ms` later; unknown fields are kept, and what cannot be read stays as it is."""
    if record.timestamp == NO_TIME or record.value is None:
        return record
    fields = orjson.loads(record.value)
    by = timedelta(milliseconds=by_ms)
    try:
        for name in TIME_FIELDS:
            if isinstance(fields.get(name), str):
                fields[name] = (datetime.fromisoformat(fields[name]) + by).isoformat()
    except (ValueError, OverflowError):
        return record  # refused where it arrives, with its cause
    return record._replace(timestamp=record.timestamp + by_ms, value=orjson.dumps(fields))
