"""How early alerts came of those who left in the horizon, where the day on which they left is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.offline.leadtime import Episode, lead_summary, lead_times
from stream.offline.origins import Origin
from stream.offline.panel import day_of
from stream.offline.timeline import Timeline, outcome
from stream.offline.truth import Truth

__all__ = ["Lead", "lead", "leavers"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Lead:
    """Lead times of those who left in the horizon.

    Attributes:
        source: how their day of leaving is known.
        days: of those warned of, from the first alert still open when they left to that day.
        summary: as `leadtime.lead_summary` has it.
    """

    source: str
    days: list[float]
    summary: dict[str, Any]


def leavers(timeline: Timeline, origin: Origin, horizon_days: int, truth: Sequence[Truth]) -> list[Truth]:
    """Who left in (origin, origin + horizon], and when: by the truth, or without one by the end of contracts.

    A buyer's last purchase is no day of leaving: nobody knows it then, and any alert would come too late.
    """
    end_ms = origin.known_ms + horizon_days * MS_PER_DAY
    if truth:
        start, end = _time(origin.known_ms), _time(end_ms)
        return [row for row in truth if row.churn_at is not None and start < row.churn_at <= end]
    found = outcome(timeline, origin.known_ms, horizon_days * MS_PER_DAY)
    end_day = day_of(end_ms)
    state = timeline.until(end_ms).contracts().state(end_day)
    left_s = np.where(state.ended_s > state.renewed_s, state.ended_s, state.term_end_s)
    left_ms = (left_s - 1) * 1000 + EPOCH_1990_MS
    gone = found.contractual & found.churned & (left_ms > origin.known_ms)
    return [
        Truth(timeline.keys[i].decode(), True, _time(int(left_ms[i])), "", None)
        for i in np.flatnonzero(gone).tolist()
    ]


def lead(alerts: Sequence[Episode], leaving: Sequence[Truth], *, from_truth: bool) -> Lead:
    """Lead times of those who left."""
    leads = lead_times(alerts, leaving)
    days = [each.lead_days for each in leads if each.lead_days == each.lead_days]
    source = "the truth file" if from_truth else "the end of contracts"
    return Lead(source, days, lead_summary(leads))


def _time(time_ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=time_ms)
