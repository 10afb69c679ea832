"""A snoozed alert is a silence: what Alertmanager must be asked to do so that both say the same. Pure.

Ours are known by the end of their comment, which names the installation and the alert. Silences of people and
those of another installation that shows its alerts to the same Alertmanager are never touched.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from schemas.alert import AlertV1
from stream.notify.alertmanager import Silence
from stream.pipeline.times import to_ms

__all__ = ["Plan", "plan"]

OURS = re.compile(r"\(kizuna ([0-9a-f]{8}) ([0-9a-f-]{36})\)\Z")
NEAR_MS = 1_000
"""Alertmanager keeps milliseconds, a person does not care."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask for: bodies of `POST /silences`, and ids to expire."""

    make: list[dict[str, Any]] = field(default_factory=list)
    expire: list[str] = field(default_factory=list)


def plan(
    snoozed: Iterable[tuple[AlertV1, str]], there: Sequence[Silence], installation: str, now_ms: int
) -> Plan:
    """Make what is missing, change what is not as it should be, expire what is snoozed no more or doubled.

    Args:
        snoozed: alerts that people see and that are snoozed, each with its customer's reference.
        there: silences that are not over.
        installation: whose silences are ours (`reference.installation`).
        now_ms: the wall's.
    """
    found = Plan()
    ours: dict[str, Silence] = {}
    for each in sorted(there, key=lambda silence: silence.id):
        named = OURS.search(each.comment)
        if named is None or named[1] != installation:
            continue
        if named[2] in ours:
            found.expire.append(each.id)
        else:
            ours[named[2]] = each
    for alert, reference in snoozed:
        assert alert.snooze is not None
        until_ms = to_ms(alert.snooze.until)
        if until_ms <= now_ms:
            continue
        exists, body = ours.pop(alert.alert_id, None), _body(alert, reference, installation, now_ms)
        if exists is None:
            found.make.append(body)
        elif abs(_ms(exists.ends_at) - until_ms) > NEAR_MS or _matched(exists) != _wanted(body):
            found.make.append(body | {"id": exists.id})
    found.expire.extend(each.id for each in ours.values())
    return found


def _matched(silence: Silence) -> list[tuple[str, str]]:
    return sorted((each.name, each.value) for each in silence.matchers)


def _wanted(body: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((each["name"], each["value"]) for each in body["matchers"])


def _body(alert: AlertV1, reference: str, installation: str, now_ms: int) -> dict[str, Any]:
    assert alert.snooze is not None
    matchers = [("customer_ref", reference), ("rule", alert.rule_id)]
    return {
        "matchers": [{"name": name, "value": value, "isRegex": False} for name, value in matchers],
        "startsAt": datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(),
        "endsAt": alert.snooze.until.astimezone(UTC).isoformat(),
        "createdBy": alert.snooze.by,
        "comment": f"{alert.snooze.reason or 'snoozed'} (kizuna {installation} {alert.alert_id})",
    }


def _ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))
