"""What a rule is: its fields, the kinds of things that rules look at, and what a file of rules holds."""

import hashlib
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

__all__ = [
    "BELOW",
    "DOMAIN",
    "KINDS",
    "MAX_RULES",
    "SCALE",
    "SEVERITIES",
    "Kind",
    "Rule",
    "Rules",
    "Severity",
    "Storm",
]

MAX_RULES = 32
"""Of a file: each may take a slot in every customer's row."""
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_-]+(?![\s\S])")]
Severity = Literal["critical", "error", "warning", "info"]
Kind = Literal[
    "trust_below",
    "churn_risk_above",
    "trust_drop",
    "component_below",
    "promise_overdue",
    "payment_failed",
    "value_at_risk_above",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""The gravest first."""
BELOW: frozenset[Kind] = frozenset({"trust_below", "component_below"})
"""Kinds that open at or below a line; the others open at or above theirs."""
DOMAIN: dict[Kind, tuple[float, float]] = {
    "trust_below": (0.0, 100.0),
    "churn_risk_above": (0.0, 1.0),
    "trust_drop": (0.0, 100.0),
    "component_below": (-100.0, 100.0),
    "promise_overdue": (0.0, 1e9),
    "payment_failed": (0.0, 1e9),
    "value_at_risk_above": (0.0, 1e9),
}
"""What a threshold of a kind may be."""
SCALE: dict[Kind, int] = {
    "trust_below": 100,
    "churn_risk_above": 10_000,
    "trust_drop": 100,
    "component_below": 100,
    "promise_overdue": 100,
    "payment_failed": 100,
    "value_at_risk_above": 100,
}
"""Steps per unit in which values are published: whole numbers of them are compared, so equality is exact."""
Hours = Annotated[float, Meta(ge=0.0, le=8760.0)]


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule.

    Attributes:
        id: stable name; part of the alert's identity.
        kind: what is looked at, and its unit: trust (points); churn risk (probability); how far trust fell in
            `days` (points); the contribution of a cause or dimension to trust (points, usually negative); by
            how much the most overdue open promise is late (hours, 0 if none is); failed payments, as
            the churn risk counts them (number); value at risk (units of the customer's currency).
        open: opens at or beyond this value.
        clear: is over only beyond this value.
        severity: PagerDuty's four.
        owner: who acts.
        action: recommended action where the cause asks for no other, a code.
        due_hours: by when, from its opening.
        mode: `shadow` publishes without anybody being told.
        hold_hours: how long it must hold before the alert opens.
        keep_open_hours: how long it must be clear before the alert resolves.
        cooldown_hours: after its end, nothing opens unless at a higher severity.
        expire_days: an alert of whose customer nothing was heard for so long is over.
        escalate: at or beyond this value the severity is `escalate_severity`.
        escalate_severity: above `severity`; also what it rises to after `escalate_after_hours`.
        escalate_owner: who acts then; the same as before if not given.
        escalate_after_hours: an alert that nobody acknowledged for so long escalates.
        min_purchase_days: opens only for customers with at least so many distinct purchase days.
        max_uncertainty: opens only where trust's uncertainty is at most this.
        segments: opens only for customers of these; all if empty. So are `tiers`, `locales` (`ja` holds for
            `ja-JP`), and `channels` (bought through at least one of them).
        days: of a `trust_drop`, 1-90.
        component: of a `component_below`: a cause of evidence or a SERVQUAL dimension.
        currency: of a `value_at_risk_above`: amounts of another one are not compared.
    """

    id: Name
    kind: Kind
    open: Annotated[float, Meta(ge=-1e9, le=1e9)]
    clear: Annotated[float, Meta(ge=-1e9, le=1e9)]
    severity: Severity
    owner: Annotated[str, Meta(min_length=1, max_length=128)]
    action: Name
    due_hours: Annotated[float, Meta(gt=0.0, le=8760.0)] = 48.0
    mode: Literal["live", "shadow"] = "live"
    hold_hours: Hours = 0.0
    keep_open_hours: Hours = 0.0
    cooldown_hours: Hours = 0.0
    expire_days: Annotated[float, Meta(ge=1.0, le=3650.0)] = 90.0
    escalate: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None
    escalate_severity: Severity | None = None
    escalate_owner: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    escalate_after_hours: Annotated[float, Meta(gt=0.0, le=8760.0)] | None = None
    min_purchase_days: Annotated[int, Meta(ge=0)] = 0
    max_uncertainty: Annotated[float, Meta(ge=0.0, le=1.0)] = 1.0
    segments: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    locales: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    days: Annotated[int, Meta(ge=1, le=90)] | None = None
    component: str | None = None
    currency: str | None = None

    @property
    def key(self) -> int:
        """Non-zero 32-bit hash of the id: marks the rule's slot in a row."""
        return int.from_bytes(hashlib.sha256(self.id.encode()).digest()[:4], "little") or 1


class Storm(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When alerts are held back, per partition. Zero turns each of them off.

    Attributes:
        budget_per_minute: alerts that may open in a minute for customers of one segment.
        mass_drop_percent: of the partition's customers crossing within `mass_drop_minutes`: the data are at
            fault; nobody is told but `mass_drop_owner`, once.
        mass_drop_least: customers that must cross at least, however few there are.
        mass_drop_minutes: see above.
        mass_drop_owner: who looks at the data.
        behind_minutes: scores hold at a time further before the wall's than this.
        stale_hours: the newest event is older than this.
    """

    budget_per_minute: Annotated[int, Meta(ge=0)] = 60
    mass_drop_percent: Annotated[float, Meta(ge=0.0, le=100.0)] = 5.0
    mass_drop_least: Annotated[int, Meta(ge=1)] = 100
    mass_drop_minutes: Annotated[float, Meta(gt=0.0, le=1440.0)] = 10.0
    mass_drop_owner: Annotated[str, Meta(min_length=1, max_length=128)] = "operations"
    behind_minutes: Annotated[float, Meta(ge=0.0)] = 15.0
    stale_hours: Annotated[float, Meta(ge=0.0)] = 24.0


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of a file; `segments`: the names that its rules may use."""

    rule: tuple[Rule, ...] = ()
    storm: Storm = Storm()
    segments: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """12 hex digits over the whole file's meaning; stamped on every alert."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:12]
