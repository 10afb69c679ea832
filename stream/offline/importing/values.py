"""What one field of an event is made of: templates and constants to text, numbers, times."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from stream.offline.importing import times
from stream.offline.importing.columns import Layout
from stream.offline.importing.folds import FOLDS, Fold
from stream.offline.importing.mapping import Mapping, Scalar, Value
from stream.offline.importing.numbers import Parse, exact, parser, whole
from stream.offline.importing.row import Get, Refused, Row

__all__ = ["Evaluate", "Field", "alone", "build", "number"]

Evaluate = Callable[[Row], Any]
"""The value of a row, None if nothing was said."""

ROUND: dict[str, Callable[[float], float]] = {
    "up": lambda value: float(math.ceil(value)),
    "down": lambda value: float(math.floor(value)),
    "nearest": lambda value: float(math.floor(value + 0.5)),
}


class Field(NamedTuple):
    """One field of an event, ready to be filled.

    Attributes:
        evaluate: the value of one row; of all joined rows if the fold is of a joined file.
        fold: for the rows of a group; None for the first row's value.
    """

    evaluate: Evaluate
    fold: Fold | None


def build(spec: Scalar | Value, kind: str, layout: Layout, mapping: Mapping) -> Field:
    """Make a field of its description.

    Args:
        spec: as in the mapping.
        kind: of the contract's field: "text", "number", "integer", "time", "flag" or "texts".
        layout: where columns lie.
        mapping: for how numbers and times are written.

    Raises:
        ValueError: an unknown column, zone or format, or a combination that means nothing.
    """
    value = _value(spec)
    fold = _fold(value, kind)
    inner = (fold.reads if fold is not None else None) or kind
    evaluate = _evaluator(value, inner, layout, mapping)
    source = layout.joined_of(_templates(value)) if fold is not None else None
    if fold is None or source is None:
        return Field(evaluate, fold)
    return Field(_over_joined(evaluate, source, fold), None)


def _value(spec: Scalar | Value) -> Value:
    return spec if isinstance(spec, Value) else Value(value=spec)


def _fold(value: Value, kind: str) -> Fold | None:
    if value.collect is None:
        if kind == "texts":
            raise ValueError('needs `collect` = "list" or "distinct": it holds several texts')
        return None
    fold = FOLDS["set" if kind == "texts" and value.collect == "distinct" else value.collect]
    if kind not in fold.kinds:
        raise ValueError(f'`collect` = "{value.collect}" does not give a {kind}')
    return fold


def _templates(value: Value) -> list[str]:
    origin: Sequence[Scalar] = value.product or ([] if value.value is None else [value.value])
    return [text for text in origin if isinstance(text, str)]


def _over_joined(evaluate: Evaluate, source: str, fold: Fold) -> Evaluate:
    def over(row: Row) -> object:
        rows, before = row.joined.get(source, ()), row.current.get(source)
        state: Any = None
        for cells in rows:
            row.current[source] = cells
            if (one := evaluate(row)) is not None:
                state = fold.add(state, one)
        if before is not None:
            row.current[source] = before
        return None if state is None else fold.done(state)

    return over


def alone(evaluate: Evaluate, fold: Fold) -> Evaluate:
    """The fold of the one value that a row has."""

    def one(row: Row) -> object:
        value = evaluate(row)
        return None if value is None else fold.done(fold.add(None, value))

    return one


def _evaluator(value: Value, kind: str, layout: Layout, mapping: Mapping) -> Evaluate:
    if kind not in ("number", "integer") and (
        value.product or value.running or value.round or (value.plus, value.scale) != (None, None)
    ):
        raise ValueError(f"`product`, `running`, `plus`, `scale`, `round` make numbers, and this is a {kind}")
    if kind != "time" and (value.shift or value.format or value.zone):
        raise ValueError(f"`shift`, `format` and `zone` make times, and this is a {kind}")
    match kind:
        case "number":
            return number(value, layout, mapping)
        case "integer":
            return _integer(number(value, layout, mapping))
        case "time":
            return _time(value, layout, mapping)
        case "flag":
            return _flag(_text(value, layout))
        case _:
            return _text(value, layout)


def _origin(value: Value, layout: Layout) -> Get:
    """Text of the value, its map applied; empty if nothing was said."""
    assert value.value is not None
    get = layout.template(_written(value.value))
    if value.default is not None:
        get = _or(get, _written(value.default))
    if value.map is None:
        return get
    known = {said: _written(meant) for said, meant in value.map.items()}
    otherwise = None if value.otherwise is None else _written(value.otherwise)

    def mapped(row: Row) -> str:
        text = get(row)
        if text in known:
            return known[text]
        if otherwise is not None:
            return otherwise
        if not text:
            return ""
        raise Refused("not_in_map", f"{text[:40]!r} is not in the map ({', '.join(list(known)[:10])})")

    return mapped


def _or(get: Get, default: str) -> Get:
    return lambda row: get(row) or default


def _written(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(value: Value, layout: Layout) -> Evaluate:
    get = _origin(value, layout)
    return lambda row: get(row) or None


def _flag(text: Evaluate) -> Evaluate:
    def flag(row: Row) -> bool | None:
        said = text(row)
        if said is None:
            return None
        if said.lower() in ("true", "1", "yes", "y"):
            return True
        if said.lower() in ("false", "0", "no", "n"):
            return False
        raise Refused("invalid_field", f"{said[:40]!r} is neither true nor false")

    return flag


def _integer(evaluate: Evaluate) -> Evaluate:
    def integer(row: Row) -> int | None:
        value = evaluate(row)
        return None if value is None else whole(value)

    return integer


def number(value: Value, layout: Layout, mapping: Mapping) -> Callable[[Row], float | None]:
    """Evaluates to a finite float; None if any of its parts was not said.

    Raises:
        ValueError: an unknown column.
    """
    parse = parser(mapping.numbers)
    factors = [_factor(part, layout, parse) for part in value.product] or [_single(value, layout, parse)]
    plus = None if value.plus is None else number(_value(value.plus), layout, mapping)
    scale = 1.0 if value.scale is None else value.scale
    rounded = ROUND[value.round] if value.round else None
    plain = len(factors) == 1 and plus is None and scale == 1.0 and rounded is None
    running = None if value.running is None else layout.column(value.running)
    sums: defaultdict[str, float] = defaultdict(float)

    def evaluate(row: Row) -> float | None:
        result: float = 1.0
        for factor in factors:
            part = factor(row)
            if part is None:
                return None
            result *= part
        if plain and running is None:
            return result
        if plus is not None:
            more = plus(row)
            if more is None:
                return None
            result += more
        result = exact(result * scale)
        if running is not None:
            key = running(row)
            result = sums[key] = exact(sums[key] + result)
        if rounded is not None:
            result = rounded(result)
        if not math.isfinite(result):
            raise Refused("not_a_number", "the product is not finite")
        return result

    return evaluate


def _single(value: Value, layout: Layout, parse: Parse) -> Callable[[Row], float | None]:
    if isinstance(value.value, int | float) and value.map is None:
        return _factor(value.value, layout, parse)
    return _parsed(_origin(value, layout), parse)


def _factor(part: str | float, layout: Layout, parse: Parse) -> Callable[[Row], float | None]:
    if not isinstance(part, str):
        constant = float(part)
        return lambda _row: constant
    return _parsed(layout.template(part), parse)


def _parsed(get: Get, parse: Parse) -> Callable[[Row], float | None]:
    def parsed(row: Row) -> float | None:
        text = get(row)
        return parse(text) if text else None

    return parsed


def _time(value: Value, layout: Layout, mapping: Mapping) -> Evaluate:
    text = _origin(value, layout)
    read = times.reader(value.format or mapping.times.format, value.zone or mapping.times.zone)
    moves = [(number(_value(shift.by), layout, mapping), shift.unit) for shift in value.shift]

    def time(row: Row) -> datetime | None:
        said = text(row)
        if not said:
            return None
        moment = read(said)
        if not moves:
            return moment
        steps = []
        for by, unit in moves:
            amount = by(row)
            if amount is None:
                return None
            steps.append(times.Move(amount, unit))
        return times.moved(moment, steps)

    return time
