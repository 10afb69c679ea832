"""Published scores -> the alerts that they imply, one customer and rule after the other.

Written from the table of states in `stream/alerts/README.md`, with no look at the code that it judges: one
life at a time, states as words, nothing held back.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from schemas.alert import AlertV1, Severity, State, Transition
from schemas.command import CommandV1
from schemas.score import ScoreV1
from stream.alerts.rules import Rule, Rules
from tests.oracles.people import DECISIONS, Decision, Life, say

__all__ = ["Customer", "Heard", "answered", "implied"]

NAMESPACE = uuid.UUID("6f1c8f6e-2f53-5c0b-9d0e-6b697a756e61")
WORSE: tuple[Severity, ...] = ("info", "warning", "error", "critical")
TOLD = ("opened", "escalated", "snooze_over", "resolved", "expired")
STATES: dict[str, State] = {
    "open": "open",
    "acknowledged": "acknowledged",
    "snoozed": "snoozed",
    "recovering": "recovering",
    "resolved": "resolved",
    "manual": "resolved",
    "expired": "expired",
}
REASONS = {"resolved": "recovered", "manual": "manual", "expired": "expired"}


@dataclass(frozen=True, slots=True)
class Customer:
    """What alerts need to know of a customer beside the published score."""

    purchase_days: int
    last: datetime
    tier: str | None
    locale: str | None
    values: dict[str, float | None]  # by rule: what it looks at


@dataclass(frozen=True, slots=True)
class Seen:
    """What one published score says under one rule."""

    triggered: bool
    cleared: bool
    level: Severity
    value: float | None


def implied(
    published: ScoreV1,
    customer: Customer,
    lives: dict[tuple[str, str], Life],
    rules: Rules,
    heard: Iterable["Heard"],
) -> list[AlertV1]:
    """Alerts that commands and then one published score move; moves `lives` on, keyed (customer, rule).

    Args:
        published: the score.
        customer: as of it.
        lives: so far.
        rules: in force.
        heard: what people said since the last score of the customer, in order; each is answered when it is
            reached.
    """
    found = []
    for command, rule, life, kind in heard:
        if kind is not None and rule is not None and life is not None:
            seen = _seen(rule, published, customer)
            found.append(_told(rule, life, kind, seen, published, customer, rules, command.command_id))
    for rule in rules.rule:
        life = lives.setdefault((published.customer_id, rule.id), Life())
        seen = _seen(rule, published, customer)
        kind = TURNS.get(life.state, _open)(rule, life, seen, published, customer)
        if kind is not None:
            found.append(_told(rule, life, kind, seen, published, customer, rules, None))
        life.before = (published.trust, published.churn_risk)
    return found


Heard = tuple[CommandV1, Rule | None, Life | None, Transition | None]
"""A command, the rule and the life that it is about, and what moved."""


def answered(
    said: Iterable[CommandV1],
    lives: Mapping[tuple[str, str], Life],
    decisions: Mapping[str, Decision],
    rules: Rules,
    now: datetime,
    events: int,
    answers: list[str],
) -> Iterable[Heard]:
    """Say one command after the other; what becomes of each is added to `answers`.

    Args:
        said: about one customer.
        lives: of alerts, keyed (customer, rule).
        decisions: about bands, of each customer.
        rules: in force.
        now: time of the score beside it.
        events: accepted so far of the customer.
        answers: applied, superseded or the cause of a refusal.
    """
    by_id = {rule.id: rule for rule in rules.rule}
    for command in said:
        if command.action in DECISIONS:
            answers.append(decisions[command.customer_id].decide(command))
            continue
        about = command.rule_id or ""
        rule, life = by_id.get(about), lives.get((command.customer_id, about))
        verdict, kind = say(command, rule, life, now, events)
        answers.append(verdict)
        yield command, rule, life, kind


def _told(
    rule: Rule,
    life: Life,
    kind: Transition,
    seen: Seen,
    published: ScoreV1,
    customer: Customer,
    rules: Rules,
    command_id: str | None,
) -> AlertV1:
    life.seq += 1
    life.told += kind in TOLD and rule.mode == "live"
    return _alert(rule, life, kind, seen, published, customer, rules, command_id)


Turn = Callable[[Rule, Life, Seen, ScoreV1, Customer], Transition | None]


def _seen(rule: Rule, published: ScoreV1, customer: Customer) -> Seen:
    unit = 10_000 if rule.kind == "churn_risk_above" else 100
    sign = -1 if rule.kind in ("trust_below", "component_below") else 1
    value = customer.values[rule.id]
    if value is None:
        return Seen(False, False, rule.severity, None)
    value = round(value * unit) / unit
    now, opens, clears = (sign * round(number * unit) for number in (value, rule.open, rule.clear))
    scope = customer.purchase_days >= rule.min_purchase_days and published.uncertainty <= rule.max_uncertainty
    rises = rule.escalate is not None and now >= sign * round(rule.escalate * unit)
    level = rule.escalate_severity if rises and rule.escalate_severity else rule.severity
    return Seen(now >= opens and scope, now < clears, level, value)


def _hours(since: datetime | None, now: datetime) -> float:
    assert since is not None
    return (now - since) / timedelta(hours=1)


def _idle(rule: Rule, life: Life, seen: Seen, published: ScoreV1, customer: Customer) -> Transition | None:
    if not seen.triggered:
        return None
    if life.ended is not None:
        cools = _hours(life.ended, published.as_of) < rule.cooldown_hours
        if cools and WORSE.index(seen.level) <= WORSE.index(life.severity):
            return None
        waits = life.ending == "expired" or (life.ending == "manual" and not rule.cooldown_hours)
        if waits and published.events == life.heard_then:
            return None
    life.state, life.since = "pending", published.as_of
    return _pending(rule, life, seen, published, customer)


def _pending(rule: Rule, life: Life, seen: Seen, published: ScoreV1, _: Customer) -> Transition | None:
    if not seen.triggered:
        life.state = "idle"
    elif _hours(life.since, published.as_of) >= rule.hold_hours:
        life.state, life.severity = "open", seen.level
        life.since = life.opened = published.as_of
        life.heard_then, life.told = published.events, 0
        life.episode += 1
        life.words.begin()
        return "opened"
    return None


def _open(rule: Rule, life: Life, seen: Seen, published: ScoreV1, customer: Customer) -> Transition | None:
    now = published.as_of
    assert life.opened is not None
    if seen.cleared and published.events != life.heard_then:
        if rule.keep_open_hours == 0:
            return _end(life, "resolved", published)
        assert life.state in ("open", "acknowledged", "snoozed")
        life.back, life.state, life.since = life.state, "recovering", now
        return "recovering"
    if _hours(max(life.opened, customer.last), now) >= rule.expire_days * 24:
        return _end(life, "expired", published)
    level = seen.level
    top = rule.escalate_severity or rule.severity
    after = rule.escalate_after_hours
    if (
        life.state == "open"
        and after
        and WORSE.index(top) > WORSE.index(life.severity)
        and _hours(life.since, now) >= after
    ):
        level = top
    if WORSE.index(level) > WORSE.index(life.severity):
        life.severity, life.state, life.since = level, "open", now
        life.words.ack = life.words.snooze = None
        if rule.escalate_owner:
            life.words.assignee = None
        return "escalated"
    if life.state == "snoozed":
        assert life.words.snooze is not None
        if now >= life.words.snooze.until:
            life.state, life.since, life.words.snooze = "open", now, None
            return "snooze_over"
    return None


def _recovering(rule: Rule, life: Life, seen: Seen, published: ScoreV1, _: Customer) -> Transition | None:
    if not seen.cleared:
        life.state, life.since = life.back, published.as_of
        return "relapsed"
    if _hours(life.since, published.as_of) >= rule.keep_open_hours:
        return _end(life, "resolved", published)
    return None


def _end(life: Life, ending: Literal["resolved", "expired"], published: ScoreV1) -> Transition:
    life.state, life.ending, life.ended, life.since = "idle", ending, published.as_of, published.as_of
    life.heard_then = published.events
    return ending


TURNS: dict[str, Turn] = {"idle": _idle, "pending": _pending, "recovering": _recovering}
"""By state; whatever is open otherwise: `_open`."""


def _alert(
    rule: Rule,
    life: Life,
    kind: Transition,
    seen: Seen,
    published: ScoreV1,
    customer: Customer,
    rules: Rules,
    command_id: str | None,
) -> AlertV1:
    key = f"{published.customer_id}|{rule.id}"
    over = life.state == "idle"
    assert life.opened is not None
    assert life.since is not None
    raised = WORSE.index(life.severity) > WORSE.index(rule.severity)
    owner = rule.escalate_owner if raised and rule.escalate_owner else rule.owner
    return AlertV1(
        alert_id=str(uuid.uuid5(NAMESPACE, f"{key}|{life.episode}")),
        dedup_key=key,
        episode=life.episode,
        seq=life.seq,
        rule_id=rule.id,
        rule_version=rules.version,
        model_version=published.model_version,
        customer_id=published.customer_id,
        segment=published.segment,
        severity=life.severity,
        state=STATES[life.ending if over else life.state],
        state_since=life.since,
        opened_at=life.opened,
        resolved_at=published.as_of if over else None,
        resolve_reason=REASONS[life.ending] if over else None,
        as_of=published.as_of,
        trust=published.trust,
        churn_risk=published.churn_risk,
        horizon_days=published.horizon_days,
        threshold_open=rule.open,
        threshold_clear=rule.clear,
        reasons=published.reasons,
        recommended_action=rule.action,
        owner=life.words.assignee or owner,
        due_at=life.opened + timedelta(hours=rule.due_hours),
        mode=rule.mode,
        transition=kind,
        value=seen.value,
        previous_value=dict(zip(("trust_below", "churn_risk_above"), life.before, strict=True)).get(
            rule.kind
        ),
        uncertainty=published.uncertainty,
        tier=customer.tier,
        locale=customer.locale,
        notifications=life.told,
        kind=rule.kind,
        ack=life.words.ack,
        snooze=life.words.snooze,
        note=life.words.note,
        command_id=command_id,
    )
