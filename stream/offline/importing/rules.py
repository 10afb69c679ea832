"""A rule of the mapping, made ready for the columns of one file: row in, events out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, ParamSpec, TypeVar

from xxhash import xxh3_128_hexdigest

from schemas.interaction import Interaction
from stream.errors import ConfigError
from stream.offline.importing import contract, values
from stream.offline.importing.columns import Layout
from stream.offline.importing.conditions import Wants, wants
from stream.offline.importing.mapping import Mapping, Rule, Scalar, Value
from stream.offline.importing.row import Get, Refused, Row

__all__ = ["MAX_REPEAT", "Group", "Maker", "make"]

P = ParamSpec("P")
T = TypeVar("T")

MAX_REPEAT = 10_000
"""Events of one row; more is a column that was mistaken for a count."""

Complain = Callable[[str, str], ConfigError]
"""(path of a key, reason) -> the error to raise."""


class _Part(NamedTuple):
    name: str
    required: bool
    field: values.Field


@dataclass(slots=True)
class Group:
    """Rows that become one event: the first of them, and what was gathered from all.

    Attributes:
        row: the first row.
        at: which file it is of.
        n: rows so far.
        states: of the folds, by field; None until a row says something.
    """

    row: Row
    at: int
    n: int
    states: list[Any]


@dataclass(slots=True)
class Maker:
    """One rule for the rows of one file.

    Attributes:
        type: of the events.
        index: of the rule in the mapping.
        wanted: whether a row concerns it.
        joins: files in which its rows must find rows.
        parts: fields to fill.
        key: names the group of a row, None if every row is its own.
        repeat: how many events a row gives, None for one.
        groups: so far, by key, in the order of their first rows; shared by all files of the rule.
    """

    type: str
    index: int
    wanted: Wants
    joins: list[str]
    parts: list[_Part]
    key: Get | None
    repeat: Callable[[Row], float | None] | None
    groups: dict[str, Group] = field(default_factory=dict)

    def events(self, row: Row) -> Iterator[Interaction]:
        """The events of one row.

        Raises:
            Refused: it gives none; says why.
        """
        if self.repeat is None:
            yield self._event(row, [part.field.evaluate(row) for part in self.parts])
            return
        times = self.repeat(row)
        if times is None or times < 0 or times != int(times) or times > MAX_REPEAT:
            raise Refused("out_of_range", f"`repeat` is {times}, not a whole number from 0 to {MAX_REPEAT:,}")
        for row.n in range(int(times)):
            yield self._event(row, [part.field.evaluate(row) for part in self.parts])

    def gather(self, row: Row, at: int) -> None:
        """Put a row to its group.

        Raises:
            Refused: it cannot be read; its group goes on without it.
        """
        assert self.key is not None
        key = self.key(row)
        row.group = _short_name(key)
        group = self.groups.get(key)
        new = [part.field.evaluate(row) if part.field.fold or group is None else None for part in self.parts]
        if group is None:
            group = self.groups[key] = Group(row, at, 0, [None] * len(self.parts))
        group.n += 1
        for i, part in enumerate(self.parts):
            fold, value = part.field.fold, new[i]
            if fold is not None:
                if value is not None:
                    group.states[i] = fold.add(group.states[i], value)
            elif group.n == 1:
                group.states[i] = value

    def event_of(self, group: Group) -> Interaction:
        """The event of a whole group.

        Raises:
            Refused: it breaks the contract.
        """
        found = [
            part.field.fold.done(state) if part.field.fold is not None and state is not None else state
            for part, state in zip(self.parts, group.states, strict=True)
        ]
        return self._event(group.row, found)

    def _event(self, row: Row, found: Sequence[Any]) -> Interaction:
        fields: dict[str, Any] = {"type": self.type}
        for part, value in zip(self.parts, found, strict=True):
            if value is not None:
                fields[part.name] = value
            elif part.required:
                lost = [source for source in self.joins if not row.joined.get(source)]
                why = f"; no row of {', '.join(lost)} belongs to this one" if lost else ""
                raise Refused("missing_value", f"`{part.name}` is empty{why}")
        return contract.event(self.type, fields)


def make(rule: Rule, index: int, layout: Layout, mapping: Mapping, complain: Complain) -> Maker:
    """A rule for files with these columns.

    Args:
        rule: of the mapping.
        index: its place there.
        layout: columns of the file, and of the files it may be joined with.
        mapping: for numbers and times.
        complain: makes the error for a key.

    Raises:
        ConfigError: an unknown type, field, column, zone, format; a constant that no field of that name has.
    """
    here = f".event[{index}]"
    slots = _tried(complain, f"{here}.type", contract.slots, rule.type)
    for name in rule.fields:
        if name not in slots:
            fields = ", ".join(slots)
            raise complain(f"{here}.fields.{name}", f"a {rule.type} has no such field; it has {fields}")
    layout.joins.clear()
    specs: dict[str, Scalar | Value] = {"event_id": _own_id(rule, index), **rule.fields}
    parts = []
    for name, slot in slots.items():
        if name in specs:
            at = f"{here}.fields.{name}"
            for value in _stated(specs[name]):
                _tried(complain, at, contract.stated, slot, value)
            ready = _tried(complain, at, values.build, specs[name], slot.kind, layout, mapping)
            if ready.fold is not None and not rule.group:
                if slot.kind != "texts":
                    raise complain(at, "`collect` needs a `group`, or columns of a joined file")
                ready = values.Field(values.alone(ready.evaluate, ready.fold), None)
            parts.append(_Part(name, slot.required, ready))
        elif slot.required:
            raise complain(f"{here}.fields", f"`{name}` is missing: every {rule.type} has it")
    wanted = _tried(complain, f"{here}.where", wants, rule.where, layout, mapping)
    key = _tried(complain, f"{here}.group", _group_key, rule.group, layout) if rule.group else None
    repeat = None
    if rule.repeat is not None:
        spec = rule.repeat if isinstance(rule.repeat, Value) else Value(value=rule.repeat)
        repeat = _tried(complain, f"{here}.repeat", values.number, spec, layout, mapping)
    return Maker(rule.type, index, wanted, sorted(layout.joins), parts, key, repeat)


def _tried(complain: Complain, path: str, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return call(*args, **kwargs)
    except ValueError as error:
        raise complain(path, str(error)) from error


def _stated(spec: Scalar | Value) -> list[Scalar]:
    """Values that the mapping states outright: constants, and the meanings in a map."""
    if not isinstance(spec, Value):
        return [spec] if not (isinstance(spec, str) and "{" in spec) else []
    meant = [] if spec.map is None else list(spec.map.values())
    return meant + ([] if spec.otherwise is None else [spec.otherwise])


def _own_id(rule: Rule, index: int) -> str:
    """The id of events of a rule that names none: of the whole row, or of the group."""
    if rule.group:
        return f"{rule.type}-{index}-{{@group}}"
    return f"{rule.type}-{index}-{{@hash}}" + ("-{@n}" if rule.repeat is not None else "")


def _group_key(names: Sequence[str], layout: Layout) -> Get:
    columns = [layout.column(name) for name in names]
    return lambda row: "\x1f".join(column(row) for column in columns)


def _short_name(key: str) -> str:
    return xxh3_128_hexdigest(key.encode("utf-8", "surrogatepass"))[:24]
