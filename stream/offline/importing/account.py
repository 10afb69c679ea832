"""What became of every row: counted, and if refused written down with its cause."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import orjson

from stream.offline.importing.row import Refused

__all__ = ["Account", "Currencies", "Rejects"]

SHOWN = 3


@dataclass(slots=True)
class Account:
    """The account of an import. Rows read = used + unwanted + refused.

    Attributes:
        n_rows: rows read, without headers and blank lines.
        n_used: rows of which an event, or a part of one, was made, or into which other files may look.
        n_unwanted: rows that the mapping's conditions leave out.
        n_refused: rows of which nothing could be made.
        n_events: written.
        types: events written, by type.
        causes: refusals by cause; a row may be refused by one rule and used by another.
        first: the first refusals, as in the file of rejects.
        first_ms: time of the first event written, None without events.
        last_ms: time of the last one.
        n_several_currencies: customers with amounts in more than one currency.
    """

    n_rows: int = 0
    n_used: int = 0
    n_unwanted: int = 0
    n_refused: int = 0
    n_events: int = 0
    types: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    first: list[dict[str, Any]] = field(default_factory=list)
    first_ms: int | None = None
    last_ms: int | None = None
    n_several_currencies: int = 0


class Rejects:
    """Writes down refusals, one JSON object per line, and counts them."""

    def __init__(self, file: BinaryIO, account: Account) -> None:
        self._file = file
        self._account = account

    def add(
        self, name: str, line: int, rule: int | None, why: Refused, row: dict[str, str] | list[str]
    ) -> None:
        """One refusal.

        Args:
            name: of the file.
            line: on which the row begins.
            rule: that refused it, from 0; None if the row is none.
            why: cause and detail.
            row: its cells by column, or as far as they could be told apart.
        """
        entry = {
            "file": name,
            "line": line,
            "event": rule,
            "cause": why.cause,
            "detail": why.detail,
            "row": row,
        }
        self._file.write(orjson.dumps(entry, default=str) + b"\n")
        self._account.causes[why.cause] += 1
        if len(self._account.first) < SHOWN:
            self._account.first.append(entry)


class Currencies:
    """Customers with amounts in several currencies: amounts are added as they are, so people must be told."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._several: set[str] = set()

    def see(self, customer_id: str, currency: str) -> None:
        """Another amount."""
        if self._first.setdefault(customer_id, currency) != currency:
            self._several.add(customer_id)

    def __len__(self) -> int:
        return len(self._several)
