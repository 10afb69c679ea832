"""A customer is shown as a keyed hash, with one key for all copies."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from stream.errors import ConfigError
from stream.notify.reference import KEY_FILE, customer_ref, read_key

COPIES = 8


def test_copies_that_start_at_once_use_one_key(tmp_path: Path) -> None:
    """Whoever makes it first, nobody reads half a key, and nothing else is left there."""
    for number in range(50):
        place = tmp_path / str(number)
        barrier = Barrier(COPIES)

        def start(place: Path = place, barrier: Barrier = barrier) -> bytes:
            barrier.wait()
            return read_key(None, place)

        with ThreadPoolExecutor(COPIES) as pool:
            keys = {each.result() for each in [pool.submit(start) for _ in range(COPIES)]}
        assert len(keys) == 1
        assert [each.name for each in place.iterdir()] == [KEY_FILE]
        assert (place / KEY_FILE).stat().st_mode & 0o077 == 0


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    """It could be guessed, and with it every id."""
    path = tmp_path / "key"
    path.write_text("short")
    with pytest.raises(ConfigError, match="holds 5 bytes"):
        read_key(path, tmp_path)


def test_the_same_customer_is_the_same_reference_under_one_key() -> None:
    """And another one under another key."""
    assert customer_ref(b"k" * 16, "mika") == customer_ref(b"k" * 16, "mika")
    assert customer_ref(b"k" * 16, "mika") != customer_ref(b"q" * 16, "mika")
