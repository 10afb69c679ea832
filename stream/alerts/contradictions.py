"""What the fields of one rule say against each other, its kind, or the words that the project knows."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Any

from stream.alerts.plays import CODES
from stream.alerts.rule import BELOW, DOMAIN, SCALE, SEVERITIES, Kind
from stream.model.columns import CHANNELS, TIERS
from stream.model.evidence import DIMENSION_OF

__all__ = ["contradictions"]

NEEDS = {
    "days": ("trust_drop", "how many days back it looks"),
    "component": ("component_below", "a cause of evidence or a dimension"),
    "currency": ("value_at_risk_above", "the currency of its thresholds"),
}
"""Fields of one kind alone: which, and what they say."""
COMPONENTS = tuple(dict.fromkeys([*DIMENSION_OF, *DIMENSION_OF.values()]))
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,4})?\Z")
MAX_LOCALE = 8  # characters, of an interaction's too

Found = tuple[str, str]

RESERVED = "mass_drop"


def contradictions(
    rule: dict[str, Any], wrong: Collection[Any], declared: Collection[str] | None
) -> Iterator[Found]:
    """Each as (key, reason).

    Args:
        rule: its fields that are of the right type.
        wrong: names of the others: nothing is said of them, nor that they are missing.
        declared: segments of the file; None if those are faulty themselves.
    """
    yield from _thresholds(rule)
    yield from _of_kind(rule, wrong)
    yield from _escalation(rule, wrong)
    yield from _scope(rule, declared)


def _thresholds(rule: dict[str, Any]) -> Iterator[Found]:
    kind = rule.get("kind")
    if kind is None:
        return
    least, most = DOMAIN[kind]
    given = {name: rule[name] for name in ("open", "clear", "escalate") if name in rule}
    for name, value in list(given.items()):
        if not least <= value <= most:
            bounds = f"from {least:g} to {most:g}"
            yield name, f"{name} ({value:g}) must be {bounds} for {kind}"
            del given[name]
    if "clear" in given and _never(kind, given["clear"]):
        yield "clear", f"clear ({given['clear']:g}) is never passed: no {kind} lies beyond it"
    if "open" not in given:
        return
    opens, sign = given["open"], -1.0 if kind in BELOW else 1.0
    inner, outer = ("above", "below") if kind in BELOW else ("below", "above")
    if "clear" in given and sign * given["clear"] >= sign * opens:
        yield "clear", f"clear ({given['clear']:g}) must be {inner} open ({opens:g}) for {kind}"
    if "escalate" in given and sign * given["escalate"] <= sign * opens:
        yield "escalate", f"escalate ({given['escalate']:g}) must be {outer} open ({opens:g}) for {kind}"


def _never(kind: Kind, clear: float) -> bool:
    """Whether no published value is beyond a threshold, so that no alert would ever end by itself."""
    least, most = DOMAIN[kind]
    scale = SCALE[kind]
    if kind == "trust_drop":
        return False  # who trusts more than then has a drop below 0
    return round(clear * scale) >= most * scale if kind in BELOW else round(clear * scale) <= least * scale


def _of_kind(rule: dict[str, Any], wrong: Collection[Any]) -> Iterator[Found]:
    if rule.get("id") == RESERVED:
        yield "id", f"id {RESERVED!r} is that of the alert about the data"
    kind = rule.get("kind")
    for name, (owner, what) in NEEDS.items():
        if kind == owner and name not in rule and name not in wrong:
            yield "kind", f"`{name}` is missing: {what}"
        if kind is not None and kind != owner and name in rule:
            yield name, f"`{name}` belongs to {owner}, and says nothing about {kind}"
    action, component, currency = (rule.get(name) for name in ("action", "component", "currency"))
    if action is not None and action not in CODES:
        yield "action", f"action {_among(action, CODES)}"
    if component is not None and component not in COMPONENTS:
        yield "component", f"component {_among(component, COMPONENTS)}"
    if currency is not None and re.fullmatch(r"[A-Z]{3}", currency) is None:
        yield "currency", f"currency {currency!r} must be three capital letters, as in EUR"


def _escalation(rule: dict[str, Any], wrong: Collection[Any]) -> Iterator[Found]:
    higher, severity = rule.get("escalate_severity"), rule.get("severity")
    whens = ("escalate", "escalate_after_hours")
    if higher is None and "escalate_severity" not in wrong:
        for name in (*whens, "escalate_owner"):
            if name in rule:
                yield name, f"`{name}` needs `escalate_severity`"
    if higher is None:
        return
    if severity is not None and SEVERITIES.index(higher) >= SEVERITIES.index(severity):
        yield "escalate_severity", f"escalate_severity ({higher}) must be above severity ({severity})"
    if not any(name in rule or name in wrong for name in whens):
        yield "escalate_severity", "nothing escalates without `escalate` or `escalate_after_hours`"


def _scope(rule: dict[str, Any], declared: Collection[str] | None) -> Iterator[Found]:
    for name in rule.get("segments", ()) if declared is not None else ():
        if name not in (declared or ()):
            reason = f"segment {name!r} is not declared; add it to `segments = [...]` at the top of the file"
            close = get_close_matches(name, list(declared or ()), 1)
            yield "segments", reason + (f", or did you mean {close[0]!r}?" if close else "")
    for key, choices in (("tiers", TIERS), ("channels", CHANNELS)):
        for name in rule.get(key, ()):
            if name not in choices:
                yield key, f"{key.removesuffix('s')} {_among(name, choices)}"
    for name in rule.get("locales", ()):
        if LOCALE.match(name) is None or len(name) > MAX_LOCALE:
            yield (
                "locales",
                f"locale {name!r} must be a language, or one with a region: ja, ja-JP",
            )


def _among(name: str, choices: Collection[str]) -> str:
    """A word that is none of those known, with what was probably meant."""
    close = get_close_matches(name, choices, 1)
    meant = f"; did you mean {close[0]!r}?" if close else ""
    return f"{name!r} is none of {', '.join(choices)}{meant}"
