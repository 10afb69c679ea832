"""Published scores -> the alerts that they imply, one customer and rule after the other.

Written from the table of states in `stream/alerts/README.md`, with no look at the code that it judges: one
life at a time, states as words, nothing held back and nothing said by people.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from schemas.alert import AlertV1, Severity, State, Transition
from schemas.score import ScoreV1
from stream.alerts.rules import Rule, Rules

__all__ = ["Customer", "Life", "implied"]

NAMESPACE = uuid.UUID("6f1c8f6e-2f53-5c0b-9d0e-6b697a756e61")
WORSE: tuple[Severity, ...] = ("info", "warning", "error", "critical")
TOLD = ("opened", "escalated", "resolved", "expired")


@dataclass(frozen=True, slots=True)
class Customer:
    """What alerts need to know of a customer beside the published score."""

    purchase_days: int
    last: datetime
    tier: str | None
    locale: str | None
    values: dict[str, float | None]  # by rule: what it looks at


@dataclass(slots=True)
class Life:
    """The life of one customer's alert under one rule.

    Attributes:
        state: as in the contract, or "idle".
        since: when the state began.
        opened: when the present episode opened.
        ended: when the last one ended.
        ending: how: "resolved" or "expired".
        severity: of the present episode, or of the last one.
        heard_then: accepted events at the opening, or at the end of the last episode.
        episode: how many there were.
        seq: transitions so far.
        told: transitions of this episode of which people are told.
        before: (trust, risk) as published before.
    """

    state: Literal["idle", "pending", "open", "recovering"] = "idle"
    since: datetime | None = None
    opened: datetime | None = None
    ended: datetime | None = None
    ending: str = ""
    severity: Severity = "info"
    heard_then: int = 0
    episode: int = 0
    seq: int = 0
    told: int = 0
    before: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one published score says under one rule."""

    triggered: bool
    cleared: bool
    level: Severity
    value: float | None


def implied(
    published: ScoreV1, customer: Customer, lives: dict[tuple[str, str], Life], rules: Rules
) -> list[AlertV1]:
    """Alerts that one published score moves; moves `lives` on, keyed (customer, rule)."""
    found = []
    for rule in rules.rule:
        life = lives.setdefault((published.customer_id, rule.id), Life())
        seen = _seen(rule, published, customer)
        turn = {"idle": _idle, "pending": _pending, "open": _open, "recovering": _recovering}[life.state]
        kind = turn(rule, life, seen, published, customer)
        if kind is not None:
            life.seq += 1
            life.told += kind in TOLD and rule.mode == "live"
            found.append(_alert(rule, life, kind, seen, published, customer, rules))
        life.before = (published.trust, published.churn_risk)
    return found


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
        if life.ending == "expired" and published.events == life.heard_then:
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
        return "opened"
    return None


def _open(rule: Rule, life: Life, seen: Seen, published: ScoreV1, customer: Customer) -> Transition | None:
    now = published.as_of
    assert life.opened is not None
    if seen.cleared and published.events != life.heard_then:
        if rule.keep_open_hours == 0:
            return _end(life, "resolved", published)
        life.state, life.since = "recovering", now
        return "recovering"
    if _hours(max(life.opened, customer.last), now) >= rule.expire_days * 24:
        return _end(life, "expired", published)
    level = seen.level
    top = rule.escalate_severity or rule.severity
    after = rule.escalate_after_hours
    if after and WORSE.index(top) > WORSE.index(life.severity) and _hours(life.since, now) >= after:
        level = top
    if WORSE.index(level) > WORSE.index(life.severity):
        life.severity, life.since = level, now
        return "escalated"
    return None


def _recovering(rule: Rule, life: Life, seen: Seen, published: ScoreV1, _: Customer) -> Transition | None:
    if not seen.cleared:
        life.state, life.since = "open", published.as_of
        return "relapsed"
    if _hours(life.since, published.as_of) >= rule.keep_open_hours:
        return _end(life, "resolved", published)
    return None


def _end(life: Life, ending: Literal["resolved", "expired"], published: ScoreV1) -> Transition:
    life.state, life.ending, life.ended, life.since = "idle", ending, published.as_of, published.as_of
    life.heard_then = published.events
    return ending


def _alert(
    rule: Rule,
    life: Life,
    kind: Transition,
    seen: Seen,
    published: ScoreV1,
    customer: Customer,
    rules: Rules,
) -> AlertV1:
    key = f"{published.customer_id}|{rule.id}"
    over = life.state == "idle"
    assert life.opened is not None
    assert life.since is not None
    raised = WORSE.index(life.severity) > WORSE.index(rule.severity)
    names: dict[str, State] = {"open": "open", "recovering": "recovering"}
    ends: dict[str, State] = {"resolved": "resolved", "expired": "expired"}
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
        state=ends[life.ending] if over else names[life.state],
        state_since=life.since,
        opened_at=life.opened,
        resolved_at=published.as_of if over else None,
        resolve_reason={"resolved": "recovered", "expired": "expired"}[life.ending] if over else None,
        as_of=published.as_of,
        trust=published.trust,
        churn_risk=published.churn_risk,
        horizon_days=published.horizon_days,
        threshold_open=rule.open,
        threshold_clear=rule.clear,
        reasons=published.reasons,
        recommended_action=rule.action,
        owner=rule.escalate_owner if raised and rule.escalate_owner else rule.owner,
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
    )
