"""The mapping file: how rows become interactions. Read from TOML, refused with key, line and reason.

Terms:
    a template is text with columns in braces, `"shop-{InvoiceNo}"`; text without braces is a constant. A
    template in which any column is empty is itself empty: an optional field is then left out, a required one
    missing.
"""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from stream.errors import ConfigError

__all__ = ["EMPTY", "Condition", "Mapping", "Rule", "Scalar", "Shift", "Source", "Value", "load", "shipped"]

SHIPPED = Path(__file__).parents[1] / "mappings"

EMPTY = ("", "NULL", "null", "NaN", "nan", "NA", "N/A", "None", "\\N")
"""What other systems write for nothing; `empty` of a source replaces the list."""

Scalar = str | int | float | bool


class _Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the mapping; a misspelt key is an error."""


class Condition(_Table, frozen=True):
    """A row is wanted if all that is given here holds. Numbers are compared as numbers, the rest as text."""

    column: str
    equals: Scalar | None = None
    not_equals: Scalar | None = None
    one_of: list[Scalar] | None = msgspec.field(default=None, name="in")
    none_of: list[Scalar] | None = msgspec.field(default=None, name="not_in")
    empty: bool | None = None
    above: float | None = None
    below: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    matches: str | None = None
    not_matches: str | None = None

    def __post_init__(self) -> None:
        """A condition must ask something, and its patterns must be patterns."""
        asked = [name for name in self.__struct_fields__[1:] if getattr(self, name) is not None]
        if not asked:
            raise ValueError("asks nothing: give equals, in, empty, above, below, matches ...")
        for pattern in (self.matches, self.not_matches):
            if pattern is not None:
                _pattern(pattern)


def _pattern(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from error


class Source(_Table, frozen=True):
    """How files are written. In `[files.NAME]` for some of them, in `[csv]` for all that say nothing else.

    Attributes:
        match: file names this is about, with `*` and `?`.
        delimiter: between fields; "whitespace" for columns held apart by blanks.
        quote: around fields that hold delimiters; "" if there is no such thing.
        encoding: as Python names it.
        header: whether the first row names the columns.
        columns: names of the columns, in place of the header's or where there is none.
        rename: other names that columns of the header may have, each with the name that rules use.
        skip: lines before the header.
        empty: cells that mean nothing was said (blanks around them are taken off).
        key: column by which rows of other files find rows of this one.
        where: rows that exist at all.
    """

    match: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    encoding: str | None = None
    header: bool | None = None
    columns: list[str] | None = None
    rename: dict[str, str] | None = None
    skip: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    empty: list[str] | None = None
    key: str | None = None
    where: list[Condition] = []

    def __post_init__(self) -> None:
        """One character between fields, one around them, an encoding that exists."""
        if self.delimiter is not None and self.delimiter != "whitespace" and len(self.delimiter) != 1:
            raise ValueError('`delimiter` is one character, "\\t" for a tab, or "whitespace"')
        if self.quote is not None and len(self.quote) > 1:
            raise ValueError("`quote` is one character, or empty for none")
        if self.encoding is not None:
            try:
                "".encode(self.encoding)
            except LookupError as error:
                raise ValueError(f"there is no encoding {self.encoding!r}") from error
        if self.columns is not None and len(set(self.columns)) < len(self.columns):
            raise ValueError("`columns` names a column twice")


class Numbers(_Table, frozen=True):
    """How numbers are written: `1.234,50 EUR` has decimal ",", thousands "." and remove "EUR "."""

    decimal: str = "."
    thousands: str = ""
    remove: str = ""

    def __post_init__(self) -> None:
        """The marks can be told apart."""
        if len(self.decimal) != 1 or len(self.thousands) > 1 or self.decimal == self.thousands:
            raise ValueError("`decimal` and `thousands` are one character each, and not the same")


class Times(_Table, frozen=True):
    """How times are written, unless a value says otherwise.

    Attributes:
        format: "iso", "epoch_s", "epoch_ms", "excel" (days since 1899-12-30), or as in `strptime`; of several
            the first that reads a time counts.
        zone: where times without a zone are meant, as in the tz database.
    """

    format: str | list[str] = "iso"
    zone: str = "UTC"


class Shift(_Table, frozen=True):
    """Moves a time by so many units; months keep the day of the month where they can."""

    by: "Scalar | Value"
    unit: Literal["seconds", "minutes", "hours", "days", "weeks", "months", "years"] = "days"


class Value(_Table, frozen=True):
    """What a field is made of, when a template does not say enough.

    Attributes:
        value: a template or constant.
        default: stands for what is empty.
        product: templates and numbers to be multiplied, in place of `value`.
        running: column; the number is added up over the rows with equal values there, this row included.
        map: what stands for what; a value that is not in it is refused unless `otherwise` is given.
        otherwise: stands for all that `map` does not know.
        plus: added to the number, before it is scaled.
        scale: the number is multiplied by it, -1 to turn a sign.
        round: a number to a whole one.
        format: of a time, as in `[times]`.
        zone: of a time without one, as in `[times]`.
        shift: moves a time.
        collect: how the values of several rows (a group, or a file joined by its key) become one; by default
            that of the first row.
    """

    value: Scalar | None = None
    default: Scalar | None = None
    product: list[str | float] = []
    running: str | None = None
    map: dict[str, Scalar] | None = None
    otherwise: Scalar | None = None
    plus: "str | float | Value | None" = None
    scale: float | None = None
    round: Literal["up", "down", "nearest"] | None = None
    format: str | list[str] | None = None
    zone: str | None = None
    shift: list[Shift] = []
    collect: Literal["first", "last", "sum", "count", "distinct", "list", "min", "max", "mean"] | None = None

    def __post_init__(self) -> None:
        """Exactly one origin of the value."""
        if (self.value is None) != bool(self.product):
            raise ValueError("give either `value` or `product`")
        if self.otherwise is not None and self.map is None:
            raise ValueError("`otherwise` needs a `map`")
        if self.default is not None and self.product:
            raise ValueError("`default` is of a `value`")


class Rule(_Table, frozen=True):
    """Makes one event of each wanted row, or of each group of rows.

    Attributes:
        type: of the interaction.
        source: name of the file's entry in `[files]`, or several; every file if absent.
        where: rows that are wanted; all of it must hold.
        group: columns; rows with equal values there become one event.
        repeat: so many events per row; `{@n}` counts them from 0.
        fields: the event's fields; without `event_id` it is `{@hash}`.
    """

    type: str
    fields: dict[str, Scalar | Value]
    source: str | list[str] | None = msgspec.field(default=None, name="from")
    where: list[Condition] = []
    group: list[str] = []
    repeat: str | int | Value | None = None

    def __post_init__(self) -> None:
        """A group is one event."""
        if self.group and self.repeat is not None:
            raise ValueError("`group` makes one event of several rows, `repeat` several of one: not both")

    @property
    def sources(self) -> list[str] | None:
        """Names of files, None for all."""
        return [self.source] if isinstance(self.source, str) else self.source


class Mapping(_Table, frozen=True):
    """A whole mapping file."""

    event: Annotated[list[Rule], Meta(min_length=1)]
    about: str = ""
    csv: Source = Source()
    files: dict[str, Source] = {}
    numbers: Numbers = Numbers()
    times: Times = Times()


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
