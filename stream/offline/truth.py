"""The truth file: what became of every invented customer, one line each."""

import csv
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from stream.errors import DataError
from stream.pipeline.times import to_ms

__all__ = ["HEADING", "Truth", "read_truth", "truth_csv"]

HEADING = ["customer_id", "churned", "churn_at", "cause", "dissatisfied_at"]
"""Columns; others may follow and are ignored."""


class Truth(NamedTuple):
    """What became of one customer.

    Attributes:
        customer_id: `gen-` and a number: never mistaken for a real one.
        churned: left within the history.
        churn_at: from then on it did nothing more; None if it stayed.
        cause: key of `trouble.TROUBLES` if it got into trouble, whether it left or stayed; else
            `generate.UNPLANTED` if it left, "" if it stayed. Who drifts away after trouble that it had
            forgiven is `UNPLANTED` too.
        dissatisfied_at: when its trouble began; None if it had none.
    """

    customer_id: str
    churned: bool
    churn_at: datetime | None
    cause: str
    dissatisfied_at: datetime | None = None

    @property
    def churn_ms(self) -> int | None:
        """`churn_at` in epoch ms."""
        return None if self.churn_at is None else to_ms(self.churn_at)


def truth_csv(truth: Iterable[Truth]) -> Iterator[str]:
    """Lines of the truth file, heading first."""
    yield ",".join(HEADING) + "\n"
    for row in truth:
        yield (
            f"{row.customer_id},{int(row.churned)},{_text(row.churn_at)},{row.cause},"
            f"{_text(row.dissatisfied_at)}\n"
        )


def read_truth(path: Path) -> list[Truth]:
    """Inverse of `truth_csv`; a file of somebody else needs `customer_id`, `churned` and `churn_at` only.

    Raises:
        DataError: it cannot be read, or a line is not what it claims to be; with the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = [name for name in HEADING[:3] if name not in (rows.fieldnames or ())]
            if missing:
                raise _fault(path, 1, f"the column {missing[0]!r} is missing")
            found: dict[str, Truth] = {}
            for row in rows:
                truth = _truth(path, rows.line_num, row)
                if truth.customer_id in found:
                    raise _fault(path, rows.line_num, f"{truth.customer_id} occurs twice")
                found[truth.customer_id] = truth
            return list(found.values())
    except UnicodeDecodeError as error:
        raise _fault(path, 1, "it is not UTF-8 text") from error
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}",
            hint="`kizuna generate` writes the truth beside its events; name another file with --truth",
        ) from error


def _truth(path: Path, line: int, row: dict[str, str]) -> Truth:
    churned = row["churned"]
    try:
        left, unhappy = _time(row["churn_at"]), _time(row.get("dissatisfied_at"))
    except ValueError as error:
        raise _fault(path, line, str(error)) from error
    if churned not in ("0", "1") or (churned == "1") != (left is not None):
        raise _fault(path, line, f"churned is {churned!r} and churn_at {row['churn_at']!r}")
    return Truth(row["customer_id"], churned == "1", left, row.get("cause") or "", unhappy)


def _fault(path: Path, line: int, reason: str) -> DataError:
    return DataError(f"{path}:{line}: {reason}", hint=f"expected is a CSV file with {','.join(HEADING)}")


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return time


def _text(time: datetime | None) -> str:
    return "" if time is None else time.isoformat().replace("+00:00", "Z")
