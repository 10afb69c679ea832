"""Where in a TOML text each table and each key stands; asked only when a fault must be named."""

import tomllib
from collections import Counter
from typing import Any

__all__ = ["Path", "line_of", "places"]

Path = tuple[str | int, ...]
"""Of a key: `("rule", 1, "open")` is `open` of the second `[[rule]]`."""


def places(text: str) -> dict[Path, int]:
    """Line, from 1, of every heading and every key of a text that is TOML.

    The parser itself says where a statement ends: it is the first line with which it parses alone. So strings
    and arrays over many lines are no special case.
    """
    found: dict[Path, int] = {}
    here: Path = ()
    counts = Counter[Path]()
    statement, first = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        first = first if statement else number
        statement += line + "\n"
        try:
            parsed = tomllib.loads(statement)
        except ValueError:
            continue
        if statement.lstrip().startswith("["):
            here = _heading(parsed, counts)
            for n in range(1, len(here) + 1):
                found.setdefault(here[:n], first)
        else:
            _note(found, here, parsed, first)
        statement = ""
    return found


def line_of(found: dict[Path, int], path: Path) -> int:
    """Line of a key, or of the closest thing around it that has one."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path, 1)


def _heading(parsed: dict[str, Any], counts: Counter[Path]) -> Path:
    """Path of the table that a heading begins; an array of tables has a number more."""
    path: Path = ()
    inner: Any = parsed
    while inner:
        [(name, inner)] = inner.items()
        path = (*path, name)
        if isinstance(inner, list):
            counts[path] += 1
            inner = inner[0]
        if counts[path]:
            path = (*path, counts[path] - 1)
    return path


def _note(found: dict[Path, int], path: Path, value: object, line: int) -> None:
    if path not in found and path:
        found[path] = line
    if isinstance(value, dict):
        for name, inner in value.items():
            _note(found, (*path, name), inner, line)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if isinstance(inner, dict):
                _note(found, (*path, number), inner, line)
