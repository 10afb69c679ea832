"""Bytes -> one command, or the cause for which nobody listens to it, whoever it is about."""

import msgspec

from schemas.codec import decode_command
from schemas.command import CommandV1
from tests.oracles.reading import DAY_MS, Refused, SourceRecord, usable

__all__ = ["read_command"]

FIRST_YEAR = 1990


def read_command(record: SourceRecord, now_ms: int) -> CommandV1:
    """The record's command; plain JSON only, unsigned.

    Raises:
        Refused: with the dead letter's cause.
    """
    key, value = usable(record)
    try:
        command = decode_command(value)
    except msgspec.ValidationError as error:
        raise Refused("invalid_field") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("invalid_json") from error
    if command.customer_id.encode() != key:
        raise Refused("key_mismatch")
    if command.issued_at.year < FIRST_YEAR:
        raise Refused("too_old")
    if command.issued_at.timestamp() * 1000 > now_ms + DAY_MS:
        raise Refused("too_future")
    if ord(command.issued_by[0]) < 32 or command.issued_by.strip().lower() == "kizuna":
        raise Refused("forged_author")
    return command
