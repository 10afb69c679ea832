"""Parameter files as text: written so that they load again exactly, and searched for the line of a fault."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

__all__ = ["line_of", "render"]

HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]\s*(?:#.*)?\Z")
KEY = re.compile(r"\s*([A-Za-z0-9_.\-\s\"']+?)\s*=")
PATH = re.compile(r"`\$((?:\.[^`.\[\]]+)*)[^`]*`\Z")
FIELD = re.compile(r"field `([^`]+)`")


def render(value: msgspec.Struct, comments: Sequence[str] = ()) -> str:
    """A struct of numbers and tables as TOML, every number to its last digit; `comments` come first."""
    tables: dict[str, Any] = msgspec.to_builtins(value)
    lines = [f"# {comment}".rstrip() for comment in comments]
    for name, table in tables.items():
        lines += _table(name, table)
    return "\n".join(lines) + "\n"


def _table(path: str, table: dict[str, Any]) -> list[str]:
    values = [f"{name} = {_number(value)}" for name, value in table.items() if not isinstance(value, dict)]
    lines = ["", f"[{path}]", *values] if values else []
    for name, value in table.items():
        if isinstance(value, dict):
            lines += _table(f"{path}.{name}", value)
    return lines


def _number(value: float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)


def line_of(text: str, fault: str) -> int | None:
    """Number of the line that a decoder's message speaks of, from 1; None if the message names no place.

    Args:
        text: the file.
        fault: the message; its end names a path, `$.churn.mbg.r` for example, and it may name a field there.
    """
    found = PATH.search(fault)
    if found is None:
        return None
    path = [part for part in found[1].split(".") if part]
    field = FIELD.search(fault)
    wanted = [*path, field[1]] if field else path
    best, line = 0, None
    for number, keys in _places(text):
        if keys == wanted[: len(keys)] and len(keys) > best:
            best, line = len(keys), number
    return line


def _places(text: str) -> list[tuple[int, list[str]]]:
    """(line, path) of every table's heading and every key."""
    table: list[str] = []
    places = []
    for number, line in enumerate(text.splitlines(), start=1):
        if header := HEADER.match(line):
            table = _parts(header[1])
            places.append((number, table))
        elif key := KEY.match(line):
            places.append((number, [*table, *_parts(key[1])]))
    return places


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]
