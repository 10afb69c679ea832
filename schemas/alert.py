"""AlertV1: one rule holds for one customer, and somebody should act.

Topic `alerts` keeps the latest state, `alert-log` every transition. Every key is always present; null means
"not (yet)". Reasons and actions are codes: texts are made at the edge.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.fields import Count, Currency, Days, Id, Label, Probability, Segment, Text, Time, Trust
from schemas.score import Finite, Reason

Severity = Literal["critical", "error", "warning", "info"]
State = Literal[
    "pending", "open", "acknowledged", "snoozed", "recovering", "resolved", "expired", "suppressed"
]
"""`pending` is never written: it is known to the worker alone."""

Transition = Literal[
    "opened",
    "suppressed",
    "released",
    "escalated",
    "acknowledged",
    "assigned",
    "noted",
    "snoozed",
    "snooze_over",
    "recovering",
    "relapsed",
    "resolved",
    "expired",
]
"""What moved the alert. `released`: it was held back, and opens now. `relapsed`: it was recovering."""

Suppressed = Literal["budget", "mass_drop", "stale", "behind"]
"""Why an alert is held back: too many at once for people, or doubt about the data themselves."""


class Acknowledged(Struct, frozen=True, gc=False):
    """Who has taken it on, and when; `note`: what they said."""

    by: Id
    at: Time
    note: Text | None


class Snoozed(Struct, frozen=True, gc=False):
    """Until when nobody is to be told of it, who said so, and why."""

    until: Time
    by: Id
    reason: Text | None


class Note(Struct, frozen=True, gc=False):
    """The last remark of a person."""

    by: Id
    at: Time
    text: Text


class WhatIf(Struct, frozen=True, gc=False):
    """The smallest action or pair that would clear the alert at once, had it happened at `as_of`.

    `actions` are codes in the order of doing, `about` the ticket or delivery of each, null where there is
    none or its name is not known.
    """

    actions: list[Label]
    about: list[Id | None]
    effort_minutes: Finite
    trust: Trust
    churn_risk: Probability | None


class Action(Struct, frozen=True, gc=False):
    """What to do: a play for the cause of the alert, by whom and by when.

    `cause` is the code of the reason or the circumstance that asks for this play, null where the rule alone
    does. `what_if` is null where no action tried is enough, or none was tried: it is asked as the alert
    opens, is released or escalates, and in a storm not of all.
    """

    code: Label
    cause: Label | None
    owner: Id
    due_at: Time
    what_if: WhatIf | None


class AlertV1(Struct, frozen=True, gc=False):
    """The state of an alert after one transition.

    `dedup_key` is `customer_id|rule_id`, and at most one alert per key is open. `episode` counts its
    openings; `alert_id` is the same for every transition of an episode and in every replay. `seq` grows by
    one per transition of a key: readers drop lower ones.

    `subject` is `data` for the one alert that says that too many customers cross at once: then `customer_id`
    names the partition, the scores are null, and `dedup_key` begins with a control character, as no
    customer does. An alert of a rule in `shadow` mode is published like any other, and nobody is told;
    one that people were told of is `live` to its end, which is at once if its rule goes on trial.

    `value` is what the rule looks at (`kind`), in the unit of its thresholds; `previous_value` the same as
    published before, null where that is not kept. `trend` is in points of trust per day over the last week.
    `value_at_risk` is in units of `currency`. `notifications` counts the transitions of this episode of which
    people are to be told. `command_id` and `event_id` name what caused this transition, null for time alone;
    `traceparent` is that event's (W3C Trace Context).
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
    trust: Trust | None
    churn_risk: Probability | None
    horizon_days: Days
    threshold_open: Finite
    threshold_clear: Finite
    reasons: list[Reason]
    recommended_action: Label
    owner: Id | None
    due_at: Time | None
    schema: Literal["kizuna.alert.v1"] = "kizuna.alert.v1"
    subject: Literal["customer", "data"] = "customer"
    mode: Literal["live", "shadow"] = "live"
    transition: Transition | None = None
    suppressed_by: Suppressed | None = None
    value: Finite | None = None
    previous_value: Finite | None = None
    trend: Finite | None = None
    uncertainty: Probability | None = None
    value_at_risk: Finite | None = None
    currency: Currency | None = None
    tier: Label | None = None
    locale: Label | None = None
    action: Action | None = None
    ack: Acknowledged | None = None
    snooze: Snoozed | None = None
    note: Note | None = None
    notifications: Count = 0
    command_id: Id | None = None
    event_id: Id | None = None
    traceparent: Label | None = None
    kind: Label | None = None
