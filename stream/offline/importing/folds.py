"""How the values of several rows become one. Sums do not depend on the order of rows (`numbers.exact`)."""

from collections.abc import Callable
from typing import Any, NamedTuple

from stream.offline.importing.numbers import exact

__all__ = ["FOLDS", "Fold"]


State = Any
"""What a fold remembers, and what it adds: as many types as there are folds."""


class Fold(NamedTuple):
    """Adds values one by one.

    Attributes:
        add: (state, value) -> state; the state is None before the first value, and values are never None.
        done: state -> the value of all.
        kinds: of fields it can fill: "text", "number", "integer", "time", "texts".
        reads: kind of the single values; None for the field's own.
    """

    add: Callable[[Any, Any], Any]
    done: Callable[[Any], Any]
    kinds: frozenset[str]
    reads: str | None = None


def _same(state: State) -> State:
    return state


def _tidy(state: State) -> State:
    return state if isinstance(state, int) else exact(state)


def _collected(state: set[Any] | None, value: State) -> set[Any]:
    if state is None:
        return {value}
    state.add(value)
    return state


def _listed(state: list[Any] | None, value: State) -> list[Any]:
    if state is None:
        return [value]
    state.append(value)
    return state


def _averaged(state: tuple[float, int] | None, value: float) -> tuple[float, int]:
    total, n = state or (0.0, 0)
    return total + value, n + 1


_ALL = frozenset({"text", "number", "integer", "time", "flag"})
_ORDERED = frozenset({"text", "number", "integer", "time"})
_NUMERIC = frozenset({"number", "integer"})

FOLDS: dict[str, Fold] = {
    "first": Fold(lambda state, value: value if state is None else state, _same, _ALL),
    "last": Fold(lambda _state, value: value, _same, _ALL),
    "sum": Fold(lambda state, value: value if state is None else state + value, _tidy, _NUMERIC),
    "mean": Fold(_averaged, lambda state: exact(state[0] / state[1]), frozenset({"number"})),
    "min": Fold(lambda state, value: value if state is None else min(state, value), _same, _ORDERED),
    "max": Fold(lambda state, value: value if state is None else max(state, value), _same, _ORDERED),
    "count": Fold(lambda state, _value: (state or 0) + 1, _same, _NUMERIC, "text"),
    "distinct": Fold(_collected, len, _NUMERIC, "text"),
    "list": Fold(_listed, tuple, frozenset({"texts"}), "text"),
    "set": Fold(_collected, lambda state: tuple(sorted(state)), frozenset({"texts"}), "text"),
}
"""By the word of `collect`. "set" is what "distinct" means for a field that holds several texts."""
