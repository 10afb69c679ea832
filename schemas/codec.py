"""Bytes to structs and back, with every decoder and encoder made once; and the reason when it fails.

Use: `try: event = decode_interaction(value)`, `except DECODE_ERRORS as failure: classify(failure, value)`.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from schemas.alert import AlertV1
from schemas.command import CommandV1
from schemas.dead_letter import MAX_DETAIL, Cause
from schemas.fields import check_customer
from schemas.interaction import TYPES, Interaction
from schemas.score import ScoreV1

DECODE_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that decoding raises for bad bytes: also text that is not UTF-8, and nesting too deep to follow."""

_encoder = msgspec.json.Encoder()
_interactions: Final[msgspec.json.Decoder[Interaction]] = msgspec.json.Decoder(Interaction)
_scores = msgspec.json.Decoder(ScoreV1)
_alerts = msgspec.json.Decoder(AlertV1)
_commands = msgspec.json.Decoder(CommandV1)

decode_unchecked: Final = _interactions.decode
"""One interaction whose customer the caller checks (`fields.check_customer`): for whole runs at once."""


def decode_interaction(value: bytes | str) -> Interaction:
    """One interaction.

    Raises:
        msgspec.DecodeError: or another of `DECODE_ERRORS`.
    """
    event = decode_unchecked(value)
    try:
        check_customer(event.customer_id)
    except ValueError as error:
        raise msgspec.ValidationError(str(error)) from error
    return event


decode_score: Final = _scores.decode
decode_alert: Final = _alerts.decode
decode_command: Final = _commands.decode

encode: Final = _encoder.encode
"""Any struct of ours to JSON bytes, fields in declared order."""

_UNKNOWN_TAG = re.compile(r"Invalid value '(?P<tag>.*)' - at `\$\.type`\Z", re.DOTALL)
_BAD_ENUM = re.compile(r"Invalid enum value .*(?P<path> - at `\$[.\w\[\]]*`)\Z", re.DOTALL)


def classify(failure: BaseException, value: bytes | None) -> tuple[Cause, str]:
    """Why the bytes were refused: a cause to count and a detail for people.

    The detail names types, bounds and the path of a field. It holds no field's value, with one exception: the
    unknown type itself, cut short.

    Args:
        failure: what `decode_interaction` raised, one of `DECODE_ERRORS`.
        value: the bytes it was given.
    """
    if not value:
        return "empty_value", "the record has no value"
    if isinstance(failure, RecursionError):
        return "invalid_json", "nested too deeply"
    if not isinstance(failure, msgspec.ValidationError):
        return "invalid_json", str(failure)[:MAX_DETAIL]
    message = str(failure)
    if unknown := _UNKNOWN_TAG.match(message):
        tag = unknown["tag"]
        if tag in TYPES:  # msgspec says the same of a second, different `type`
            return "invalid_field", "`type` is given twice"
        return "unknown_type", f"unknown type {tag[:64]!r}"
    if enum := _BAD_ENUM.match(message):
        return "invalid_field", f"Invalid enum value{enum['path']}"
    return "invalid_field", message[:MAX_DETAIL]
