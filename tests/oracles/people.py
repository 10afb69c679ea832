"""What people say, as the documents have it: one command, one verdict after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from schemas.alert import Acknowledged, Note, Severity, Snoozed, Transition
from schemas.command import CommandV1
from schemas.fields import Band
from schemas.score import Overridden
from stream.alerts.rules import Rule

__all__ = ["APPLIED", "DECISIONS", "SUPERSEDED", "Decision", "Life", "Saying", "Words", "say"]

APPLIED, SUPERSEDED = "applied", "superseded"
REMEMBERED = 16
LONGEST = timedelta(days=90)
OPEN = ("open", "acknowledged", "snoozed", "recovering")
DECISIONS = ("override", "withdraw")
"""What is about a customer's band; every other action is about an alert."""
WORST_FIRST: tuple[Band, ...] = ("critical", "low", "fair", "good", "strong")

Saying = Mapping[tuple[str, int], list[CommandV1]]
"""Commands by customer and the number of the score that was published with or after them, in order."""


@dataclass(slots=True)
class Words:
    """What was said in the present episode, and the ids of the last commands of all of them."""

    ack: Acknowledged | None = None
    snooze: Snoozed | None = None
    note: Note | None = None
    assignee: str | None = None
    done: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Another episode: only the ids stay."""
        self.ack = self.snooze = self.note = self.assignee = None


@dataclass(slots=True)
class Decision:
    """The last decision about one customer's band: the latest issue counts, on a tie the larger.

    Attributes:
        latest: when issued, until when, place of the band (-1 = withdrawn), by whom, why.
    """

    latest: tuple[datetime, datetime, int, str, str] | None = None

    def decide(self, command: CommandV1) -> str:
        """An override or a withdrawal: applied, or superseded by what is known."""
        place = (
            -1 if command.band is None or command.action == "withdraw" else WORST_FIRST.index(command.band)
        )
        until = command.issued_at if place < 0 or command.until is None else command.until
        new = (command.issued_at, until, place, command.issued_by, command.reason or "")
        if self.latest is not None and new <= self.latest:
            return SUPERSEDED
        self.latest = new
        return APPLIED

    def at(self, now: datetime) -> Overridden | None:
        """What is shown of it at a time."""
        if self.latest is None:
            return None
        issued, until, place, author, reason = self.latest
        holds = place >= 0 and now < until
        return Overridden(WORST_FIRST[place], reason, author, issued, until) if holds else None


@dataclass(slots=True)
class Life:
    """The life of one customer's alert under one rule.

    Attributes:
        state: as in the contract, or "idle".
        since: when the state began.
        back: what it was before it recovered.
        opened: when the present episode opened.
        ended: when the last one ended.
        ending: how: "resolved", "expired" or "manual".
        severity: of the present episode, or of the last one.
        heard_then: accepted events at the opening, or at the end of the last episode.
        episode: how many there were.
        seq: transitions so far.
        told: transitions of this episode of which people are told.
        before: (trust, risk) as published before.
        words: of people.
    """

    state: Literal["idle", "pending", "open", "acknowledged", "snoozed", "recovering"] = "idle"
    since: datetime | None = None
    back: Literal["open", "acknowledged", "snoozed"] = "open"
    opened: datetime | None = None
    ended: datetime | None = None
    ending: str = ""
    severity: Severity = "info"
    heard_then: int = 0
    episode: int = 0
    seq: int = 0
    told: int = 0
    before: tuple[float | None, float | None] = (None, None)
    words: Words = field(default_factory=Words)


def say(
    command: CommandV1, rule: Rule | None, life: Life | None, now: datetime, events: int
) -> tuple[str, Transition | None]:
    """A command on the life it is about: applied, superseded or the cause of a refusal; and what moved.

    Args:
        command: about an alert.
        rule: of that id, if there is one.
        life: of the customer under it, if there is one.
        now: time of the score beside it.
        events: accepted so far of the customer.
    """
    author = command.issued_by
    if ord(author[0]) < 32 or author.strip().lower() == "kizuna":
        return "forged_author", None
    if rule is None or life is None or life.seq == 0:
        return "unknown_alert", None
    if command.command_id in life.words.done:
        return SUPERSEDED, None
    if life.state not in OPEN:
        return "not_open", None
    if command.expected_seq is not None and command.expected_seq != life.seq:
        return "stale_command", None
    if command.action == "snooze":
        assert command.until is not None
        if not timedelta(0) < command.until - command.issued_at <= LONGEST:
            return "invalid_field", None
    life.words.done = [*life.words.done, command.command_id][-REMEMBERED:]
    return APPLIED, _move(command, life, now, events)


def _move(command: CommandV1, life: Life, now: datetime, events: int) -> Transition:
    words, by, at, text = life.words, command.issued_by, command.issued_at, command.reason or None
    if command.action == "acknowledge":
        words.ack, words.snooze = Acknowledged(by, at, text), None
        _turn(life, "acknowledged", now)
        return "acknowledged"
    if command.action == "snooze":
        assert command.until is not None
        words.snooze = Snoozed(command.until, by, text)
        _turn(life, "snoozed", now)
        return "snoozed"
    if text is not None:
        words.note = Note(by, at, text)
    if command.action == "assign":
        words.assignee = command.assignee
        return "assigned"
    if command.action == "resolve":
        life.state, life.ending, life.ended, life.since = "idle", "manual", now, now
        life.heard_then = events
        return "resolved"
    return "noted"


def _turn(life: Life, state: Literal["acknowledged", "snoozed"], now: datetime) -> None:
    if life.state == "recovering":
        life.back = state
    else:
        life.state, life.since = state, now
