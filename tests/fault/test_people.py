"""What people say in a soak is what its names promise: right, stale, forged or broken."""

import random
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec
import pytest

from stream.pipeline import FileRecord
from tests.fault.history import Message
from tests.fault.people import FAULTS, People
from tests.oracles.orders import read_command
from tests.oracles.reading import Refused

NOW = datetime(2026, 11, 1, tzinfo=UTC)
NOW_MS = round(NOW.timestamp() * 1000)
NOTE = {
    "command_id": "1",
    "customer_id": "mika",
    "rule_id": "trust_low",
    "action": "note",
    "issued_by": "ana",
    "issued_at": NOW.isoformat(),
    "reason": "x",
}
REFUSED = {
    "another customer": "key_mismatch",
    "our name": "forged_author",
    "a name that is none": "forged_author",
    "an action that is none": "invalid_field",
    "no time zone": "invalid_field",
    "too late": "too_future",
    "too early": "too_old",
    "no key": "key_missing",
    "no value": "empty_value",
    "cut": "invalid_json",
    "noise": "invalid_json",
}


def cause(message: Message, now_ms: int = NOW_MS) -> str:
    """Why nobody listens to it; empty if somebody does."""
    try:
        read_command(FileRecord("alert-commands", 0, 0, now_ms, *message), now_ms)
    except Refused as refused:
        return refused.cause
    return ""


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_what_is_called_wrong_is_wrong(fault: str) -> None:
    """Each is refused for its cause before anybody looks at an alert, or is a command to be looked at."""
    assert cause((b"mika", msgspec.json.encode(NOTE))) == ""
    assert cause(FAULTS[fault](NOTE, NOW, random.Random(1))) == REFUSED.get(fault, "")


def said(seed: int) -> list[dict[str, Any]]:
    """What people of a seed say who have read nothing, without the times."""
    found = []
    for key, value in islice(People(seed).messages(), 500):
        try:
            body = msgspec.json.decode(value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = {"bytes": True}
        found.append(body | {"key": key, "issued_at": "", "until": ""})
    return found


def test_the_same_seed_says_the_same() -> None:
    """Apart from the times, which are of now; another seed says other things."""
    assert said(7) == said(7) != said(8)


def test_some_of_everything_is_said() -> None:
    """Every action, some of it twice, most of it fit to be heard."""
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    found = list(islice(People(7).messages(), 500))
    causes = [cause(message, now_ms) for message in found]
    assert {body.get("action") for body in said(7)} >= {
        *("acknowledge", "assign", "snooze", "resolve", "note", "override", "withdraw")
    }
    assert 0.5 < causes.count("") / len(causes) < 0.95
    assert set(causes) > set(REFUSED.values())
    assert 0.05 < 1 - len(set(found)) / len(found) < 0.3
