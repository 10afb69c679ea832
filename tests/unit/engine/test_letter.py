"""A dead letter fits into its topic, whatever came."""

from hashlib import sha256

import pytest

from schemas.registry import TOPICS
from stream.engine.transaction import MAX_LETTER_BYTES, letter

MIB = 1024 * 1024
OURS = ("kizuna.cause", b"too_large")


@pytest.mark.parametrize("value", [None, b"", b"{", b"x" * (7 * MIB)], ids=["none", "empty", "short", "7MiB"])
def test_a_letter_that_fits_is_the_record_as_it_came(value: bytes | None) -> None:
    """Not a byte of key, value or headers changes."""
    assert letter(b"k", value, [("theirs", None), OURS]) == (b"k", value, [("theirs", None), OURS])


def test_a_letter_that_does_not_fit_is_cut_and_says_what_of() -> None:
    """12 MB, as a gzip-compressed record may come: its first MiB, its length and its hash."""
    value = bytes(range(250)) * 48_000
    key, kept, headers = letter(b"k", value, [("theirs", b"1"), OURS])
    assert (key, kept) == (b"k", value[:MIB])
    assert headers == [
        ("theirs", b"1"),
        OURS,
        ("kizuna.truncated", b"12000000"),
        ("kizuna.sha256", sha256(value).hexdigest().encode()),
    ]


def test_a_key_and_headers_of_any_size_are_cut_too() -> None:
    """Their headers go, ours stay."""
    key, kept, headers = letter(b"k" * (12 * MIB), b"{", [("theirs", b"x" * (12 * MIB)), OURS])
    assert (key, kept) == (b"k" * MIB, b"{")
    assert [name for name, _ in headers] == ["kizuna.cause", "kizuna.truncated", "kizuna.sha256"]


def test_the_limit_leaves_room_in_the_topic() -> None:
    """Framing and the headers of the cut come on top."""
    assert int(TOPICS["dead-letters"].config["max.message.bytes"]) >= MAX_LETTER_BYTES + MIB // 2
