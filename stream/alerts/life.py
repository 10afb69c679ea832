"""What one alert goes through: its moves, what each changes in the slot, and what is published of it."""

from enum import IntEnum
from functools import lru_cache
from hashlib import sha1
from typing import Literal, NamedTuple, get_args
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from schemas.alert import Severity
from schemas.alert import Transition as Kind
from stream.alerts.rules import Rule, Rules
from stream.state.alerts import LIVE, SLOT, AlertSlots, State
from stream.state.people import People

__all__ = [
    "ENDED",
    "Move",
    "Transition",
    "alert_id",
    "begin",
    "move",
    "named",
    "open_alerts",
    "owner",
    "publish",
    "rank",
]

ALERT_NAMESPACE = UUID("6f1c8f6e-2f53-5c0b-9d0e-6b697a756e61")  # fixed for ever: ids must survive a replay
SEVERITIES: tuple[Severity, ...] = get_args(Severity)[::-1]
"""Least first; a slot keeps the place plus one."""
TOLD: frozenset[Kind] = frozenset({"opened", "released", "escalated", "snooze_over", "resolved", "expired"})
"""Transitions of which people are to be told, unless the rule is in `shadow` or the alert was held back."""


class Move(IntEnum):
    """What an evaluation does with a slot."""

    STAY = 0
    WAIT = 1  # it holds, but not for long enough
    RELENT = 2  # it has not held for long enough
    OPEN = 3
    RELEASE = 4  # held back, and not any more
    DROP = 5  # held back, and over
    RECOVER = 6
    RELAPSE = 7
    RESOLVE = 8
    EXPIRE = 9
    ESCALATE = 10
    WAKE = 11  # the snooze is over
    WITHDRAW = 12  # people were told, and the rule is on trial now
    REMOVE = 13  # the rule is gone


ENDED: dict[Move, str] = {
    Move.EXPIRE: "expired",
    Move.DROP: "never_opened",
    Move.WITHDRAW: "rule_on_trial",
    Move.REMOVE: "rule_removed",
}
"""Why an alert is over; by any other move its cause is gone."""


class Transition(Struct, frozen=True):
    """One published change of one alert.

    Attributes:
        customer: index into the customers that were evaluated.
        rule: of the alert.
        kind: as published.
        place: of the slot.
        state: after it, since `since_ms`.
        episode: counts openings.
        seq: counts transitions of the slot.
        severity: of the episode.
        opened_ms: 0 while it is held back.
        now_ms: time of the transition.
        held: why it is held back: place in the contract's list plus one; 0 if it is not.
        mode: `live` if people are told of the episode: an episode that was live is so to its end.
        notifications: how often people were to be told in this episode, this time included.
        reason: why it is over; "" if it is not.
        value: of what the rule looks at, nan if unknown.
        said: by people, as of then.
        command_id: what moved it, None for scores and time.
    """

    customer: int
    rule: Rule
    kind: Kind
    place: int
    state: State
    since_ms: int
    episode: int
    seq: int
    severity: Severity
    opened_ms: int
    now_ms: int
    held: int
    mode: Literal["live", "shadow"]
    notifications: int
    reason: str
    value: float
    said: People | None = None
    command_id: str | None = None


def alert_id(customer_id: str, rule_id: str, episode: int) -> str:
    """The same alert has the same id in every replay (UUIDv5, RFC 9562)."""
    name = f"{customer_id}|{rule_id}|{episode}".encode()
    digest = sha1(ALERT_NAMESPACE.bytes + name, usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]  # as `uuid.uuid5` says it, at a quarter of the cost
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


@lru_cache
def rank(severity: Severity) -> int:
    """A severity as a slot keeps it; the higher, the worse."""
    return SEVERITIES.index(severity) + 1


def named(rule: Rule, severity: Severity, people: People | None) -> str | None:
    """Who acts instead of the rule's owner: whom a person named, or the one for higher severities."""
    if people is not None and people.assignee is not None:
        return people.assignee
    return rule.escalate_owner if rank(severity) > rank(rule.severity) else None


def owner(rule: Rule, severity: Severity, people: People | None) -> str:
    """Who acts: whom a person or an escalation named, else the rule's owner."""
    return named(rule, severity, people) or rule.owner


def begin(alerts: AlertSlots, place: int, state: State, now_ms: int) -> None:
    """A state begins."""
    slot = alerts.slots[place]
    slot["state"], slot["since_ms"] = state, now_ms


def publish(
    alerts: AlertSlots,
    place: int,
    customer: int,
    rule: Rule,
    kind: Kind,
    now_ms: int,
    *,
    reason: str = "",
    value: float = float("nan"),
) -> Transition:
    """Count a transition that was written into a slot, and say what it is now."""
    slot = alerts.slots[place]
    slot["seq"] += 1
    live = rule.mode == "live" or bool(slot["notifications"])
    first = slot["state"] in LIVE and not slot["notifications"]  # whatever moved it, nobody knew of it
    if live and (kind in TOLD or first) and not slot["held"]:
        slot["notifications"] += 1
    now = dict(zip(SLOT.names or (), slot.item(), strict=True))  # one by one costs four times as much
    state = State(now["state"])
    return Transition(
        customer=customer,
        rule=rule,
        kind=kind,
        place=place,
        state=state,
        since_ms=now["since_ms"],
        episode=now["episode"],
        seq=now["seq"],
        severity=SEVERITIES[now["severity"] - 1],
        opened_ms=now["opened_ms"],
        now_ms=now_ms,
        held=now["held"] if state is State.SUPPRESSED else 0,
        mode="live" if live else "shadow",
        notifications=now["notifications"],
        reason=reason,
        value=value,
        said=None if (said := alerts.people.get(place)) is None else replace(said),
    )


class Seen(NamedTuple):
    """What one evaluation knows of one customer under one rule.

    Attributes:
        customer: index into the customers evaluated.
        events: accepted so far.
        level: severity that the value asks for, as `rank`.
        held: why an alert that opens is held back, 0 if it is not.
        value: nan if unknown.
        now_ms: time of the evaluation.
    """

    customer: int
    events: int
    level: int
    held: int
    value: float
    now_ms: int


def move(alerts: AlertSlots, place: int, rule: Rule, how: Move, seen: Seen) -> Transition | None:
    """Do one move; returns what must be published, None for moves in or out of PENDING."""
    slot, said, now_ms = alerts.slots[place], alerts.people.get(place), seen.now_ms
    kind: Kind
    reason = ""
    if how is Move.WAIT:
        slot["back"], slot["opened_ms"] = slot["state"], slot["since_ms"]
        begin(alerts, place, State.PENDING, now_ms)
        return None
    if how is Move.RELENT:
        begin(alerts, place, State(int(slot["back"])), int(slot["opened_ms"]))
        return None
    if how is Move.OPEN:
        kind = "suppressed" if seen.held else "opened"
        _open(alerts, place, seen)
        if said is not None:
            said.begin()
    elif how is Move.RELEASE:
        kind = "released"
        slot["episode"] -= 1  # it is the same
        _open(alerts, place, seen)
    elif how is Move.ESCALATE:
        kind = "escalated"
        slot["severity"] = seen.level
        begin(alerts, place, State.OPEN, now_ms)
        if said is not None:
            said.ack = said.snooze = None
            said.assignee = None if rule.escalate_owner else said.assignee
    elif how is Move.WAKE:
        kind = "snooze_over"
        begin(alerts, place, State.OPEN, now_ms)
        if said is not None:
            said.snooze = None
    elif how is Move.RECOVER:
        kind = "recovering"
        slot["back"] = slot["state"]
        begin(alerts, place, State.RECOVERING, now_ms)
    elif how is Move.RELAPSE:
        kind = "relapsed"
        begin(alerts, place, State(int(slot["back"])), now_ms)
    else:
        kind = "expired" if how is Move.EXPIRE else "resolved"
        reason = ENDED.get(how, "recovered")
        begin(alerts, place, State.EXPIRED if how is Move.EXPIRE else State.RESOLVED, now_ms)
        slot["events"], slot["back"] = seen.events, State.NONE
    return publish(alerts, place, seen.customer, rule, kind, now_ms, reason=reason, value=seen.value)


def _open(alerts: AlertSlots, place: int, seen: Seen) -> None:
    slot = alerts.slots[place]
    begin(alerts, place, State.SUPPRESSED if seen.held else State.OPEN, seen.now_ms)
    slot["episode"] += 1
    slot["opened_ms"] = 0 if seen.held else seen.now_ms
    slot["events"], slot["severity"], slot["held"] = seen.events, seen.level, seen.held
    slot["notifications"] = 0


def open_alerts(alerts: AlertSlots, row: int, rules: Rules) -> list[tuple[Rule, int]]:
    """Rules of which a row has an open alert, and since when, epoch ms; rules that are gone are left out."""
    by_key = {rule.key: rule for rule in rules.rule}
    slots = {int(alerts.slots["rule"][place]): alerts.slots[place] for place in alerts.of(row)}
    return [
        (rule, int(slots[key]["opened_ms"]))
        for key, rule in by_key.items()
        if key in slots and slots[key]["state"] in LIVE
    ]
