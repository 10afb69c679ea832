"""CDNOW: real purchases of an online music shop, from the files inside the installed package `lifetimes`.

69,659 purchases of the 23,570 people who first bought in the first quarter of 1997, up to 1998-06-30 (the
"master" file), and the tenth of them on which the literature compares models (the "sample"). Fader & Hardie
published them. The package is looked up and never imported: nothing of it runs.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Literal, NamedTuple

from schemas.interaction import Purchase
from stream.errors import DataError

__all__ = ["LAST_DAY", "Name", "Sale", "interactions", "sales"]

Name = Literal["master", "sample"]

LAST_DAY = date(1998, 6, 30)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
N_LINES = {"master": 69_659, "sample": 6_919}
N_FIELDS = {"master": 4, "sample": 5}  # the sample names the customer twice: as in the master, and 1-2,357
NOON = timedelta(hours=12)


class Sale(NamedTuple):
    """One line of the file: `amount` in USD, may be 0; `line` counts from 1 and tells equal lines apart."""

    customer: str
    day: date
    items: int
    amount: float
    line: int


def sales(name: Name = "master") -> list[Sale]:
    """Every purchase, by day, then as in the file.

    Raises:
        DataError: the package is not installed, or its file is not the known one.
    """
    path = _file(name)
    try:
        lines = path.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path.name} of lifetimes: {error}", hint="make setup") from error
    if name == "master":
        lines = lines[1:]  # the sample has no heading
    found = [_sale(path.name, number, line, N_FIELDS[name]) for number, line in enumerate(lines, start=1)]
    if len(found) != N_LINES[name]:
        raise DataError(
            f"{path.name} of lifetimes has {len(found)} purchases, not {N_LINES[name]}", hint="make setup"
        )
    return sorted(found, key=lambda sale: (sale.day, sale.line))


def interactions(last_ms: int | None = None, name: Name = "master") -> Iterator[Purchase]:
    """The purchases as interactions in the order of time.

    All are at noon UTC of their day, because the file knows days only; `last_ms` moves them all by the same
    amount, so that distances in days stay as they were.

    Args:
        last_ms: epoch ms of the last purchase; None leaves the real dates.
        name: which file.
    """
    last = _noon(LAST_DAY)
    shift = timedelta(0) if last_ms is None else timedelta(milliseconds=last_ms) - (last - EPOCH)
    for sale in sales(name):
        yield Purchase(
            event_id=f"cdnow-{sale.customer}-{sale.line}",
            customer_id=f"cdnow-{sale.customer}",
            occurred_at=_noon(sale.day) + shift,
            amount=sale.amount,
            currency="USD",
            items=sale.items,
        )


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + NOON


def _file(name: Name) -> Path:
    try:
        package = distribution("lifetimes")
    except PackageNotFoundError as error:
        raise DataError(
            "CDNOW is not there: it comes with the package lifetimes, which is not installed",
            hint="make setup",
        ) from error
    return Path(str(package.locate_file(f"lifetimes/datasets/CDNOW_{name}.txt")))


def _sale(file: str, number: int, line: str, n_fields: int) -> Sale:
    fields = line.split()
    try:
        if len(fields) != n_fields:
            raise ValueError(f"{len(fields)} fields, not {n_fields}")
        customer, day, items, amount = fields[0], *fields[-3:]
        return Sale(customer, date.fromisoformat(day), int(items), float(amount), number)
    except ValueError as error:
        raise DataError(f"{file} line {number}: {error}", hint="make setup") from error
