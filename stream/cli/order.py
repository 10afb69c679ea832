"""A command of a person, made on the command line as strictly as the worker reads it."""

from collections.abc import Mapping

import msgspec

from schemas.codec import DECODE_ERRORS, classify, decode_command, encode
from schemas.command import CommandV1
from stream.errors import ConfigError

__all__ = ["as_sent", "strict"]


def strict(sent: Mapping[str, object], hint: str) -> CommandV1:
    """The command of these fields.

    Raises:
        ConfigError: a worker would refuse them; the message says which and why.
    """
    value = encode(sent)
    try:
        return decode_command(value)
    except DECODE_ERRORS as failure:
        raise ConfigError(classify(failure, value)[1], hint=hint) from failure


def as_sent(command: CommandV1) -> dict[str, object]:
    """The command as JSON has it, without what it does not say."""
    sent: dict[str, object] = msgspec.json.decode(encode(command))
    return {name: value for name, value in sent.items() if value is not None}
