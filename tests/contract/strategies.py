"""Hypothesis strategies read off the structs, so that a new field is drawn from the day it is declared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=9)), timezone(timedelta(hours=-3, minutes=-30))])
TIMES = st.datetimes(datetime(1970, 1, 2), datetime(2150, 1, 1), timezones=ZONES)  # noqa: DTZ001 (zones are drawn)
SEGMENTS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=16)


def field(kind: inspect.Type) -> st.SearchStrategy[Any]:
    """Values of one field type, over all that its bounds allow."""
    match kind:
        case inspect.Metadata():
            return field(kind.type)
        case inspect.UnionType():
            return st.one_of([field(part) for part in kind.types])
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType():
            return st.sampled_from(kind.values)
        case inspect.IntType():
            return st.integers(kind.ge, kind.le)
        case inspect.FloatType():
            return st.floats(kind.ge, kind.le)
        case inspect.DateTimeType():
            return TIMES
        case inspect.StrType(pattern=None):
            return st.text(min_size=kind.min_length or 0, max_size=kind.max_length)
        case inspect.StrType():
            return SEGMENTS
        case inspect.ListType() | inspect.VarTupleType():
            several = st.lists(field(kind.item_type), max_size=4)
            return several if isinstance(kind, inspect.ListType) else several.map(tuple)
        case inspect.StructType():
            return struct(kind.cls)
    raise NotImplementedError(kind)


def struct(cls: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Structs of one class, cross-field rules kept."""
    info = inspect.type_info(cls)
    assert isinstance(info, inspect.StructType)
    arguments = st.fixed_dictionaries({part.name: field(part.type) for part in info.fields})
    return arguments.map(lambda drawn: _built(cls, drawn)).filter(lambda built: built is not None)


def _built(cls: type[msgspec.Struct], arguments: dict[str, Any]) -> msgspec.Struct | None:
    if arguments.get("customer_id", "c") < " ":  # what decoders refuse
        return None
    try:
        return cls(**arguments)
    except ValueError:  # a cross-field rule
        return None
