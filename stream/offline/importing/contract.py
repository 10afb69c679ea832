"""The contract as the importer sees it: which fields an interaction has, and of what kind each is."""

import datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from schemas.interaction import EARLIEST, LATEST, TYPES, Event, Interaction
from stream.offline.importing.row import Refused

__all__ = ["Slot", "event", "slots", "stated"]


class Slot(NamedTuple):
    """One field of an interaction: its kind (see `values.build`), whether it must be there, its type."""

    kind: str
    required: bool
    type: inspect.Type


def slots(name: str) -> dict[str, Slot]:
    """The fields of an interaction type, in declared order.

    Raises:
        ValueError: there is no such type; says which there are.
    """
    if name not in TYPES:
        raise ValueError(f"there is no interaction {name!r}; there are {', '.join(TYPES)}")
    info = inspect.type_info(TYPES[name])
    assert isinstance(info, inspect.StructType)
    return {field.encode_name: Slot(_kind(field.type), field.required, field.type) for field in info.fields}


def _kind(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata():
            return _kind(kind.type)
        case inspect.UnionType():
            return next(_kind(part) for part in kind.types if not isinstance(part, inspect.NoneType))
        case inspect.FloatType():
            return "number"
        case inspect.IntType():
            return "integer"
        case inspect.BoolType():
            return "flag"
        case inspect.DateTimeType():
            return "time"
        case inspect.VarTupleType() | inspect.ListType():
            return "texts"
    return "text"


def stated(slot: Slot, value: object) -> None:
    """Check what a mapping states outright, a constant or the meaning in a map.

    Raises:
        ValueError: a field of this kind never has this value.
    """
    allowed = _literals(slot.type)
    if allowed and str(value) not in allowed:
        raise ValueError(f"{value!r} is none of {', '.join(allowed)}")


def _literals(kind: inspect.Type) -> list[str]:
    match kind:
        case inspect.LiteralType():
            return [str(value) for value in kind.values]
        case inspect.Metadata():
            return _literals(kind.type)
        case inspect.UnionType():
            return [value for part in kind.types for value in _literals(part)]
    return []


def event(name: str, fields: dict[str, Any]) -> Interaction:
    """An interaction of its fields, checked as if it had come over the wire.

    Raises:
        Refused: it breaks the contract; says which field and how.
    """
    occurred_at = fields.get("occurred_at")
    if isinstance(occurred_at, datetime.datetime):
        if occurred_at < EARLIEST:
            raise Refused("too_old", f"{occurred_at:%Y-%m-%d} is before {EARLIEST:%Y}")
        if occurred_at >= LATEST:
            raise Refused("too_future", f"{occurred_at:%Y-%m-%d} is not before {LATEST:%Y}")
    kind: type[Event] = TYPES[name]
    try:
        made: Interaction = msgspec.convert(fields, kind)  # type: ignore[assignment]  # of the union, by TYPES
    except msgspec.ValidationError as error:
        raise Refused("invalid_field", str(error)) from error
    return made
