"""Alert rules: one TOML file, every fault named with its line and reason."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from stream.errors import ConfigError

__all__ = ["MAX_RULES", "Rule", "Rules", "load", "parse"]

MAX_RULES = 32
SHIPPED = Path(__file__).with_name("default.toml")
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
BELOW: frozenset[Kind] = frozenset({"trust_below", "component_below"})
"""Kinds that open at or below a line; the others open at or above theirs."""
Hours = Annotated[float, Meta(ge=0.0, le=8760.0)]


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule.

    Attributes:
        id: stable name; part of the alert's identity.
        kind: what is looked at, and its unit: trust (points); churn risk (probability); how far trust fell in
            `days` (points); the contribution of a cause or dimension to trust (points, usually negative); by
            how much the most overdue open promise is late (hours, 0 if none is); failed payments, decayed
            (number); value at risk (units of the customer's currency).
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


def parse(text: str, source: str = "rules") -> Rules:
    """Rules from TOML text.

    Raises:
        ConfigError: the first fault, as `source:line: reason`.
    """
    try:
        rules = msgspec.toml.decode(text, type=Rules)
    except msgspec.DecodeError as error:
        raise _fault(source, _line(text, str(error)), str(error)) from error
    seen: set[str] = set()
    for number, rule in enumerate(rules.rule):
        reason = _contradiction(rule) or (f"rule id {rule.id!r} occurs twice" if rule.id in seen else "")
        if reason:
            raise _fault(source, _rule_line(text, number), reason)
        seen.add(rule.id)
    if len(rules.rule) > MAX_RULES:
        line = _rule_line(text, MAX_RULES)
        raise _fault(source, line, f"{len(rules.rule)} rules; at most {MAX_RULES} are evaluated")
    return rules


def load(path: Path | None = None) -> Rules:
    """Rules of a file; the shipped ones by default."""
    source = path or SHIPPED
    try:
        text = source.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{source} is not UTF-8 text", hint="check the path given as --rules") from error
    except OSError as error:
        raise ConfigError(
            f"cannot read {source}: {error.strerror}", hint="check the path given as --rules"
        ) from error
    return parse(text, str(source))


DOMAIN: dict[Kind, tuple[float, float]] = {
    "trust_below": (0.0, 100.0),
    "churn_risk_above": (0.0, 1.0),
    "trust_drop": (0.0, 100.0),
    "component_below": (-100.0, 100.0),
}
"""What a threshold of a kind may be; of the others any amount from 0."""


def _contradiction(rule: Rule) -> str:
    least, most = DOMAIN.get(rule.kind, (0.0, 1e9))
    for name in ("open", "clear"):
        value = getattr(rule, name)
        if not least <= value <= most:
            return f"{rule.id}: {name} ({value}) must be from {least:g} to {most:g} for {rule.kind}"
    if rule.kind in BELOW and rule.clear <= rule.open:
        return f"{rule.id}: clear ({rule.clear}) must be above open ({rule.open}) for {rule.kind}"
    if rule.kind not in BELOW and rule.clear >= rule.open:
        return f"{rule.id}: clear ({rule.clear}) must be below open ({rule.open}) for {rule.kind}"
    return ""


def _fault(source: str, line: int, reason: str) -> ConfigError:
    return ConfigError(
        f"{source}:{line}: {reason}", hint="compare with the shipped stream/alerts/default.toml"
    )


def _line(text: str, message: str) -> int:
    """Line of a decode error: tomllib's own, else the start of the rule that msgspec's path names."""
    if match := re.search(r"\(at line (\d+)", message):
        return int(match[1])
    if match := re.search(r"\$\.rule\[(\d+)\]", message):
        return _rule_line(text, int(match[1]))
    return 1


def _rule_line(text: str, number: int) -> int:
    starts = [i for i, line in enumerate(text.splitlines(), 1) if line.strip().startswith("[[rule]]")]
    return starts[number] if number < len(starts) else 1
