"""People who read alerts as they are published and say things about them; some say wrong things.

Half of what is said is sensible as far as its author can know. The rest is said twice, is stale, forged or
broken. Choices are of a seed; what there is to choose from is what workers have published by then.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from schemas.alert import AlertV1
from schemas.codec import decode_alert
from stream.config import Settings
from stream.engine.follow import Follower
from stream.errors import BrokerError
from stream.model.override import BANDS
from tests.fault.history import Message

__all__ = ["FAULTS", "People"]

Body = dict[str, Any]
Chance = random.Random

OVER = ("resolved", "expired")
ACTIONS = {"acknowledge": 5, "assign": 5, "snooze": 6, "note": 6, "resolve": 1}
P_AGAIN, P_DECIDES, P_FAULT = 0.15, 0.15, 0.2
P_LATE = 0.2  # of what is said again: how much of it is old
JUST_NOW, LONG_AGO = 8, 2_000  # commands
AGAIN_S = 1.0


class People:
    """Reads alerts, makes commands.

    Args:
        seed: of every choice.

    Attributes:
        latest: alerts by `dedup_key`, as last read.
        chance: of the choices.
    """

    def __init__(self, seed: int) -> None:
        self.latest: dict[str, AlertV1] = {}
        self.chance = Chance(f"{seed} people")
        self._said: deque[Message] = deque(maxlen=LONG_AGO)

    async def follow(self, settings: Settings) -> None:
        """Read the latest state of every alert. Until cancelled; waits for a broker that is away."""
        while True:
            try:
                async for found in Follower(settings, ["alerts"]).pages():
                    for record in found.records.get("alerts", ()):
                        self.see(decode_alert(record.value))
            except BrokerError:
                await asyncio.sleep(AGAIN_S)

    def see(self, alert: AlertV1) -> None:
        """Read one alert; an earlier one of the same key is nothing new."""
        known = self.latest.get(alert.dedup_key)
        if known is None or known.seq < alert.seq:
            self.latest[alert.dedup_key] = alert

    def messages(self) -> Iterator[Message]:
        """What they say, keyed; without end."""
        while True:
            message = self._again() if self._said and self.chance.random() < P_AGAIN else self._new()
            self._said.append(message)
            yield message

    def _again(self) -> Message:
        far = LONG_AGO if self.chance.random() < P_LATE else JUST_NOW
        return self._said[-self.chance.randint(1, min(far, len(self._said)))]

    def _new(self) -> Message:
        chance, now = self.chance, datetime.now(UTC)
        alert = self._alert()
        body = {
            "command_id": f"{chance.getrandbits(64):016x}",
            "customer_id": f"nobody{chance.randrange(9)}" if alert is None else alert.customer_id,
            "issued_at": _time(now),
            "issued_by": chance.choice(("ana", "ben", "chi", "達也")),
        }
        if chance.random() < P_DECIDES:
            body |= _decision(now, chance)
        else:
            body |= _order(now, alert, chance)
        if chance.random() < P_FAULT:
            return FAULTS[chance.choice(sorted(FAULTS))](body, now, chance)
        return _keyed(body)

    def _alert(self) -> AlertV1 | None:
        """One that is open as far as they know, seldom one that is over, or none."""
        keys = sorted(self.latest)
        for _ in range(5):
            found = self.latest[self.chance.choice(keys)] if keys else None
            if found is None or found.state not in OVER or self.chance.random() < 0.1:
                return found
        return None


def _order(now: datetime, alert: AlertV1 | None, chance: Chance) -> Body:
    """About an alert, as it was last read."""
    (action,) = chance.choices(list(ACTIONS), list(ACTIONS.values()))
    body: Body = {"action": action, "rule_id": "trust_low" if alert is None else alert.rule_id}
    if alert is not None and chance.random() < 0.7:
        body["expected_seq"] = alert.seq
    if action == "snooze":
        body["until"] = _time(now + timedelta(seconds=chance.uniform(1, 20)))
    if action == "assign":
        body["assignee"] = chance.choice(("support", "dai", "eri"))
    if action == "note" or chance.random() < 0.5:
        body["reason"] = f"言った {chance.randrange(1000)}"
    return body


def _decision(now: datetime, chance: Chance) -> Body:
    """About the band that is shown; issued a little earlier or later than now, so that some come too late."""
    issued = now + timedelta(seconds=chance.uniform(-5, 5))
    if chance.random() < 0.3:
        return {"action": "withdraw", "issued_at": _time(issued)}
    until = issued + timedelta(seconds=chance.uniform(1, 40))
    shown = {"band": chance.choice(BANDS), "reason": "our mistake", "until": _time(until)}
    return {"action": "override", "issued_at": _time(issued)} | shown


def _time(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds")


def _keyed(body: Body) -> Message:
    return body["customer_id"].encode(), msgspec.json.encode(body)


def _with(**wrong: Any) -> Callable[[Body, datetime, Chance], Message]:
    return lambda body, _now, _chance: _keyed(body | wrong)


def _of_another_seq(body: Body, _now: datetime, chance: Chance) -> Message:
    return _keyed(body | {"expected_seq": max(0, body.get("expected_seq", 1) + chance.choice((-1, 1, 7)))})


def _of_another_customer(body: Body, _now: datetime, _chance: Chance) -> Message:
    return body["customer_id"].encode(), msgspec.json.encode(body | {"customer_id": "another"})


def _without_key(body: Body, _now: datetime, _chance: Chance) -> Message:
    return None, msgspec.json.encode(body)


def _without_value(body: Body, _now: datetime, _chance: Chance) -> Message:
    return body["customer_id"].encode(), None


def _cut(body: Body, _now: datetime, chance: Chance) -> Message:
    key, value = _keyed(body)
    return key, value and value[: chance.randrange(1, len(value) - 1)]


def _noise(body: Body, _now: datetime, chance: Chance) -> Message:
    return body["customer_id"].encode(), b"\xff" + chance.randbytes(20)


def _from_the_future(body: Body, now: datetime, _chance: Chance) -> Message:
    at = now + timedelta(days=3)
    return _keyed(body | {"issued_at": _time(at), "until": _time(at + timedelta(hours=1))})


def _snoozed_for(days: float) -> Callable[[Body, datetime, Chance], Message]:
    def wrong(body: Body, now: datetime, _chance: Chance) -> Message:
        rule = {"rule_id": body.get("rule_id", "trust_low"), "expected_seq": None}
        return _keyed(body | rule | {"action": "snooze", "until": _time(now + timedelta(days=days))})

    return wrong


FAULTS: dict[str, Callable[[Body, datetime, Chance], Message]] = {
    "another seq": _of_another_seq,
    "another rule": _with(action="note", rule_id="gone", reason="x"),
    "another customer": _of_another_customer,
    "an unknown customer": _with(customer_id="nobody"),
    "our name": _with(issued_by=" Kizuna"),
    "a name that is none": _with(issued_by="\x01ana"),
    "an action that is none": _with(action="promote"),
    "no time zone": _with(issued_at="2026-11-01T00:00:00"),
    "too late": _from_the_future,
    "too early": _with(issued_at="1989-12-31T23:59:59Z", action="withdraw"),
    "a snooze without end": _snoozed_for(91),
    "a snooze that is over": _snoozed_for(-1),
    "no key": _without_key,
    "no value": _without_value,
    "cut": _cut,
    "noise": _noise,
}
"""What is wrong with a command by name. Most are refused whatever the alert; some only by luck are right."""
