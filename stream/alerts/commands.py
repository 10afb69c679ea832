"""What people decide about an alert, applied to its slot: a transition, or the reason of a refusal.

A command whose id was applied before changes nothing, however often and however late it comes again, as long
as it is among the last `REMEMBERED` of its alert.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from msgspec.structs import replace

from schemas.alert import Transition as Kind
from schemas.command import CommandV1
from schemas.dead_letter import Cause
from stream.alerts.life import Transition, begin, publish
from stream.alerts.rules import Rule
from stream.model.columns import MS_PER_DAY
from stream.state.alerts import AlertSlots, State
from stream.state.people import People, Said, Snooze

__all__ = ["MAX_SNOOZE_DAYS", "REMEMBERED", "Refused", "Told", "apply", "remember", "reserved"]

MAX_SNOOZE_DAYS: Final = 90
"""A snooze is for a time; who wants to hear nothing for longer resolves the alert, or changes the rule."""
REMEMBERED: Final = 16
"""Ids of commands kept for each alert."""
OURS = "kizuna"
NOT_OPEN = (State.NONE, State.PENDING, State.RESOLVED, State.EXPIRED)


class Refused(NamedTuple):
    """Why a command was not applied: one cause of the contract, and the detail for people."""

    cause: Cause
    detail: str


class Told(NamedTuple):
    """The times of one command, epoch ms: when it was issued, and its `until`, 0 if it has none."""

    issued_ms: int
    until_ms: int


def reserved(author: str) -> bool:
    """Whether no person can be called so: our own name, or one that begins with a control character."""
    return author < " " or author.strip().casefold() == OURS


def apply(
    alerts: AlertSlots,
    row: int,
    events: int,
    command: CommandV1,
    told: Told,
    rules: Mapping[str, Rule],
    now_ms: int,
) -> Transition | Refused | None:
    """Do one command about an alert of one customer; None if it was done before.

    Args:
        alerts: of the table, written to.
        row: the customer's; also `customer` of the transition, whose `value` is not known here.
        events: accepted so far of this customer.
        command: about an alert.
        told: its times.
        rules: by id.
        now_ms: time of the transition.
    """
    name = command.rule_id or ""
    rule = rules.get(name)
    place = None if rule is None else _place(alerts, row, rule)
    if rule is None or place is None:
        return Refused("unknown_alert", f"rule `{name}` is not in force" if rule is None else _never(name))
    people = alerts.people.get(place) or People()
    ids = remember(people.commands, command.command_id)
    if ids is None:
        return None
    if (refused := _refused(alerts, place, command, told)) is not None:
        return refused
    alerts.people[place] = people
    people.commands = ids
    kind = _do(alerts, place, events, command, told, now_ms)
    if kind == "resolved" and not rule.cooldown_hours:  # it would open again at once
        alerts.slots["back"][place] = State.EXPIRED
    reason = "manual" if kind == "resolved" else ""
    transition = publish(alerts, place, row, rule, kind, now_ms, reason=reason)
    return replace(transition, command_id=command.command_id)


def _place(alerts: AlertSlots, row: int, rule: Rule) -> int | None:
    """The slot of a rule of a row, if it was ever published."""
    for place in alerts.of(row):
        if int(alerts.slots["rule"][place]) == rule.key and alerts.slots["seq"][place]:
            return place
    return None


def _never(rule: str) -> str:
    return f"no alert of rule `{rule}` was ever open for this customer"


def remember(ids: list[int], command_id: str) -> list[int] | None:
    """The ids of one alert's last commands with this one, 64 bits of each; None if it is among them."""
    new = int.from_bytes(hashlib.sha256(command_id.encode()).digest()[:8], "little")
    return None if new in ids else [*ids, new][-REMEMBERED:]


def _refused(alerts: AlertSlots, place: int, command: CommandV1, told: Told) -> Refused | None:
    slot = alerts.slots[place]
    if slot["state"] in NOT_OPEN:
        return Refused("not_open", f"episode {int(slot['episode'])} of the alert is over")
    if command.expected_seq not in (None, seq := int(slot["seq"])):
        detail = f"`expected_seq` is {command.expected_seq}, the `seq` of the alert is {seq}"
        return Refused("stale_command", detail)
    if command.action == "snooze":
        if told.until_ms <= told.issued_ms:
            return Refused("invalid_field", "`until` is not after `issued_at`")
        if told.until_ms > told.issued_ms + MAX_SNOOZE_DAYS * MS_PER_DAY:
            return Refused("invalid_field", f"`until` is more than {MAX_SNOOZE_DAYS} days after `issued_at`")
    return None


def _do(alerts: AlertSlots, place: int, events: int, command: CommandV1, told: Told, now_ms: int) -> Kind:
    """Write what a command says into the slot and beside it; returns what moved."""
    people, by, reason = alerts.people[place], command.issued_by, command.reason or None
    said = Said(by, told.issued_ms, reason)
    match command.action:
        case "acknowledge":
            people.ack, people.snooze = said, None
            _turn(alerts, place, State.ACKNOWLEDGED, now_ms)
            return "acknowledged"
        case "snooze":
            people.snooze = Snooze(by, told.until_ms, reason)
            _turn(alerts, place, State.SNOOZED, now_ms)
            return "snoozed"
        case "assign":
            people.assignee = command.assignee
            people.note = said if reason else people.note
            return "assigned"
        case "resolve":
            people.note = said if reason else people.note
            begin(alerts, place, State.RESOLVED, now_ms)
            slot = alerts.slots[place]
            slot["events"], slot["held"], slot["back"] = events, 0, State.NONE
            return "resolved"
    people.note = said
    return "noted"


def _turn(alerts: AlertSlots, place: int, state: State, now_ms: int) -> None:
    """Acknowledged or snoozed; one that recovers goes on doing so, and would go back to that."""
    slot = alerts.slots[place]
    if slot["state"] == State.RECOVERING:
        slot["back"] = state
        return
    if slot["state"] == State.SUPPRESSED:  # whoever takes it on has been told
        slot["opened_ms"], slot["held"] = now_ms, 0
    begin(alerts, place, state, now_ms)
