"""Bytes -> one event, or the cause for which the record is refused: the contracts, checked by hand."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Protocol

__all__ = ["Event", "Refused", "SourceRecord", "read", "usable"]

MAX_BYTES = 1_048_576
DAY_MS = 86_400_000
FIRST_MS = 631_152_000_000  # 1990-01-01T00:00Z
END_MS = 4_102_444_800_000  # 2100-01-01T00:00Z, the first instant that is refused

Check = Callable[[Any], bool]
TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):?(\d\d))", re.ASCII
)


class SourceRecord(Protocol):
    """What is needed of a source record."""

    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Iterable[tuple[str, bytes | None]]: ...


class Refused(Exception):
    """The record is no event; `cause` is the dead letter's."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Event:
    """One valid interaction; `body` holds every field, defaults filled in, times still as text."""

    type: str
    event_id: str
    customer: str
    time_ms: int
    body: dict[str, Any]


def moment_ms(text: Any) -> int | None:
    """Epoch ms of an RFC 3339 time with a zone, None if it is none."""
    match = TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    *parts, fraction, sign, hours, minutes = match.groups()
    zone = UTC
    try:
        if sign:
            if int(minutes) > 59:
                return None
            shift = timedelta(hours=int(hours), minutes=int(minutes))
            zone = timezone(shift if sign == "+" else -shift)
        whole = datetime(*map(int, parts), tzinfo=zone)  # type: ignore[arg-type, misc]  # six ints, then the zone
        micros = round(int(fraction) / 10 ** (len(fraction) - 6)) if fraction else 0
        return round((whole + timedelta(microseconds=micros)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def text(low: int, high: int, pattern: str = r".*") -> Check:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda v: isinstance(v, str) and low <= len(v) <= high and compiled.fullmatch(v) is not None


def one_of(*choices: str) -> Check:
    return lambda v: isinstance(v, str) and v in choices


def whole(low: int, high: int) -> Check:
    return lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high


def money(v: Any) -> bool:
    return isinstance(v, int | float) and not isinstance(v, bool) and 0 <= v <= 1e9


def many(check: Check, most: int) -> Check:
    return lambda v: isinstance(v, list) and len(v) <= most and all(map(check, v))


def time(v: Any) -> bool:
    return moment_ms(v) is not None


IDENT = text(1, 128)
MONEY = text(3, 3)
LABEL = text(1, 64)
# type -> field -> (check, default); REQUIRED has none, None may also be written as null
REQUIRED = object()
COMMON: dict[str, tuple[Check, Any]] = {
    "event_id": (IDENT, REQUIRED),
    "customer_id": (lambda v: IDENT(v) and v[0] >= " ", REQUIRED),
    "occurred_at": (time, REQUIRED),
}
OWN: dict[str, dict[str, tuple[Check, Any]]] = {
    "purchase": {
        "amount": (money, REQUIRED),
        "currency": (MONEY, REQUIRED),
        "order_id": (IDENT, None),
        "items": (whole(1, 1_000_000), None),
        "channel": (LABEL, None),
    },
    "refund": {
        "amount": (money, REQUIRED),
        "currency": (MONEY, REQUIRED),
        "order_id": (IDENT, None),
        "kind": (one_of("refund", "return", "chargeback"), "refund"),
    },
    "delivery": {
        "delivery_id": (IDENT, REQUIRED),
        "status": (one_of("promised", "shipped", "arrived", "failed"), REQUIRED),
        "promised_at": (time, None),
        "order_id": (IDENT, None),
        "items": (whole(1, 1_000_000), None),
        "seller_ids": (many(IDENT, 100), None),
        "value": (money, None),
        "freight": (money, None),
    },
    "ticket": {
        "ticket_id": (IDENT, REQUIRED),
        "status": (one_of("opened", "first_reply", "resolved", "reopened", "escalated"), REQUIRED),
        "priority": (one_of("low", "normal", "high", "urgent"), None),
        "due_at": (time, None),
        "channel": (LABEL, None),
    },
    "survey": {
        "instrument": (one_of("nps", "csat", "ces1", "ces2"), REQUIRED),
        "score": (whole(0, 10), REQUIRED),
        "survey_id": (IDENT, None),
        "requested_at": (time, None),
    },
    "review": {
        "rating": (whole(1, 5), REQUIRED),
        "product_id": (IDENT, None),
        "order_id": (IDENT, None),
        "requested_at": (time, None),
    },
    "engagement": {
        "kind": (
            one_of(
                "visit", "login", "email_open", "email_click", "feature_use", "unsubscribed", "resubscribed"
            ),
            REQUIRED,
        )
    },
    "subscription": {
        "subscription_id": (IDENT, REQUIRED),
        "status": (one_of("started", "renewed", "cancel_requested", "cancelled", "expired"), REQUIRED),
        "term_end": (time, None),
    },
    "payment": {
        "status": (one_of("succeeded", "failed"), REQUIRED),
        "amount": (money, None),
        "currency": (MONEY, None),
    },
    "loyalty": {"kind": (one_of("joined", "earned", "redeemed", "tier_up", "tier_down", "left"), REQUIRED)},
    "referral": {"referred_customer_id": (IDENT, None)},
    "incident": {
        "kind": (one_of("breach", "outage", "billing_error", "other"), REQUIRED),
        "severity": (one_of("minor", "major", "critical"), "major"),
    },
    "recovery": {"kind": (one_of("apology", "compensation"), REQUIRED), "amount": (money, None)},
    "profile": {
        "segment": (text(1, 16, "[a-z0-9_-]+"), None),
        "tier": (one_of("standard", "silver", "gold", "platinum"), None),
        "locale": (text(2, 8), None),
    },
}
SCALE = {"nps": (0, 10), "csat": (1, 5), "ces1": (1, 5), "ces2": (1, 7)}


def usable(record: SourceRecord) -> tuple[bytes, bytes]:
    """Key and value of a record that is worth reading, of interactions and commands alike.

    Raises:
        Refused: with the dead letter's cause.
    """
    key, value = record.key, record.value
    if not value:
        raise Refused("empty_value")
    if len(value) > MAX_BYTES:
        raise Refused("too_large")
    if key is None:
        raise Refused("key_missing")
    return key, value


def read(record: SourceRecord, now_ms: int) -> Event:
    """The record's event.

    Raises:
        Refused: with the dead letter's cause.
    """
    key, value = usable(record)
    event = _event(_interaction(value, record.headers or ()))
    if event.customer.encode() != key:
        raise Refused("key_mismatch")
    if event.time_ms < FIRST_MS:
        raise Refused("too_old")
    if event.time_ms >= END_MS or event.time_ms > now_ms + DAY_MS:
        raise Refused("too_future")
    return event


class Several(list[Any]):
    """Values of a name that is given more than once: each must be valid, the last counts."""


def _json(value: bytes) -> Any:
    try:
        # bytes that are no UTF-8 matter only in a field that is used: they become U+DC80..DCFF, see `_used`
        text = value.decode("utf-8", "surrogateescape")
        found = json.loads(text, parse_constant=_no_json, object_pairs_hook=_object)
        broken = any(
            "\ud800" <= c < "\udc80" or "\udcff" < c <= "\udfff" for word in _words(found) for c in word
        )
    except (ValueError, RecursionError) as error:
        raise Refused("invalid_json") from error
    if broken:
        raise Refused("invalid_json")
    return found


def _no_json(name: str) -> Any:
    raise ValueError(name)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Several] = {}
    for name, value in pairs:
        values.setdefault(name, Several()).append(value)
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def _words(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, list | dict):
        yield from (word for each in found for word in _words(each))
        if isinstance(found, dict):
            yield from (word for each in found.values() for word in _words(each))


def _interaction(value: bytes, headers: Iterable[tuple[str, bytes | None]]) -> dict[str, Any]:
    content = next((content for name, content in headers if name.lower() == "content-type"), None) or b""
    found = _json(value)
    if content.strip().lower().startswith(b"application/cloudevents"):
        if not isinstance(found, dict) or found.get("specversion") != "1.0":
            raise Refused("invalid_field")
        found = found.get("data")
    if not isinstance(found, dict):
        raise Refused("invalid_field")
    return found


def _event(body: dict[str, Any]) -> Event:
    given = body.get("type")
    kind, *again = given if isinstance(given, Several) else [given]
    if not isinstance(kind, str) or any(other != kind for other in again):
        raise Refused("invalid_field")
    if kind not in OWN:
        raise Refused("unknown_type")
    used = {name: _used(body, name, *rule) for name, rule in (COMMON | OWN[kind]).items()}
    if kind == "survey":
        low, high = SCALE[used["instrument"]]
        if not low <= used["score"] <= high:
            raise Refused("invalid_field")
    if kind == "delivery" and used["status"] == "promised" and used["promised_at"] is None:
        raise Refused("invalid_field")
    time_ms = moment_ms(used["occurred_at"])
    assert time_ms is not None
    return Event(kind, used["event_id"], used["customer_id"], time_ms, used)


def _used(body: dict[str, Any], name: str, check: Check, default: Any) -> Any:
    given = body.get(name, default)
    *_, value = values = given if isinstance(given, Several) else [given]
    if value is REQUIRED or not all(check(v) or (v is None and default is None) for v in values):
        raise Refused("invalid_field")
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise Refused("invalid_json")
    return value
