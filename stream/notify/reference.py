"""What is shown instead of a customer's id: a keyed hash, the same for one customer as long as the key is."""

import hashlib
import hmac
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from stream.errors import ConfigError

__all__ = ["LEAST", "customer_ref", "read_key"]

LEAST = 16
"""Bytes of a key, at least: a shorter one could be guessed, and with it every id."""
KEY_FILE = "customer-ref.key"


def customer_ref(key: bytes, customer_id: str) -> str:
    """16 hex digits of HMAC-SHA256: of a million customers two share one once in 40 million keys."""
    return hmac.new(key, customer_id.encode(), hashlib.sha256).hexdigest()[:16]


def read_key(path: Path | None, data_dir: Path) -> bytes:
    """The key in a file, white space around it left out; made once in `data_dir` if no file is named.

    Raises:
        ConfigError: the file cannot be read or made, or its key is too short.
    """
    place = path or data_dir / KEY_FILE
    try:
        if path is None and not place.exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            _make(place)
        key = place.read_bytes().strip()
    except OSError as error:
        raise ConfigError(
            f"cannot use {place}: {error.strerror}",
            hint="name a file with a random key: head -c 32 /dev/urandom | base64 > customer-ref.key",
        ) from error
    if len(key) < LEAST:
        raise ConfigError(
            f"{place} holds {len(key)} bytes; a key has at least {LEAST}",
            hint=f"make one: head -c 32 /dev/urandom | base64 > {place}",
        )
    return key


def _make(place: Path) -> None:
    """Put a new key there, whole or not at all: two copies that start at once both use the first one's."""
    fresh = place.with_name(f"{place.name}.{token_hex(8)}")
    fresh.touch(mode=0o600)
    try:
        fresh.write_text(token_hex(32) + "\n", encoding="ascii")
        with suppress(FileExistsError):
            place.hardlink_to(fresh)
    finally:
        fresh.unlink()
