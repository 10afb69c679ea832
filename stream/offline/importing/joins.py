"""Files that are looked into: all rows with a key, of the columns that somebody asks for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from stream.offline.importing.row import Refused, Row
from stream.offline.importing.source import Bad

__all__ = ["Joined"]


@dataclass(slots=True)
class Joined:
    """One `[files]` entry with a key, as the rows of other files see it.

    Attributes:
        columns: of its files.
        key: the column by which its rows are found.
        asked: columns that rules ask for, each with its place in the rows kept; complete before rows come.
        rows: what is kept, by key, in the order of the file.
        left_out: keys of rows that its conditions leave out.
    """

    columns: Sequence[str]
    key: str
    asked: dict[str, int] = field(default_factory=dict)
    rows: dict[str, list[list[str]]] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    def place(self, column: str) -> int:
        """Where a column stands in the rows kept; asking for it has it kept."""
        return self.asked.setdefault(column, len(self.asked))

    def add(self, found: Iterable[Row | Bad], exists: Callable[[Row], bool]) -> None:
        """Keep the rows of one file. What cannot be read is refused when the file itself has its turn."""
        at = list(self.columns).index(self.key)
        kept = [list(self.columns).index(column) for column in self.asked]
        for row in found:
            if isinstance(row, Bad):
                continue
            key = row.cells[at].strip()
            try:
                wanted = exists(row)
            except Refused:
                continue
            if wanted:
                self.rows.setdefault(key, []).append([row.cells[place] for place in kept])
            else:
                self.left_out.add(key)
