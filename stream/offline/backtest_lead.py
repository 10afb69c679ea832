"""How good the alerts of the horizon were: how many, how steady, how soon answered, how early.

How early is told of those who left in the horizon, where the day on which they left is known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from schemas.alert import AlertV1
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.offline.leadtime import FLAP_DAYS, Episode, episodes, flaps, lead_summary, lead_times
from stream.offline.origins import Origin
from stream.offline.panel import day_of
from stream.offline.response import response_summary, responses
from stream.offline.timeline import Timeline, outcome
from stream.offline.truth import Truth

__all__ = ["Lead", "Quality", "lead", "leavers", "quality"]

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


@dataclass(slots=True)
class Quality:
    """Alerts that opened in the horizon.

    Attributes:
        alerts: how many.
        customers: known at the end of it.
        per_1000_and_week: alerts per 1,000 of them and week.
        flaps: those that opened within `FLAP_DAYS` of the end of the one before of customer and rule.
        response: as `response.response_summary` has it.
    """

    alerts: int
    customers: int
    per_1000_and_week: float
    flaps: int
    response: dict[str, Any]

    @property
    def flap_rate(self) -> float | None:
        """Share of the alerts that flapped."""
        return self.flaps / self.alerts if self.alerts else None


def quality(log: Sequence[AlertV1], customers: int, origin: Origin, horizon_days: int) -> Quality:
    """Of the alerts that opened in (origin, origin + horizon].

    Args:
        log: every transition up to the end of the horizon; earlier ones tell which alerts are back again.
        customers: known at the end of the horizon, at least 1.
        origin: of the backtest.
        horizon_days: whole days.
    """
    start_ms, end_ms = origin.known_ms, origin.known_ms + horizon_days * MS_PER_DAY
    found = episodes(log)
    opened = [each for each in found if each.opened_ms > start_ms]
    before = [each for each in found if each.opened_ms <= start_ms]
    answered = [each for each in responses(log) if each.opened_ms > start_ms]
    return Quality(
        alerts=len(opened),
        customers=customers,
        per_1000_and_week=1000.0 * 7.0 * len(opened) / (customers * horizon_days),
        flaps=flaps(found, FLAP_DAYS) - flaps(before, FLAP_DAYS),
        response=response_summary(answered, end_ms),
    )


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
