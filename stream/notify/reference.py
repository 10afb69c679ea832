"""What is shown instead of a customer's id: a keyed hash, the same for one customer as long as the key is."""

import hashlib
import hmac
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from stream.config import read_key
from stream.errors import ConfigError

__all__ = ["customer_ref", "installation", "reference_key"]

KEY_FILE = "customer-ref.key"


def customer_ref(key: bytes, customer_id: str) -> str:
    """16 hex digits of HMAC-SHA256: of a million customers two share one once in 40 million keys."""
    return hmac.new(key, customer_id.encode(), hashlib.sha256).hexdigest()[:16]


def installation(key: bytes, topic_prefix: str) -> str:
    """Whose silences are whose in an Alertmanager that several installations use: 8 hex digits.

    The same for all copies, and in every run, of those that tell of the same topic of alerts with one key.
    """
    return customer_ref(key, f"\0{topic_prefix}")[:8]  # as no customer is called


def reference_key(path: Path | None, data_dir: Path) -> bytes:
    """The key in a file; made once in `data_dir` if no file is named.

    Raises:
        ConfigError: the file cannot be made, or see `config.read_key`.
    """
    place = path or data_dir / KEY_FILE
    if path is None and not place.exists():
        try:
            data_dir.mkdir(parents=True, exist_ok=True)
            _make(place)
        except OSError as error:
            raise ConfigError(
                f"cannot make the key {place}: {error.strerror}",
                hint="name a file with a random key as customer_ref_key, or another data_dir",
            ) from error
    return read_key(place, "customer_ref_key")


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
