"""Signatures of Standard Webhooks: secrets as people keep them, headers as receivers check them."""

import binascii
from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from standardwebhooks import Webhook

from stream.errors import ConfigError

__all__ = ["Signer", "read_secrets"]

PREFIX = "whsec_"
BYTES = range(24, 65)
"""Length of a secret that the specification allows."""
HINT = "make one with: echo whsec_$(head -c 32 /dev/urandom | base64)"


class Signer:
    """Signs with each of its secrets, and shows none of them.

    Args:
        secrets: `whsec_` and Base64 of 24 to 64 bytes; several while one is exchanged for another.

    Raises:
        ConfigError: there is none, or one is not like that. It is not repeated.
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ConfigError("the webhook has no secret", hint=HINT)
        self._keys = [Webhook(_checked(secret)) for secret in secrets]

    def __repr__(self) -> str:
        return f"Signer({len(self._keys)} secrets)"

    def headers(self, message_id: str, body: bytes, now_ms: int) -> dict[str, str]:
        """What goes with a body.

        Args:
            message_id: the same for every attempt at one message; without a full stop.
            body: UTF-8, exactly as it is sent.
            now_ms: time of the attempt.
        """
        at, text = datetime.fromtimestamp(now_ms // 1_000, UTC), body.decode()
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(now_ms // 1_000),
            "webhook-signature": " ".join(key.sign(message_id, at, text) for key in self._keys),
        }


def read_secrets(path: Path) -> list[str]:
    """The secrets of a file, one a line; empty lines and `#` lines are passed over.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        # Without the cause: it quotes what it could not decode.
        raise ConfigError(f"cannot read the webhook's secrets from {path}", hint=HINT) from None
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _checked(secret: str) -> str:
    try:
        fits = secret.startswith(PREFIX) and len(b64decode(secret[len(PREFIX) :], validate=True)) in BYTES
    except (binascii.Error, ValueError):
        fits = False
    if not fits:
        raise ConfigError(
            f"a webhook secret is not {PREFIX} and the Base64 of {BYTES[0]} to {BYTES[-1]} bytes", hint=HINT
        )
    return secret
