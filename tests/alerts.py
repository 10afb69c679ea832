"""Alerts as workers write them, for tests of those who read them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec

from schemas.alert import AlertV1

__all__ = ["BASE", "alert", "at"]

BASE = AlertV1(
    alert_id="",
    dedup_key="c-1|trust_low",
    episode=1,
    seq=1,
    rule_id="trust_low",
    rule_version="1",
    model_version="v1",
    customer_id="c-1",
    segment="gold",
    severity="warning",
    state="open",
    state_since=datetime(2026, 11, 22, 10, tzinfo=UTC),
    opened_at=datetime(2026, 11, 22, 10, tzinfo=UTC),
    resolved_at=None,
    resolve_reason=None,
    as_of=datetime(2026, 11, 22, 10, tzinfo=UTC),
    trust=38.5,
    churn_risk=0.64,
    horizon_days=90,
    threshold_open=40.0,
    threshold_clear=50.0,
    reasons=[],
    recommended_action="close_the_loop",
    owner="support",
    due_at=datetime(2026, 11, 24, 10, tzinfo=UTC),
    transition="opened",
    value=38.5,
    tier="gold",
    kind="trust_below",
    notifications=1,
)


def at(ago_s: float) -> datetime:
    """So many seconds before now, in UTC."""
    return datetime.now(UTC) - timedelta(seconds=ago_s)


def alert(customer: str = "c-1", rule: str = "trust_low", **changed: Any) -> AlertV1:
    """The usual alert, with these fields changed; its ids follow customer, rule and episode."""
    named = {"customer_id": customer, "rule_id": rule, "dedup_key": f"{customer}|{rule}"}
    episode = changed.get("episode", 1)
    named["alert_id"] = str(uuid5(NAMESPACE_OID, f"{customer}|{rule}|{episode}"))
    made: AlertV1 = msgspec.structs.replace(BASE, **{**named, **changed})
    return made
