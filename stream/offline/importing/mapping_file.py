"""Mapping files: read by name or path, refused with the line, the key and the reason."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from stream.errors import ConfigError
from stream.offline.importing.mapping import Mapping, Scalar, Source, Value

__all__ = ["complaint", "line_of", "load", "parse", "shipped"]

SHIPPED = Path(__file__).parents[1] / "mappings"


def shipped() -> list[str]:
    """Names of the mappings that come with the package."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load(name: str) -> tuple[Mapping, str, str]:
    """A mapping by its shipped name or its path: (mapping, its text, its path).

    Raises:
        ConfigError: it is not there, or not a mapping; says where.
    """
    path = SHIPPED / f"{name}.toml" if name in shipped() else Path(name)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot read the mapping {name}: {error.strerror}",
            hint=f"give a TOML file, or the name of a shipped mapping: {', '.join(shipped())}",
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the mapping {name} is not UTF-8 text", hint="save it as UTF-8") from error
    return parse(text, str(path)), text, str(path)


def parse(text: str, source: str) -> Mapping:
    """A mapping from TOML text.

    Raises:
        ConfigError: with the line, the key and the reason.
    """
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source}: not TOML: {error}", hint="mend the line that is named") from error
    try:
        return msgspec.convert(raw, Mapping)
    except msgspec.ValidationError as error:
        path, reason = _precise(raw, *_parts(error))
        raise complaint(text, source, path, reason) from error


def _parts(error: msgspec.ValidationError) -> tuple[str, str]:
    """Path of the key, and what is wrong with it."""
    reason, _, path = str(error).partition(" - at `")
    path = path.rstrip("`").removeprefix("$")
    unknown = re.fullmatch(r"Object contains unknown field `(.+)`", reason)
    return (f"{path}.{unknown[1]}", "there is no such key") if unknown else (path, reason)


def _precise(raw: dict[str, Any], path: str, reason: str) -> tuple[str, str]:
    """The path with the name of the entry where msgspec says only that it is one of a table's."""
    before, of_many, _ = path.partition("[...]")
    if not of_many:
        return path, reason
    table: Any = raw
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", before):
        table = table[name] if name else table[int(index)]
    for name, entry in table.items():
        try:
            msgspec.convert(entry, Source if before == ".files" else Scalar | Value)
        except msgspec.ValidationError as error:
            rest, why = _parts(error)
            return f"{before}.{name}{rest}", why
    return path, reason


def complaint(text: str, source: str, path: str, reason: str) -> ConfigError:
    """An error about one key of a mapping, with its line.

    Args:
        text: of the mapping.
        source: its name.
        path: of the key, `.event[0].fields.amount`.
        reason: what is wrong with it.
    """
    line = line_of(text, path)
    where = f"{source} line {line}" if line else source
    return ConfigError(
        f"{where}, {path.lstrip('.') or 'the mapping'}: {reason}",
        hint="mend this key; the README of stream/offline/importing lists all keys with examples",
    )


def line_of(text: str, path: str) -> int:
    """The line (from 1) on which the key of a path stands, or its nearest table; 0 if it is not found."""
    lines = text.splitlines()
    at = 0
    found = 0
    for name, index in re.findall(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]", path):
        if index:
            continue
        number = _number_after(path, name)
        headers = [
            i for i, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{re.escape(name)}\s*\]\]", line)
        ]
        if headers and number is not None and number < len(headers):
            at = found = headers[number]
            continue
        key = re.compile(
            rf"""(\s*\[[\w."' -]*\b{re.escape(name)}["']?\s*\]|.*["']?\b{re.escape(name)}["']?\s*=)"""
        )
        here = next((i for i in range(at, len(lines)) if key.match(lines[i])), None)
        if here is not None:
            at = found = here
    return found + 1 if lines and (found or path) else 0


def _number_after(path: str, name: str) -> int | None:
    match = re.search(rf"{re.escape(name)}\[(\d+)\]", path)
    return int(match[1]) if match else None
