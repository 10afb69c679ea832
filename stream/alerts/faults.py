"""Everything that is wrong with a file of rules, each fault with its line and reason.

A fault is said of the key that is wrong, else of the rule. Fields of the wrong type are said and then left
out, so that the others of the same rule are judged too.
"""

import re
import tomllib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, NamedTuple, get_args

import msgspec
from msgspec import Meta

from schemas.fields import Segment
from stream.alerts import lines
from stream.alerts.contradictions import contradictions
from stream.alerts.rule import MAX_RULES, Rule, Rules, Storm

__all__ = ["Fault", "examine"]

Segments = Annotated[list[Segment], Meta(max_length=1000)]
Found = tuple[lines.Path, str]
NAMED = "lower-case letters, digits, _ and -"


class Fault(NamedTuple):
    """One fault: the line that must change, and why."""

    line: int
    reason: str


def examine(text: str) -> tuple[Rules | None, list[Fault]]:
    """The rules of a TOML text, or None and its faults in the order of lines."""
    try:
        tables = tomllib.loads(text)
    except RecursionError:
        return None, [Fault(1, "brackets within brackets, too deep to read")]
    except ValueError as error:
        found = re.search(r"\(at line (\d+)", str(error))
        at_end = text.count("\n") + 1 if "end of document" in str(error) else 1
        return None, [Fault(int(found[1]) if found else at_end, str(error).partition("; use sys.")[0])]
    places = lines.places(text)
    faults = [Fault(lines.line_of(places, path), reason) for path, reason in _faults(tables, places)]
    return (None, sorted(faults)) if faults else (msgspec.convert(tables, Rules), [])


def _faults(tables: dict[str, Any], places: dict[lines.Path, int]) -> Iterator[Found]:
    yield from _unknown(tables, Rules, ())
    declared = None
    try:
        declared = msgspec.convert(tables.get("segments", []), Segments)
    except msgspec.ValidationError as error:
        yield ("segments",), f"segments: {_said(error, Segments)}"
    storm = tables.get("storm", {})
    if isinstance(storm, dict):
        yield from _of_struct(storm, Storm, ("storm",), "storm")
    else:
        yield ("storm",), "storm must be a table, written [storm]"
    written = tables.get("rule", [])
    if not isinstance(written, list) or not all(isinstance(table, dict) for table in written):
        yield ("rule",), "each rule is a table of its own, written [[rule]]"
        return
    known: list[dict[str, Any]] = []
    for number, table in enumerate(written):
        name = _name(table, number)
        wrong = list(_of_struct(table, Rule, ("rule", number), name))
        yield from wrong
        bad = {path[-1] for path, _reason in wrong}
        known.append({key: value for key, value in table.items() if key not in bad})
        for key, reason in contradictions(known[-1], bad, declared):
            yield ("rule", number, key), f"{name}: {reason}"
    yield from _twice(known, places)
    yield from _overlaps(known[:MAX_RULES], places)
    if len(known) > MAX_RULES:
        yield ("rule", MAX_RULES), f"{len(known)} rules; a file may hold {MAX_RULES}"


def _name(table: dict[str, Any], number: int) -> str:
    name = table.get("id")
    return name if isinstance(name, str) and name.isprintable() and name else f"rule {number + 1}"


def _of_struct(
    table: dict[str, Any], kind: type[msgspec.Struct], path: lines.Path, name: str
) -> Iterator[Found]:
    """Fields that are unknown, of the wrong type or missing."""
    for where, reason in _unknown(table, kind, path):
        yield where, f"{name}: {reason}"
    for field in msgspec.structs.fields(kind):
        if field.name in table:
            try:
                msgspec.convert(table[field.name], field.type)
            except msgspec.ValidationError as error:
                yield (*path, field.name), f"{name}: {field.name}: {_said(error, field.type)}"
        elif field.required:
            yield path, f"{name}: `{field.name}` is missing"


def _unknown(table: dict[str, Any], kind: type[msgspec.Struct], path: lines.Path) -> Iterator[Found]:
    names = [field.name for field in msgspec.structs.fields(kind)]
    for key in table:
        if key not in names:
            close = get_close_matches(key, names, 1)
            yield (*path, key), f"unknown field `{key}`" + (f"; did you mean `{close[0]}`?" if close else "")


def _said(error: msgspec.ValidationError, kind: object) -> str:
    """The decoder's message in words of the file."""
    message = re.sub(r" - at `\$\[(\d+)\]`", lambda at: f", in place {int(at[1]) + 1}", str(error))
    if "matching regex" in message:
        return re.sub(r"`str` matching regex '.*'", NAMED, message)
    if message.startswith("Invalid enum value"):
        return f"{message}, must be one of {', '.join(_choices(kind))}"
    return message


def _choices(kind: object) -> list[str]:
    """The words that a `Literal` allows, or one that may be left out."""
    return [word for part in get_args(kind) for word in ([part] if isinstance(part, str) else _choices(part))]


def _twice(known: Sequence[dict[str, Any]], places: dict[lines.Path, int]) -> Iterator[Found]:
    first: dict[str, int] = {}
    for number, rule in enumerate(known):
        before = first.setdefault(rule.get("id", f"\0{number}"), number)
        if before != number:
            line = lines.line_of(places, ("rule", before, "id"))
            yield ("rule", number, "id"), f"rule id {rule['id']!r} occurs twice, first in line {line}"


def _overlaps(known: Sequence[dict[str, Any]], places: dict[lines.Path, int]) -> Iterator[Found]:
    """Pairs of rules that would ring twice for one customer and one thing, said of the later rule."""
    for number, rule in enumerate(known):
        for before, other in enumerate(known[:number]):
            if rule.get("id") != other.get("id") and _same(rule, other) and _meet(rule, other):
                line = lines.line_of(places, ("rule", before))
                reason = (
                    f"one customer would get two alerts, since {_name(other, before)} (line {line}) looks at "
                    "the same: make them one rule with `escalate`, or give them segments, tiers or locales "
                    "that exclude each other"
                )
                yield ("rule", number), f"{_name(rule, number)}: {reason}"
                break


def _same(rule: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two rules look at the same thing, and both or neither of them tell people."""
    if "kind" not in rule or rule.get("mode", "live") != other.get("mode", "live"):
        return False
    return all(rule.get(key) == other.get(key) for key in ("kind", "days", "component", "currency"))


def _meet(rule: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether one customer can be in both scopes; who buys through two channels is in the scope of each."""
    for key in ("segments", "tiers"):
        mine, theirs = set(rule.get(key, ())), set(other.get(key, ()))
        if mine and theirs and not mine & theirs:
            return False
    mine, theirs = rule.get("locales", ()), other.get("locales", ())
    return not mine or not theirs or any(_within(a, b) or _within(b, a) for a in mine for b in theirs)


def _within(locale: str, wider: str) -> bool:
    return f"{locale}-".lower().startswith(f"{wider}-".lower())
