"""Commands of people about what is shown -> decisions that a row can keep."""

from datetime import datetime

from schemas.command import CommandV1
from stream.model.override import BANDS, Override
from stream.pipeline.decode import EARLIEST_MS, LAST_MS
from stream.pipeline.times import to_ms

__all__ = ["decision"]

WITHDRAWN = -1


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
