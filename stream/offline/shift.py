"""A history moved in time: every time in an interaction by the same amount, everything else as it was."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from stream.offline.history import NO_TIME
from stream.pipeline import FileRecord

__all__ = ["TIME_FIELDS", "last_time", "shifted"]

TIME_FIELDS = ("occurred_at", "promised_at", "due_at", "term_end", "requested_at")
"""Every field of every interaction that holds a time."""

# Fields stay bytes: a number read and written again may come out as another one.
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_time = msgspec.json.Decoder(datetime).decode


def last_time(records: Iterable[FileRecord]) -> int:
    """The latest event time, epoch ms; `NO_TIME` if there is none."""
    return max((record.timestamp for record in records), default=NO_TIME)


def shifted(record: FileRecord, by_ms: int) -> FileRecord:
    """The record `by_ms` later; all other fields keep their bytes, and what cannot be read stays as it is."""
    if record.timestamp == NO_TIME or record.value is None:
        return record
    by = timedelta(milliseconds=by_ms)
    try:
        fields = _fields(record.value)
        for name in TIME_FIELDS:
            if name in fields:
                fields[name] = _moved(fields[name], by)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        return record  # refused where it arrives, with its cause
    return record._replace(timestamp=record.timestamp + by_ms, value=msgspec.json.encode(fields))


def _moved(raw: msgspec.Raw, by: timedelta) -> msgspec.Raw:
    try:
        time = _time(raw)
    except msgspec.ValidationError:
        return raw  # null, or a field of the same name that is not a time
    return msgspec.Raw(msgspec.json.encode(time + by))
