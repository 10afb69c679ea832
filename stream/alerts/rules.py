"""Alert rules: one TOML file, every fault named with its line and reason."""

import hashlib
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from stream.errors import ConfigError
from stream.state.layout import ALERT_SLOTS

__all__ = ["Rule", "Rules", "load", "parse"]

SHIPPED = Path(__file__).with_name("default.toml")
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[a-z0-9_-]+(?![\s\S])")]


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule.

    Attributes:
        id: stable name; part of the alert's identity.
        kind: which score, which side.
        open: opens at or beyond this value (points, or probability).
        clear: is over only beyond this value.
        hold_hours: how long the condition must hold before the alert opens.
        min_purchase_days: opens only for customers with at least so many distinct purchase days.
        max_uncertainty: opens only where trust's uncertainty is at most this.
        severity: PagerDuty's four.
        owner: who acts.
        action: recommended action, a code.
        due_hours: by when.
    """

    id: Name
    kind: Literal["trust_below", "churn_risk_above"]
    open: Annotated[float, Meta(ge=0.0, le=100.0)]
    clear: Annotated[float, Meta(ge=0.0, le=100.0)]
    severity: Literal["critical", "error", "warning", "info"]
    owner: str
    action: Name
    hold_hours: Annotated[float, Meta(ge=0.0, le=8760.0)] = 0.0
    min_purchase_days: Annotated[int, Meta(ge=0)] = 0
    max_uncertainty: Annotated[float, Meta(ge=0.0, le=1.0)] = 1.0
    due_hours: Annotated[float, Meta(gt=0.0)] = 48.0

    @property
    def key(self) -> int:
        """Non-zero 32-bit hash of the id: marks the rule's slot in a row."""
        return int.from_bytes(hashlib.sha256(self.id.encode()).digest()[:4], "little") or 1


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of a file."""

    rule: tuple[Rule, ...] = ()

    @property
    def version(self) -> str:
        """12 hex digits over every rule; stamped on every alert."""
        return hashlib.sha256(msgspec.json.encode(self.rule)).hexdigest()[:12]


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
    if len(rules.rule) > ALERT_SLOTS:
        line = _rule_line(text, ALERT_SLOTS)
        raise _fault(source, line, f"{len(rules.rule)} rules; a row has room for {ALERT_SLOTS}")
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


def _contradiction(rule: Rule) -> str:
    if rule.kind == "trust_below" and rule.clear <= rule.open:
        return f"{rule.id}: clear ({rule.clear}) must be above open ({rule.open}) for trust_below"
    if rule.kind == "churn_risk_above" and rule.clear >= rule.open:
        return f"{rule.id}: clear ({rule.clear}) must be below open ({rule.open}) for churn_risk_above"
    if rule.kind == "churn_risk_above" and rule.open > 1.0:
        return f"{rule.id}: churn risk is a probability, open ({rule.open}) must be at most 1"
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
