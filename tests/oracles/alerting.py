"""Published scores -> the alerts that they imply, one customer and rule after the other."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from schemas.alert import AlertV1
from schemas.score import ScoreV1
from stream.alerts.rules import Rule, Rules

__all__ = ["Life", "implied"]

NAMESPACE = uuid.UUID("6f1c8f6e-2f53-5c0b-9d0e-6b697a756e61")


@dataclass(slots=True)
class Life:
    """The life of one customer's alert under one rule."""

    state: str = "none"
    since: datetime | None = None
    episode: int = 0
    seq: int = 0
    events: int = 0


def implied(
    published: ScoreV1, purchase_days: int, lives: dict[tuple[str, str], Life], rules: Rules
) -> list[AlertV1]:
    """Alerts that one published score opens or resolves; moves `lives` on, keyed (customer, rule)."""
    found = []
    for rule in rules.rule:
        life = lives.setdefault((published.customer_id, rule.id), Life())
        triggered, cleared = _conditions(rule, published, purchase_days)
        if life.state == "open":
            if cleared:
                found.append(_alert(rule, life, "resolved", published, rules))
            continue
        if not triggered:
            life.state = "none"
            continue
        if life.state == "none":
            life.state, life.since = "pending", published.as_of
        assert life.since is not None
        if published.as_of - life.since >= timedelta(hours=rule.hold_hours):
            found.append(_alert(rule, life, "open", published, rules))
    return found


def _conditions(rule: Rule, published: ScoreV1, purchase_days: int) -> tuple[bool, bool]:
    if rule.kind == "trust_below":
        value, sign, unit = published.trust, -1, 100
    elif published.churn_risk is None:
        return False, False
    else:
        value, sign, unit = published.churn_risk, 1, 10_000
    value, opens, clears = (sign * round(number * unit) for number in (value, rule.open, rule.clear))
    in_scope = purchase_days >= rule.min_purchase_days and published.uncertainty <= rule.max_uncertainty
    return value >= opens and in_scope, value < clears


def _alert(
    rule: Rule, life: Life, state: Literal["open", "resolved"], published: ScoreV1, rules: Rules
) -> AlertV1:
    opened_at = published.as_of if state == "open" else life.since
    life.episode += state == "open"
    life.seq += 1
    life.state, life.since = ("open", published.as_of) if state == "open" else ("none", None)
    key = f"{published.customer_id}|{rule.id}"
    resolved = state == "resolved"
    assert opened_at is not None
    expired = resolved and life.events == published.events
    if not resolved:
        life.events = published.events
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
        severity=rule.severity,
        state="expired" if expired else state,
        state_since=published.as_of,
        opened_at=opened_at,
        resolved_at=published.as_of if resolved else None,
        resolve_reason=("expired" if expired else "recovered") if resolved else None,
        as_of=published.as_of,
        trust=published.trust,
        churn_risk=published.churn_risk,
        horizon_days=published.horizon_days,
        threshold_open=rule.open,
        threshold_clear=rule.clear,
        reasons=published.reasons,
        recommended_action=rule.action,
        owner=rule.owner,
        due_at=opened_at + timedelta(hours=rule.due_hours),
    )
