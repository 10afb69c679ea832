"""Dead-letter headers: why, and where from, without losing what the record brought."""

from __future__ import annotations

from schemas import dead_letter
from schemas.dead_letter import headers


def test_headers_say_cause_and_origin() -> None:
    """Each declared header is there once, readable as text."""
    written = dict(headers("too_large", "5 MB", "interactions", 3, 41, 1795341600000))
    assert written == {
        "kizuna.cause": b"too_large",
        "kizuna.detail": b"5 MB",
        "kizuna.topic": b"interactions",
        "kizuna.partition": b"3",
        "kizuna.offset": b"41",
        "kizuna.timestamp_ms": b"1795341600000",
        "kizuna.version": b"1",
    }


def test_headers_of_the_original_are_kept_in_front() -> None:
    """Sent again, the record is what it was: repeated names and binary values included."""
    original = [("content-type", b"application/json"), ("trace", b"\x00\xff"), ("trace", b"2")]
    written = headers("too_old", "", "t", 0, 0, 0, original)
    assert written[:3] == original


def test_headers_of_an_earlier_death_are_replaced() -> None:
    """A letter that was sent again and refused again tells only the latest story."""
    first = headers("unknown_type", "x", "interactions", 0, 1, 2, [("trace", b"1")])
    second = headers("invalid_field", "y", "interactions", 1, 9, 3, first)
    assert [name for name, _ in second].count(dead_letter.CAUSE) == 1
    assert dict(second)[dead_letter.CAUSE] == b"invalid_field"
    assert second[0] == ("trace", b"1")


def test_detail_is_cut_and_always_encodable() -> None:
    """Neither length nor a lone surrogate in a message can break the letter."""
    written = dict(headers("invalid_json", "\udcff" + "x" * 999, "t", 0, 0, 0))
    assert written[dead_letter.DETAIL] == b"?" + b"x" * 199
