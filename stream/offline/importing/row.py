"""One row while it becomes events, and why one did not."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from xxhash import xxh3_128_hexdigest

__all__ = ["Cause", "Get", "Refused", "Row", "Twins"]

Cause = Literal[
    "ragged",
    "bad_csv",
    "bad_encoding",
    "missing_value",
    "not_a_number",
    "not_a_time",
    "not_in_map",
    "out_of_range",
    "invalid_field",
    "too_old",
    "too_future",
    "duplicate_id",
]
"""Why a row, or an event of it, is refused. Counted by these names."""


class Refused(Exception):
    """A row gives no event: a cause to count and a sentence for people."""

    def __init__(self, cause: Cause, detail: str) -> None:
        super().__init__(detail)
        self.cause: Cause = cause
        self.detail = detail


@dataclass(slots=True)
class Row:
    """Cells of one row, and where they stood.

    Attributes:
        cells: as in the file.
        line: of the file, from 1, on which it begins.
        number: of the row among the rows of its file, from 1.
        n: which of the events that a rule with `repeat` makes of it, from 0.
        digest: hash of the cells with the number of equal rows before; set when `{@hash}` is used.
        group: name of the group it belongs to, "" if there are none.
        current: cells of joined rows by source: the first found, or the one in turn.
        joined: all joined rows by source.
    """

    cells: list[str]
    line: int
    number: int
    n: int = 0
    digest: str = ""
    group: str = ""
    current: dict[str, list[str]] = field(default_factory=dict)
    joined: dict[str, list[list[str]]] = field(default_factory=dict)


Get = Callable[[Row], str]


class Twins:
    """Identity of rows that have none: a hash of all cells, and which of its equals a row is.

    Equal rows are interchangeable, so a file in another order gives the same set of identities. Some 100
    bytes per row are kept.
    """

    def __init__(self) -> None:
        self._seen: defaultdict[str, int] = defaultdict(int)

    def name(self, row: Row) -> str:
        """The identity of a row; the same when asked again for the same row."""
        if not row.digest:
            digest = xxh3_128_hexdigest("\x1f".join(row.cells).encode("utf-8", "surrogatepass"))[:24]
            count = self._seen[digest]
            self._seen[digest] = count + 1
            row.digest = f"{digest}-{count}" if count else digest
        return row.digest
