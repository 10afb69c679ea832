"""Which rows are wanted."""

import re
from collections.abc import Callable, Sequence

from stream.offline.importing.columns import Layout
from stream.offline.importing.mapping import Condition, Mapping, Scalar
from stream.offline.importing.numbers import Parse, parser
from stream.offline.importing.row import Refused, Row

__all__ = ["Wants", "wants"]

Wants = Callable[[Row], bool]
Test = Callable[[str], bool]


def wants(conditions: Sequence[Condition], layout: Layout, mapping: Mapping) -> Wants:
    """Whether all conditions hold for a row.

    The function it returns raises `Refused` if a number is asked for where there is none.

    Raises:
        ValueError: an unknown column.
    """
    parse = parser(mapping.numbers)
    asked = [
        (layout.column(condition.column), test)
        for condition in conditions
        for test in _tests(condition, parse)
    ]

    def wanted(row: Row) -> bool:
        return all(test(get(row)) for get, test in asked)

    return wanted


def _tests(condition: Condition, parse: Parse) -> list[Test]:
    tests: list[Test] = []
    if condition.empty is not None:
        tests.append(_is_empty(condition.empty))
    for values, wanted in (
        (_one(condition.equals), True),
        (_one(condition.not_equals), False),
        (condition.one_of, True),
        (condition.none_of, False),
    ):
        if values is not None:
            tests.append(_is_one_of(values, wanted, parse))
    for bound, holds in (
        (condition.above, float.__gt__),
        (condition.below, float.__lt__),
        (condition.at_least, float.__ge__),
        (condition.at_most, float.__le__),
    ):
        if bound is not None:
            tests.append(_compares(float(bound), holds, parse))
    for pattern, wanted in ((condition.matches, True), (condition.not_matches, False)):
        if pattern is not None:
            tests.append(_matches(pattern, wanted))
    return tests


def _one(value: Scalar | None) -> list[Scalar] | None:
    return None if value is None else [value]


def _is_empty(wanted: bool) -> Test:
    return lambda text: (not text) is wanted


def _is_one_of(values: Sequence[Scalar], wanted: bool, parse: Parse) -> Test:
    texts = {text for value in values for text in _spellings(value)}
    numbers = {
        float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)
    }

    def test(text: str) -> bool:
        return (text in texts or (bool(numbers) and _number(text, parse) in numbers)) is wanted

    return test


def _spellings(value: Scalar) -> tuple[str, ...]:
    text = str(value)
    return (text, text.lower(), text.upper()) if isinstance(value, bool) else (text,)


def _number(text: str, parse: Parse) -> float | None:
    try:
        return parse(text)
    except Refused:
        return None  # text is not equal to any number, and that is an answer


def _compares(bound: float, holds: Callable[[float, float], bool], parse: Parse) -> Test:
    return lambda text: bool(text) and holds(parse(text), bound)  # nothing is neither above nor below


def _matches(pattern: str, wanted: bool) -> Test:
    search = re.compile(pattern).search
    return lambda text: (search(text) is not None) is wanted
