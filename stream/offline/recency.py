"""The rule everybody has: an alert when the last purchase is too long ago. What ours must beat.

Two forms: so many days for everybody, and a multiple of the customer's own usual gap. The threshold is set
so that it raises as many alerts as it is compared with.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from schemas.codec import DECODE_ERRORS, decode_interaction
from schemas.interaction import Payment, Purchase
from stream.model.columns import Floats
from stream.offline.leadtime import DAY_MS, Episode
from stream.pipeline import FileRecord
from stream.pipeline.decode import EARLIEST_MS, LAST_MS

__all__ = ["Gaps", "PaidDays", "rule"]

USUAL_GAPS = 2  # gaps a customer must have had before anybody knows what is usual


class PaidDays:
    """Days on which each customer paid: purchases, and charges of a contract that went through.

    Taken from the records as they pass; several payments of a day are one, so a duplicate changes nothing.

    Args:
        latest_ms: later events are refused where they are scored, and do not count here.
    """

    def __init__(self, latest_ms: int) -> None:
        self._latest_ms = min(latest_ms, LAST_MS)
        self._days: dict[bytes, set[int]] = defaultdict(set)
        self.first_ms: dict[bytes, int] = {}
        self.last_ms = 0

    def see(self, records: Iterable[FileRecord]) -> Iterable[FileRecord]:
        """The records, unchanged; what is refused where it is scored counts for nothing here."""
        for record in records:
            if EARLIEST_MS <= record.timestamp <= self._latest_ms and record.key and record.value:
                self._take(record.key, record.timestamp, record.value)
            yield record

    def _take(self, key: bytes, time_ms: int, value: bytes) -> None:
        try:
            event = decode_interaction(value)
        except DECODE_ERRORS:
            return
        self.first_ms[key] = min(time_ms, self.first_ms.get(key, time_ms))
        if isinstance(event, Purchase) or (isinstance(event, Payment) and event.status == "succeeded"):
            self._days[key].add(time_ms // DAY_MS)

    def gaps(self, customers: Iterable[str], end_ms: int) -> "Gaps":
        """Every gap between two paid days of these customers; the last one runs to the end of the history."""
        found: list[tuple[str, int, float, float, bool]] = []
        for customer in customers:
            days = np.array(sorted(self._days.get(customer.encode(), ())), np.float64)
            days = days[days * DAY_MS <= end_ms]
            if not len(days):
                continue
            lengths = np.diff(days)
            for i, day in enumerate(days):
                usual = float(lengths[:i].mean()) if i >= USUAL_GAPS else float("nan")
                length = lengths[i] if i < len(lengths) else end_ms / DAY_MS - day
                found.append((customer, int(day) * DAY_MS, float(length), usual, i == len(lengths)))
        names, starts, length, usual_gap, running = zip(*found, strict=True) if found else ((),) * 5
        return Gaps(list(names), np.array(starts, np.int64), np.array(length, np.float64),
                    np.array(usual_gap, np.float64), np.array(running, np.bool_))  # fmt: skip


class Gaps(NamedTuple):
    """n gaps between paid days.

    Attributes:
        customer_id: (n,) whose.
        start_ms: (n,) the paid day before it.
        days: (n,) how long it was.
        usual: (n,) mean of the customer's gaps before it, days; nan before the third paid day.
        running: (n,) not over at the end of the history.
    """

    customer_id: list[str]
    start_ms: np.ndarray[tuple[int], np.dtype[np.int64]]
    days: Floats
    usual: Floats
    running: np.ndarray[tuple[int], np.dtype[np.bool_]]


def rule(gaps: Gaps, n_alerts: int, *, of_usual: bool) -> tuple[float, list[Episode]]:
    """The recency rule that raises about `n_alerts` alerts.

    Args:
        gaps: of the history.
        n_alerts: how many alerts to raise; ties may make it a few less.
        of_usual: the threshold is a multiple of the usual gap, not a number of days.

    Returns:
        (threshold, alert log): days or a multiple; an alert opens when a gap exceeds it and is over with the
        next payment.
    """
    size = gaps.days / np.maximum(gaps.usual, 1.0) if of_usual else gaps.days
    known = np.sort(size[~np.isnan(size)])[::-1]
    threshold = float(known[n_alerts]) if n_alerts < len(known) else 0.0
    name = "usual_gap" if of_usual else "recency"
    log = []
    for i in np.flatnonzero(size > threshold).tolist():
        days = threshold * max(float(gaps.usual[i]), 1.0) if of_usual else threshold
        closed = None if gaps.running[i] else int(gaps.start_ms[i]) + round(gaps.days[i] * DAY_MS)
        log.append(
            Episode(gaps.customer_id[i], name, "error", int(gaps.start_ms[i]) + round(days * DAY_MS), closed)
        )
    return threshold, log
