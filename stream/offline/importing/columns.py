"""Names of columns to cells: templates, specials such as `{@line}`, columns of joined files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from stream.offline.importing.joins import Joined
from stream.offline.importing.row import Get, Row, Twins

__all__ = ["Layout", "Unknown"]

_PART = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


class Unknown(ValueError):
    """A template names what is not there; the message says what is."""


@dataclass(slots=True)
class Layout:
    """The columns of one file, and of the files that its rows can find rows in.

    Attributes:
        columns: of the file.
        empty: cells that mean nothing was said.
        others: files that its rows may look into, by name.
        twins: names rows without id.
        joins: joined files that were asked for so far.
    """

    columns: Sequence[str]
    empty: frozenset[str]
    others: dict[str, Joined] = field(default_factory=dict)
    twins: Twins = field(default_factory=Twins)
    joins: set[str] = field(default_factory=set)

    def column(self, name: str) -> Get:
        """Reads one column: of the file itself, or `source.column` of a joined one.

        Raises:
            Unknown: there is no such column; says which there are.
        """
        if name.startswith("@"):
            return self._special(name)
        empty = self.empty
        if name in self.columns:
            at = list(self.columns).index(name)

            def own(row: Row) -> str:
                cell = row.cells[at].strip()
                return "" if cell in empty else cell

            return own
        source, dot, rest = name.partition(".")
        if dot and source in self.others and rest in self.others[source].columns:
            self.joins.add(source)
            place = self.others[source].place(rest)

            def joined(row: Row) -> str:
                cells = row.current.get(source)
                cell = cells[place].strip() if cells else ""
                return "" if cell in empty else cell

            return joined
        raise Unknown(self._unknown(name))

    def template(self, text: str) -> Get:
        """Reads a template; empty if any of its columns is.

        Raises:
            Unknown: it names a column that is not there.
        """
        parts: list[str | Get] = []
        end = 0
        for found in _PART.finditer(text):
            parts.append(text[end : found.start()])
            parts.append(found[0][0] if found[1] is None else self.column(found[1]))
            end = found.end()
        parts.append(text[end:])
        steps = [part for part in parts if part != ""]
        if not any(callable(part) for part in steps):
            constant = "".join(part for part in steps if isinstance(part, str))
            return lambda _row: constant
        if len(steps) == 1 and callable(steps[0]):
            return steps[0]

        def joined(row: Row) -> str:
            texts = []
            for step in steps:
                piece = step if isinstance(step, str) else step(row)
                if not piece:
                    return ""
                texts.append(piece)
            return "".join(texts)

        return joined

    def joined_of(self, texts: Sequence[str]) -> str | None:
        """The joined file that templates speak of, None if they speak of none.

        Raises:
            Unknown: they speak of two.
        """
        names = {found[1] for text in texts for found in _PART.finditer(text) if found[1]}
        sources = {
            name.partition(".")[0]
            for name in names
            if name not in self.columns and name.partition(".")[0] in self.others
        }
        if len(sources) > 1:
            raise Unknown(f"speaks of two joined files at once: {', '.join(sorted(sources))}")
        return next(iter(sources), None)

    def _special(self, name: str) -> Get:
        twins = self.twins
        specials: dict[str, Get] = {
            "@line": lambda row: str(row.line),
            "@row": lambda row: str(row.number),
            "@n": lambda row: str(row.n),
            "@hash": twins.name,
            "@group": lambda row: row.group,
        }
        if name not in specials:
            raise Unknown(
                f"there is no {{{name}}}; there are {', '.join(f'{{{each}}}' for each in specials)}"
            )
        return specials[name]

    def _unknown(self, name: str) -> str:
        known = [
            *self.columns,
            *(f"{source}.{each}" for source, joined in self.others.items() for each in joined.columns),
        ]
        lower = {each.lower(): each for each in known}
        near = get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
        guess = f", did you mean {lower[near[0]]!r}?" if near else ""
        shown = ", ".join(known[:40]) + (", ..." if len(known) > 40 else "")
        return (
            f"there is no column {name!r}{guess} The columns are: {shown}"
            if guess
            else (f"there is no column {name!r}; the columns are: {shown}")
        )
