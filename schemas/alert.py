"""AlertV1: one rule holds for one customer, and somebody should act.

Topic `alerts` keeps the latest state, `alert-log` every transition. Every key is always present; null means
"not (yet)". Reasons and actions are codes: texts are made at the edge.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.fields import Count, Days, Id, Label, Probability, Segment, Time, Trust
from schemas.score import Finite, Reason

Severity = Literal["critical", "error", "warning", "info"]
State = Literal[
    "pending", "open", "acknowledged", "snoozed", "recovering", "resolved", "expired", "suppressed"
]
"""Declared whole; version 1 writes `open`, `resolved`, and `expired`: nothing was heard, evidence faded."""


class AlertV1(Struct, frozen=True, gc=False):
    """The state of an alert after one transition.

    `dedup_key` is `customer_id|rule_id`, and at most one alert per key is open. `episode` counts its
    openings; `alert_id` is the same for every transition of an episode and in every replay. `seq` grows by
    one per transition of a key: readers drop lower ones.
    """

    alert_id: Annotated[str, Meta(min_length=36, max_length=36)]
    dedup_key: Annotated[str, Meta(min_length=3, max_length=193)]
    episode: Count
    seq: Count
    rule_id: Label
    rule_version: Label
    model_version: Label
    customer_id: Id
    segment: Segment | None
    severity: Severity
    state: State
    state_since: Time
    opened_at: Time | None
    resolved_at: Time | None
    resolve_reason: Label | None
    as_of: Time
    trust: Trust
    churn_risk: Probability | None
    horizon_days: Days
    threshold_open: Finite
    threshold_clear: Finite
    reasons: list[Reason]
    recommended_action: Label
    owner: Id | None
    due_at: Time | None
    schema: Literal["kizuna.alert.v1"] = "kizuna.alert.v1"
