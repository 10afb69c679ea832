"""The tables of a mapping: how rows become interactions. `mapping_file.py` reads them from TOML.

Terms:
    a template is text with columns in braces, `"shop-{InvoiceNo}"`; text without braces is a constant. A
    template in which any column is empty is itself empty: an optional field is then left out, a required one
    missing.
"""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

__all__ = ["EMPTY", "Condition", "Mapping", "Numbers", "Rule", "Scalar", "Shift", "Source", "Value"]

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
