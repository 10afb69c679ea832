"""Commands of people about what is shown -> decisions that a row can keep, or dead letters."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from schemas.cloudevents import payload
from schemas.codec import DECODE_ERRORS, classify, decode_command
from schemas.command import CommandV1
from schemas.dead_letter import Cause
from stream.model.override import BANDS, Override
from stream.pipeline.decode import EARLIEST_MS, LAST_MS, MAX_AHEAD_MS, OTHER_KEY, refuse, unusable
from stream.pipeline.effects import Effects
from stream.pipeline.record import Record
from stream.pipeline.times import to_ms

__all__ = ["COMMAND", "decision", "decisions"]

COMMAND = "command"
"""What commands are counted as, beside the types of interactions."""
WITHDRAWN = -1


def decisions(
    records: Sequence[Record], wall_ms: int, effects: Effects
) -> Iterator[tuple[Record, bytes, Override]]:
    """Decode commands; each becomes a decision or a dead letter in `effects`, never an exception.

    Args:
        records: of the topic of commands, one partition's.
        wall_ms: wall time. A command issued more than a day ahead of it is refused: as the latest counts,
            it would beat all that is decided until then.
        effects: receives dead letters and their counts.

    Yields:
        (record, customer, decision).
    """
    for record in records:
        effects.n_records += 1
        found = unusable(record) or _read(record, wall_ms)
        if isinstance(found, Override):
            yield record, record.key or b"", found
        else:
            refuse(effects, record, *found, COMMAND)


def _read(record: Record, wall_ms: int) -> Override | tuple[Cause, str]:
    value = record.value or b""
    try:
        command = decode_command(payload(value, record.headers) if record.headers else value)
    except DECODE_ERRORS as failure:
        return classify(failure, value)
    if command.customer_id.encode() != record.key:
        return "key_mismatch", OTHER_KEY
    issued_ms = to_ms(command.issued_at)
    if issued_ms < EARLIEST_MS:
        return "too_old", "`issued_at` is before 1990"
    if issued_ms > min(LAST_MS, wall_ms + MAX_AHEAD_MS):
        return "too_future", "`issued_at` is more than a day ahead of the clock"
    found = decision(command)
    return found or ("unsupported_action", f"no worker takes `{command.action}` yet")


def decision(command: CommandV1) -> Override | None:
    """What a command decides about a customer's band; None if it is about an alert.

    A withdrawal is a decision too: it must win against an older override that arrives after it.
    """
    if command.action not in ("override", "withdraw"):
        return None
    issued_ms = _ms(command.issued_at)
    author, reason = command.issued_by, command.reason or ""
    if command.action == "withdraw" or command.band is None or command.until is None:
        return Override(issued_ms, issued_ms, WITHDRAWN, author, reason)
    return Override(issued_ms, _ms(command.until), BANDS.index(command.band), author, reason)


def _ms(time: datetime) -> int:
    """Epoch milliseconds; a time that no event may have counts as the nearest that one may."""
    return min(max(to_ms(time), EARLIEST_MS), LAST_MS)
