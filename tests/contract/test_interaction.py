"""Interactions: what is accepted and what is refused, at the edge of every bound."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given

from schemas import codec
from schemas.interaction import EARLIEST, LATEST, SCALES, TYPES, Event, Interaction, Purchase, Survey
from tests.contract.strategies import struct

TIME = "2026-11-22T10:00:00Z"
OWN: dict[str, dict[str, Any]] = {
    "purchase": {"amount": 1, "currency": "EUR"},
    "refund": {"amount": 1, "currency": "EUR"},
    "delivery": {"delivery_id": "d", "status": "arrived"},
    "ticket": {"ticket_id": "t", "status": "opened"},
    "survey": {"instrument": "nps", "score": 9},
    "review": {"rating": 5},
    "engagement": {"kind": "visit"},
    "subscription": {"subscription_id": "s", "status": "started"},
    "payment": {"status": "failed"},
    "loyalty": {"kind": "joined"},
    "referral": {},
    "incident": {"kind": "outage"},
    "recovery": {"kind": "apology"},
    "profile": {},
}
"""The least that each type needs."""


def wire(event_type: str = "purchase", **fields: object) -> bytes:
    common = {"type": event_type, "event_id": "e", "customer_id": "c", "occurred_at": TIME}
    return json.dumps({**common, **OWN[event_type], **fields}).encode()


def accepted(value: bytes) -> bool:
    try:
        codec.decode_interaction(value)
    except codec.DECODE_ERRORS:
        return False
    return True


@pytest.mark.parametrize("event_type", TYPES)
def test_interaction_survives_the_wire(event_type: str) -> None:
    """Decoding what we encode gives the same event, whatever its fields hold."""

    @given(struct(TYPES[event_type]))
    def survives(event: Event) -> None:
        assert codec.decode_interaction(codec.encode(event)) == event

    survives()


def test_union_and_table_of_types_agree() -> None:
    """A type that is declared is decoded, and found by its name."""
    assert set(get_args(Interaction)) == set(TYPES.values())
    assert {name: cls.__struct_config__.tag for name, cls in TYPES.items()} == {name: name for name in TYPES}
    assert set(OWN) == set(TYPES)


def test_every_struct_is_frozen_untracked_and_begins_with_the_common_fields() -> None:
    """Frozen: shared without copies. Untracked: no work for the garbage collector."""
    for cls in TYPES.values():
        assert cls.__struct_config__.frozen
        assert not cls.__struct_config__.gc
        assert cls.__struct_fields__[:3] == ("event_id", "customer_id", "occurred_at")


@pytest.mark.parametrize("event_type", TYPES)
def test_unknown_fields_are_ignored(event_type: str) -> None:
    """Senders may add fields of their own."""
    with_more = wire(event_type, zebra={"deep": [1, None]}, schema="theirs")
    assert codec.decode_interaction(with_more) == codec.decode_interaction(wire(event_type))


@pytest.mark.parametrize("event_type", TYPES)
@pytest.mark.parametrize("name", ["event_id", "customer_id", "occurred_at"])
def test_common_fields_are_required_and_never_null(event_type: str, name: str) -> None:
    """Without them an event can be neither placed nor counted once."""
    assert not accepted(wire(event_type, **{name: None}))
    without = {key: part for key, part in json.loads(wire(event_type)).items() if key != name}
    assert not accepted(json.dumps(without).encode())


IDS = [
    *((event_type, name) for event_type in TYPES for name in ("event_id", "customer_id")),
    ("purchase", "order_id"), ("delivery", "delivery_id"), ("ticket", "ticket_id"), ("survey", "survey_id"),
    ("review", "product_id"), ("subscription", "subscription_id"), ("referral", "referred_customer_id"),
]  # fmt: skip


@pytest.mark.parametrize(("event_type", "name"), IDS)
def test_ids_have_1_to_128_characters(event_type: str, name: str) -> None:
    """Characters, not bytes: 128 of the widest fit, 129 of the narrowest do not."""
    for good in ("x", "x" * 128, "\U0001f600" * 128, "a b|c/d"):
        assert accepted(wire(event_type, **{name: good}))
    for bad in ("", "x" * 129, 7, True, ["x"]):
        assert not accepted(wire(event_type, **{name: bad}))


@pytest.mark.parametrize("event_type", TYPES)
def test_customer_id_in_the_reserved_range_is_refused(event_type: str) -> None:
    """No event can overwrite the position row, whose key begins with a zero byte."""
    for bad in ("\0position", "\0", "\x1f", "\n"):
        assert not accepted(wire(event_type, customer_id=bad))
    assert accepted(wire(event_type, customer_id=" "))


@pytest.mark.parametrize(
    ("event_type", "name", "low", "high"),
    [
        ("purchase", "amount", 0, 1_000_000_000),
        ("purchase", "items", 1, 1_000_000),
        ("delivery", "items", 1, 1_000_000),
        ("delivery", "value", 0, 1_000_000_000),
        ("delivery", "freight", 0, 1_000_000_000),
        ("refund", "amount", 0, 1_000_000_000),
        ("payment", "amount", 0, 1_000_000_000),
        ("recovery", "amount", 0, 1_000_000_000),
        ("review", "rating", 1, 5),
    ],
)
def test_numbers_are_held_to_their_range(event_type: str, name: str, low: int, high: int) -> None:
    """Both ends are allowed, a step beyond is refused; so is everything that is no number."""
    assert accepted(wire(event_type, **{name: low}))
    assert accepted(wire(event_type, **{name: high}))
    not_numbers: tuple[object, ...] = (True, False, "1", [1], {})
    for bad in (low - 1, high + 1, 10**30, *not_numbers):
        assert not accepted(wire(event_type, **{name: bad}))


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e309", "0x10", "1_000", "01", "+1"]
)
@pytest.mark.parametrize("event_type", ["purchase", "refund", "payment", "recovery"])
def test_amounts_that_are_not_finite_numbers_are_refused(event_type: str, number: str) -> None:
    """No infinity, no NaN and no other language's numbers enter a sum."""
    value = wire(event_type, amount=424242).replace(b"424242", number.encode())
    assert number.encode() in value
    assert not accepted(value)


@pytest.mark.parametrize(("instrument", "scale"), SCALES.items())
def test_survey_answers_lie_on_the_scale_of_their_instrument(instrument: str, scale: tuple[int, int]) -> None:
    """0-10 for NPS, 1-5 for CSAT and CES 1, 1-7 for CES 2; whole numbers only."""
    allowed = {
        answer for answer in range(-2, 14) if accepted(wire("survey", instrument=instrument, score=answer))
    }
    assert allowed == set(range(scale[0], scale[1] + 1))
    assert not accepted(wire("survey", instrument=instrument, score=3.0))
    assert not accepted(wire("survey", instrument=instrument, score=True))


def test_survey_scales_are_those_of_the_literature() -> None:
    """The declared scales, written a second time by hand."""
    assert SCALES == {"nps": (0, 10), "csat": (1, 5), "ces1": (1, 5), "ces2": (1, 7)}
    assert set(SCALES) == set(get_args(msgspec.structs.fields(Survey)[3].type))


def test_promise_needs_its_time_and_nothing_else_does() -> None:
    """A promised delivery without `promised_at` is no promise."""
    assert not accepted(wire("delivery", status="promised"))
    assert not accepted(wire("delivery", status="promised", promised_at=None))
    assert accepted(wire("delivery", status="promised", promised_at=TIME))
    for status in ("shipped", "arrived", "failed"):
        assert accepted(wire("delivery", status=status))
        assert accepted(wire("delivery", status=status, promised_at=TIME))


@pytest.mark.parametrize("sellers", [["s"] * 101, ["s", ""], [1], "s", {}])
def test_sellers_of_a_delivery_are_a_list_of_ids(sellers: object) -> None:
    """At most 100 of them, each an id; an empty list says that nobody is known."""
    assert not accepted(wire("delivery", seller_ids=sellers))
    for good in ([], ["s"] * 100, None):
        assert accepted(wire("delivery", seller_ids=good))


TIMES = [
    ("purchase", "occurred_at"),
    ("delivery", "promised_at"),
    ("ticket", "due_at"),
    ("subscription", "term_end"),
    ("survey", "requested_at"),
    ("review", "requested_at"),
]


@pytest.mark.parametrize(("event_type", "name"), TIMES)
@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00Z", "2026-11-22t10:00:00z", "2026-11-22 10:00:00Z", "2026-11-22T19:00:00+09:00",
        "2026-11-22T06:30:00-0330", "2026-11-22T10:00:00.0000001Z", "2026-11-22T10:00:00-00:00",
    ],
)  # fmt: skip
def test_times_with_a_zone_are_read_as_the_same_moment(event_type: str, name: str, text: str) -> None:
    """RFC 3339 in its variants: a space or `t`, `z`, any offset, any fraction (rounded to microseconds)."""
    event = codec.decode_interaction(wire(event_type, **{name: text}))
    assert getattr(event, name) == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(("event_type", "name"), TIMES)
@pytest.mark.parametrize(
    "value",
    [
        "2026-11-22T10:00:00", "2026-11-22 10:00:00", "2026-11-22", "2026-11-22T10:00Z", "20261122T100000Z",
        "2026-11-22T10:00:60Z", "2026-11-22T24:00:00Z", "2026-02-29T10:00:00Z", "2026-11-22T10:00:00+24:00",
        "2026-11-22T10:00:00,5Z", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z",
        " 2026-11-22T10:00:00Z", "1795341600", "", 1795341600, 1795341600000, 1795341600.5, True,
    ],
    ids=repr,
)  # fmt: skip
def test_times_without_a_zone_or_of_another_form_are_refused(
    event_type: str, name: str, value: object
) -> None:
    """Nobody can know which moment is meant: no zone, no guess; numbers have no unit."""
    assert not accepted(wire(event_type, **{name: value}))


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "1970-01-01T00:00:00Z"]
)
def test_far_times_decode_and_are_comparable_with_the_limits(text: str) -> None:
    """The limits of event time are checked later with causes of their own: here nothing may overflow."""
    event = codec.decode_interaction(wire(occurred_at=text))
    assert not EARLIEST <= event.occurred_at < LATEST
    assert isinstance(event.occurred_at - EARLIEST, timedelta)


@pytest.mark.parametrize("bad", ["", "a" * 17, "Gold", "gold eu", "gold\n", "\ngold", "größe", 5])
def test_segments_are_short_plain_names(bad: object) -> None:
    """Lower-case ASCII, digits, `_` and `-`, 16 at most: a line break at the end is not overlooked."""
    assert not accepted(wire("profile", segment=bad))
    assert accepted(wire("profile", segment="gold_eu-1"))


def test_last_of_a_repeated_field_counts_but_a_second_type_is_refused() -> None:
    """JSON allows both; only the first is harmless."""
    event = codec.decode_interaction(wire()[:-1] + b', "amount": 77}')
    assert isinstance(event, Purchase)
    assert event.amount == 77
    assert not accepted(wire()[:-1] + b', "type": "refund"}')
