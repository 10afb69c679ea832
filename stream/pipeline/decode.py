"""Bytes -> events, or dead letters. The one place that sees records; everything after it works on columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np

from schemas import dead_letter
from schemas.cloudevents import payload
from schemas.codec import DECODE_ERRORS, classify, decode_interaction, decode_unchecked
from schemas.dead_letter import Cause
from schemas.interaction import EARLIEST, LATEST, MAX_RECORD_BYTES, Event, Interaction
from stream.model.columns import Ints
from stream.pipeline.effects import DeadLetter, Effects
from stream.pipeline.record import Record
from stream.pipeline.times import epoch_ms

__all__ = ["MAX_AHEAD_MS", "Decoded", "decode", "refuse", "type_name", "unusable"]

MAX_AHEAD_MS = (
    86_400_000  # an event more than a day ahead of the clock is a sender's fault, not a late record
)
UNKNOWN = "unknown"
OTHER_KEY = "the key is not `customer_id`"
CHUNK = 64
"""Records decoded together: one bad record has this many looked at one by one."""
EARLIEST_MS = int(EARLIEST.timestamp() * 1000)
LAST_MS = int(LATEST.timestamp() * 1000) - 1
PARTS, CUSTOMER, TIME = (
    attrgetter("key", "value", "headers"),
    attrgetter("customer_id"),
    attrgetter("occurred_at"),
)


@dataclass(slots=True)
class Decoded:
    """Valid events of a run, in arrival order, and the records they came in; parallel lists."""

    events: list[Interaction] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    times_ms: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    records: list[Record] = field(default_factory=list)

    def part(self, start: int, stop: int) -> "Decoded":
        """The events [start, stop); itself if that is all of them."""
        if start == 0 and stop >= len(self.events):
            return self
        chosen = slice(start, stop)
        return Decoded(self.events[chosen], self.keys[chosen], self.times_ms[chosen], self.records[chosen])


def decode(records: Sequence[Record], now_ms: int, effects: Effects) -> Decoded:
    """Decode a run; each record becomes an event or a dead letter in `effects`, never an exception.

    Args:
        records: one partition's records in offset order.
        now_ms: wall time, for the limit on events ahead of it.
        effects: receives dead letters and their counts.
    """
    effects.n_records += len(records)
    good = Decoded()
    for start in range(0, len(records), CHUNK):
        chunk = records[start : start + CHUNK]
        found = _all_good(chunk)
        if found is None:
            _one_by_one(chunk, good, effects)
        else:
            good.events += found[0]
            good.keys += found[1]
            good.records += chunk
    good.times_ms = epoch_ms(list(map(TIME, good.events)))
    _refuse_times(good, min(LAST_MS, now_ms + MAX_AHEAD_MS), effects)
    return good


def _all_good(records: Sequence[Record]) -> tuple[list[Interaction], list[bytes]] | None:
    """Events and keys of records without headers; None if there is anything to be said of any of them."""
    keys, values, headers = zip(*map(PARTS, records), strict=True)
    if any(headers) or None in keys or None in values or max(map(len, values)) > MAX_RECORD_BYTES:
        return None
    try:
        events = list(map(decode_unchecked, values))
    except DECODE_ERRORS:
        return None
    if min(keys) < b" ":  # ours; customers that are equal to their keys are checked with them
        return None
    customers = list(map(str.encode, map(CUSTOMER, events)))
    return (events, customers) if customers == list(keys) else None


def _one_by_one(records: Sequence[Record], good: Decoded, effects: Effects) -> None:
    """Good ones to `good`, the others to `effects` with their cause."""
    for record in records:
        if (fault := unusable(record)) is not None:
            refuse(effects, record, *fault, UNKNOWN)
            continue
        value = record.value or b""
        try:
            event = decode_interaction(payload(value, record.headers) if record.headers else value)
        except DECODE_ERRORS as failure:
            refuse(effects, record, *classify(failure, value), UNKNOWN)
            continue
        if (customer := event.customer_id.encode()) != record.key:
            refuse(effects, record, "key_mismatch", OTHER_KEY, type_name(type(event)))
            continue
        good.events.append(event)
        good.keys.append(customer)
        good.records.append(record)


def unusable(record: Record) -> tuple[Cause, str] | None:
    """Why a record is refused before anybody reads its value, or None: of interactions and commands alike."""
    if not record.value:
        return "empty_value", "the record has no value"
    if len(record.value) > MAX_RECORD_BYTES:
        return "too_large", f"{len(record.value)} bytes, at most {MAX_RECORD_BYTES}"
    if record.key is None:
        return "key_missing", "records are keyed by the customer id"
    return None


def type_name(kind: type[Event]) -> str:
    """The `type` on the wire of an event of this struct."""
    return str(kind.__struct_config__.tag)


def _refuse_times(good: Decoded, limit_ms: int, effects: Effects) -> None:
    out = (good.times_ms < EARLIEST_MS) | (good.times_ms > limit_ms)
    if not out.any():
        return
    for i in np.flatnonzero(out).tolist():
        old = good.times_ms[i] < EARLIEST_MS
        cause: Cause = "too_old" if old else "too_future"
        detail = (
            "`occurred_at` is before 1990" if old else "`occurred_at` is more than a day ahead of the clock"
        )
        refuse(effects, good.records[i], cause, detail, type_name(type(good.events[i])))
    kept = np.flatnonzero(~out).tolist()
    good.events = [good.events[i] for i in kept]
    good.keys = [good.keys[i] for i in kept]
    good.records = [good.records[i] for i in kept]
    good.times_ms = good.times_ms[~out]


def refuse(effects: Effects, record: Record, cause: Cause, detail: str, event_type: str) -> None:
    """A dead letter with its cause, counted as invalid under this type."""
    headers = dead_letter.headers(
        cause, detail, record.topic, record.partition, record.offset, record.timestamp, record.headers or ()
    )
    effects.dead_letters.append(DeadLetter(record.key, record.value, headers))
    effects.causes[cause] += 1
    effects.outcomes[event_type, "invalid"] += 1
