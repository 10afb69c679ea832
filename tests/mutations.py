"""Damaged records by chance: what a source can throw at a worker, each built from a good interaction."""

import json
from random import Random
from typing import Any

from stream.pipeline import FileRecord
from tests.strategies import Body, record

__all__ = ["damaged", "order_of_faults"]

ODD: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        10,
        11,
        2**31,
        2**63,
        -(2**63),
        10**30,
        0.5,
        -0.0,
        1e-320,
        1e308,
        9.0,
        1e309,
        10**400,
    ),
    *("", " ", "a", "EUR", "\0", "\u0001x", "é" * 128, "é" * 129, "😀" * 3, "\ud800", "\udc00a", "x" * 200),
    *("2026-02-30T00:00:00Z", "2026-01-01t00:00:00z", "2026-01-01 00:00:00+0100", "2026-01-01T00:00Z"),
    *(
        "2026-01-01T00:00:00.0005Z",
        "2026-01-01T23:59:60Z",
        "2026-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59Z",
    ),
    *(
        "0001-01-01T00:00:00+14:00",
        "1990-01-01T00:00:00+09:00",
        "2026-01-01T00:00:00,5Z",
        "2026-01-01T24:00:00Z",
    ),
    *(
        [],
        {},
        [1],
        {"a": 1},
        ["2026-01-01T00:00:00Z"],
        "nps",
        "opened",
        "promised",
        "gold",
        "failed",
        "resolved",
    ),
]


def damaged_body(body: Body, chance: Random) -> Body:
    changed = dict(body)
    for _ in range(chance.randrange(1, 4)):
        name = chance.choice(list(changed))
        match chance.randrange(3):
            case 0:
                changed.pop(name)
            case 1:
                changed[name] = chance.choice(ODD)
            case _:
                changed[chance.choice([name, "extra"])] = changed[chance.choice(list(changed))]
        if not changed:
            break
    return changed


def damaged_bytes(value: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(value))
    match chance.randrange(4):
        case 0:
            return value[:at]
        case 1:
            return value[:at] + bytes([chance.randrange(256)]) + value[at + 1 :]
        case 2:
            return value[:at] + value[at + 1 :]
        case _:
            return value[:at] + value[chance.randrange(len(value)) :]


def nested(value: bytes, chance: Random) -> bytes:
    """A good interaction with one more field, thousands of levels deep, closed or torn; or nothing else."""
    depth = chance.choice([10, 300, 5_000, 50_000])  # nearer to 1,000 it depends on the caller's stack
    opening, closing = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    deep = opening * depth + b"1" + closing * chance.choice([depth, depth - 1])
    return chance.choice([deep, value[:-1] + b',"extra":' + deep + b"}"])


def damaged(body: Body, offset: int, chance: Random) -> FileRecord:
    made = record(body, offset)
    value = made.value or b""
    dice = chance.random()
    if dice < 0.55:
        changed = damaged_body(body, chance)
        key = changed.get("customer_id", "c0")
        if isinstance(key, str) and chance.random() < 0.8:
            made = made._replace(key=key.encode("utf-8", "surrogatepass"))
        return made._replace(
            value=json.dumps(changed, ensure_ascii=chance.random() < 0.9).encode("utf-8", "surrogatepass")
        )
    if dice < 0.85:
        return made._replace(value=damaged_bytes(value, chance))
    if dice < 0.9:
        return made._replace(key=chance.choice([None, b"", b"\xff", b"c9"]))
    if dice < 0.95:
        envelope = json.dumps({"specversion": chance.choice(["1.0", 1.0]), "data": body}).encode()
        if chance.random() < 0.5:
            envelope = damaged_bytes(envelope, chance)
        return made._replace(value=envelope, headers=[("content-type", b"application/cloudevents+json")])
    if dice < 0.97:  # Kafka allows null and any bytes here
        return made._replace(headers=[("content-type", chance.choice([None, b"", b"\xff"])), ("x", None)])
    if dice < 0.98:
        return made._replace(value=nested(value, chance))
    return made._replace(
        value=chance.choice([None, b"", b"null", b"0", b'"x"', b"{}", b"[{}]", b"\xef\xbb\xbf{}"])
    )


def order_of_faults(cause: str, second: str) -> bool:
    """A record with two faults may be refused for either: reading stops at the first, the oracle reads on."""
    return {cause, second} in ({"invalid_json", "invalid_field"}, {"invalid_json", "unknown_type"})
