"""One customer's past out of a history: the own records, and the state that they make up to any time.

A customer's scores depend on nobody else's events, so replaying the own records alone gives the same row
(tested), in milliseconds instead of minutes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from stream.offline.history import NO_TIME
from stream.offline.replay import replay
from stream.pipeline import Effects, FileRecord, Pipeline, Record
from stream.pipeline.decode import MAX_AHEAD_MS, decode
from stream.state.table import CustomerTable

__all__ = ["Past", "as_file_record", "own_records", "state_at"]


@dataclass(frozen=True, slots=True)
class Past:
    """What a history holds of one customer.

    Attributes:
        records: the customer's own, in the history's order, event time as `timestamp`.
        last_ms: latest event time of anybody, 0 where there is none; the present of a file.
        n_unreadable: lines whose customer or time cannot be read: nobody's, and counted.
    """

    records: list[FileRecord]
    last_ms: int = 0
    n_unreadable: int = 0


def own_records(records: Iterable[FileRecord], key: bytes, now_ms: int) -> Past:
    """The records of one customer.

    Args:
        records: a history; `timestamp` is the event's time.
        key: the customer.
        now_ms: wall time; times more than a day ahead of it are a sender's fault and move no clock.
    """
    own, last_ms, n_unreadable = [], 0, 0
    for record in records:
        if record.timestamp == NO_TIME or not record.key:
            n_unreadable += 1
        elif record.timestamp <= now_ms + MAX_AHEAD_MS:
            last_ms = max(last_ms, record.timestamp)
        if record.key == key:
            own.append(record)
    return Past(own, last_ms, n_unreadable)


def as_file_record(record: Record, now_ms: int) -> FileRecord:
    """A record from Kafka with its event's time as `timestamp`; NO_TIME where it would be a dead letter."""
    times_ms = decode([record], now_ms, Effects()).times_ms
    return FileRecord(
        record.topic,
        record.partition,
        record.offset,
        int(times_ms[0]) if len(times_ms) else NO_TIME,
        record.key,
        record.value,
        tuple(record.headers or ()),
    )


def state_at(pipeline: Pipeline, records: Iterable[FileRecord], until_ms: int, now_ms: int) -> CustomerTable:
    """The state of whose records they are, made by what had happened up to a time; empty if nothing had.

    Args:
        pipeline: parameters and rules; silence is scored at the times at which it was silent.
        records: one customer's own, or everybody's.
        until_ms: later events are left out.
        now_ms: wall time, for the limit on events ahead of it.

    Raises:
        ConfigError: the time is later than any event may be.
    """
    dated = (record for record in records if record.timestamp != NO_TIME)
    clocked = Pipeline(pipeline.parameters, pipeline.rules, clock="event")
    return replay(clocked, dated, now_ms=now_ms, until_ms=until_ms).table
