"""Records that must be refused: of every kind a sender has ever sent, each made from a good one.

A bad record is sent beside the good one, never instead of it, so that a consumer which refuses it and goes on
ends with the scores of a clean history.
"""

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import msgspec

from schemas.codec import encode
from schemas.dead_letter import Cause
from schemas.interaction import Interaction

__all__ = ["KINDS", "Kind", "spoil"]

Body = dict[str, Any]
_body = msgspec.json.Decoder(Body).decode


class Kind(NamedTuple):
    """One kind of bad record.

    Attributes:
        make: from the fields of a good one, the bytes of a line without its line break.
        cause: with which it is refused when it is read from a file. Sent to Kafka, a line without a readable
            customer has no key and is refused as `key_missing`.
    """

    make: Callable[[Body, Random], bytes]
    cause: Cause


def spoil(event: Interaction, kind: str, chance: Random) -> bytes:
    """A bad record of a kind of `KINDS`, made from a good event."""
    return KINDS[kind].make(_body(encode(event)), chance)


def _changed(**values: object) -> Callable[[Body, Random], bytes]:
    """With some fields replaced, whatever they held."""
    return lambda body, _: encode(body | values)


def _about(kind: str, **fields: object) -> Callable[[Body, Random], bytes]:
    """Another type about the same customer at the same time, with these fields."""

    def make(body: Body, _: Random) -> bytes:
        head = {name: body[name] for name in ("event_id", "customer_id", "occurred_at")}
        return encode({"type": kind} | head | fields)

    return make


def _truncated(body: Body, chance: Random) -> bytes:
    line = encode(body)
    return line[: chance.randrange(1, len(line))]


def _not_utf8(body: Body, _: Random) -> bytes:
    return encode(body).replace(b'"event_id":"', b'"event_id":"\xff\xfe', 1)


def _not_json(body: Body, _: Random) -> bytes:
    return f"{body['customer_id']};{body['occurred_at']};{body['type']}".encode()


def _not_a_number(body: Body, _: Random) -> bytes:
    return _about("purchase", amount=0.5, currency="EUR")(body, _).replace(b":0.5", b":NaN", 1)


def _without(name: str) -> Callable[[Body, Random], bytes]:
    return lambda body, _: encode({key: value for key, value in body.items() if key != name})


def _without_zone(body: Body, _: Random) -> bytes:
    return encode(body | {"occurred_at": body["occurred_at"].removesuffix("Z")})


KINDS: dict[str, Kind] = {
    "truncated": Kind(_truncated, "invalid_json"),
    "not_utf8": Kind(_not_utf8, "invalid_json"),
    "not_json": Kind(_not_json, "invalid_json"),
    "not_a_number": Kind(_not_a_number, "invalid_json"),
    "unknown_type": Kind(_changed(type="wishlist"), "unknown_type"),
    "without_event_id": Kind(_without("event_id"), "invalid_field"),
    "without_customer": Kind(_without("customer_id"), "invalid_field"),
    "without_time": Kind(_without("occurred_at"), "invalid_field"),
    "without_time_zone": Kind(_without_zone, "invalid_field"),
    "not_a_date": Kind(_changed(occurred_at="yesterday"), "invalid_field"),
    "off_scale": Kind(_about("survey", instrument="csat", score=9), "invalid_field"),
    "unknown_instrument": Kind(_about("survey", instrument="smileys", score=3), "invalid_field"),
    "wrong_type": Kind(_about("purchase", amount="19,90", currency="EUR"), "invalid_field"),
    "negative_amount": Kind(_about("purchase", amount=-19.9, currency="EUR"), "invalid_field"),
    "before_1990": Kind(_changed(occurred_at="1970-01-01T00:00:00Z"), "too_old"),
    "far_future": Kind(_changed(occurred_at="2199-12-31T23:59:59Z"), "too_future"),
}
"""By name, as the account of a generated file lists them."""
