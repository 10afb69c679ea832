"""How early and how rightly alerts tell who will leave: pure arithmetic on an alert log and the truth.

An alert log is a list of `Episode`: our rules and a plain recency rule are judged alike.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from schemas.alert import AlertV1
from stream.offline.truth import Truth
from stream.pipeline.times import to_ms

__all__ = [
    "DAY_MS",
    "FLAP_DAYS",
    "Episode",
    "Lead",
    "chance_precision",
    "episodes",
    "flaps",
    "lead_summary",
    "lead_times",
    "precision",
]

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
SEVERITIES = {"critical": 0, "error": 1, "warning": 2, "info": 3}
LEADS_DAYS = (14, 30, 60)
FLAP_DAYS = 30.0


class Episode(NamedTuple):
    """One alert from opening to its end.

    Attributes:
        customer_id: of whom.
        rule: which rule.
        severity: one of PagerDuty's four.
        opened_ms: when it opened.
        closed_ms: when it resolved or expired; None if it is still open.
    """

    customer_id: str
    rule: str
    severity: str
    opened_ms: int
    closed_ms: int | None

    def open_at(self, time_ms: int) -> bool:
        """Whether somebody who looks then sees it."""
        return self.opened_ms <= time_ms and (self.closed_ms is None or self.closed_ms > time_ms)


class Lead(NamedTuple):
    """What the alerts said of one customer who left.

    Attributes:
        customer_id: who.
        cause: why it left; "" if unknown.
        churn_ms: when.
        lead_days: from the opening of the first alert still open when it left; nan if there was none.
        dissatisfied: it was, when it left; the others left without a sign.
        by_chance: that alert opened before the customer was dissatisfied.
        delay_days: from leaving to the first alert opened after it; nan if there was none.
    """

    customer_id: str
    cause: str
    churn_ms: int
    lead_days: float
    dissatisfied: bool
    by_chance: bool
    delay_days: float


def episodes(transitions: Iterable[AlertV1]) -> list[Episode]:
    """Episodes of an alert log, in the order in which they opened."""
    found: dict[str, Episode] = {}
    for alert in transitions:
        if alert.opened_at is None:
            continue
        closed = None if alert.resolved_at is None else to_ms(alert.resolved_at)
        found[alert.alert_id] = Episode(
            alert.customer_id, alert.rule_id, alert.severity, to_ms(alert.opened_at), closed
        )
    return sorted(found.values(), key=lambda each: (each.opened_ms, each.customer_id, each.rule))


def lead_times(alert_log: Iterable[Episode], truth: Iterable[Truth]) -> list[Lead]:
    """One `Lead` per customer who left, in the order of the truth.

    Several rules count as one voice: the earliest alert that is still open decides.
    """
    by_customer: dict[str, list[Episode]] = defaultdict(list)
    for episode in alert_log:
        by_customer[episode.customer_id].append(episode)
    leads = []
    for row in truth:
        left, mine = row.churn_ms, by_customer[row.customer_id]
        if left is None:
            continue
        warned = min((each.opened_ms for each in mine if each.open_at(left)), default=None)
        after = min((each.opened_ms for each in mine if each.opened_ms > left), default=None)
        unhappy = left if row.dissatisfied_at is None else to_ms(row.dissatisfied_at)
        leads.append(
            Lead(
                row.customer_id,
                row.cause,
                left,
                lead_days=float("nan") if warned is None else (left - warned) / DAY_MS,
                dissatisfied=row.dissatisfied_at is not None,
                by_chance=warned is not None and warned < unhappy,
                delay_days=float("nan") if after is None else (after - left) / DAY_MS,
            )
        )
    return leads


def lead_summary(leads: Sequence[Lead]) -> dict[str, Any]:
    """Median, quartiles and shares of the leads; None where there is nothing to take them of.

    Returns:
        `caught`: share of all who left that had an alert open then; the other shares, the median and the
        quartiles are of those caught. `told_after` counts those of whom the first alert came too late.
    """
    days = np.array([lead.lead_days for lead in leads])
    caught = ~np.isnan(days)
    not_by_chance = caught & np.array([not lead.by_chance for lead in leads], np.bool_)
    delays = np.array([lead.delay_days for lead in leads])[~caught]
    delays = delays[~np.isnan(delays)]
    low, middle, high = _quartiles(days[caught])
    found: dict[str, Any] = {
        "left": len(leads),
        "warned": int(caught.sum()),
        "caught": float(caught.mean()) if len(leads) else None,
        "median_days": middle,
        "q25_days": low,
        "q75_days": high,
        "warned_in_trouble": int(not_by_chance.sum()),
        "median_in_trouble_days": _quartiles(days[not_by_chance])[1],
        "told_after": len(delays),
        "median_delay_days": _quartiles(delays)[1],
    }
    for least in LEADS_DAYS:
        found[f"share_{least}d"] = float(np.mean(days[caught] >= least)) if caught.any() else None
    return found


def flaps(alert_log: Sequence[Episode], within_days: float) -> int:
    """Alerts that opened within so many days of the end of the one before, of the same customer and rule."""
    closed: dict[tuple[str, str], int] = {}
    n = 0
    for episode in sorted(alert_log, key=lambda each: each.opened_ms):
        key = episode.customer_id, episode.rule
        before = closed.pop(key, None)
        n += before is not None and episode.opened_ms - before <= within_days * DAY_MS
        if episode.closed_ms is not None:
            closed[key] = episode.closed_ms
    return n


def precision(
    alert_log: Sequence[Episode],
    truth: Iterable[Truth],
    *,
    end_ms: int,
    within_days: float,
    weekly_budget: float | None = None,
) -> dict[str, Any]:
    """How many alerts were about customers who then left.

    Of each week's new alerts only the `weekly_budget` most severe are worked on, the earlier first; a
    customer who is already being worked on in that week is not worked on twice.

    Args:
        alert_log: in any order.
        truth: of every customer.
        end_ms: end of the history. Alerts of the last `within_days` about customers who have not left yet are
            undecided: nobody knows.
        within_days: an alert is right if the customer leaves so many days after its opening at the latest.
        weekly_budget: alerts a week; None: all.

    Returns:
        Counts `right` (it left later), `too_late` (it had left before), `wrong`, `undecided`, and
        `in_trouble` (of all: the customer was dissatisfied when it opened, whether it then left or stayed).
        `precision` is right, `gone_or_going` right or too late, both of the decided; None if there are none.
    """
    fates = {row.customer_id: row for row in truth}
    counts = {"right": 0, "too_late": 0, "wrong": 0, "undecided": 0, "in_trouble": 0}
    log = alert_log if weekly_budget is None else _worked_on(alert_log, weekly_budget)
    for episode in log:
        fate = fates.get(episode.customer_id)
        verdict = _verdict(episode.opened_ms, fate, end_ms, within_days)
        counts[verdict] += 1
        unhappy_at = None if fate is None else fate.dissatisfied_at
        told_in_time = unhappy_at is not None and to_ms(unhappy_at) <= episode.opened_ms
        counts["in_trouble"] += told_in_time and verdict != "too_late"
    decided = len(log) - counts["undecided"]
    return counts | {
        "precision": counts["right"] / decided if decided else None,
        "gone_or_going": (counts["right"] + counts["too_late"]) / decided if decided else None,
    }


def chance_precision(
    stays: Iterable[tuple[int, int | None]], *, end_ms: int, within_days: float
) -> float | None:
    """Precision of alerts at random among customers who are still there: what any rule must exceed.

    Args:
        stays: (first seen, left or None), ms, of every customer.
        end_ms: end of the history.
        within_days: as in `precision`; moments that it leaves undecided do not count here either.
    """
    within_ms = within_days * DAY_MS
    right = decided = 0.0
    for first_ms, left_ms in stays:
        if left_ms is None:
            decided += max(0.0, end_ms - within_ms - first_ms)
        else:
            decided += max(0, left_ms - first_ms)
            right += min(within_ms, max(0, left_ms - first_ms))
    return right / decided if decided > 0.0 else None


def _worked_on(alert_log: Sequence[Episode], weekly_budget: float) -> list[Episode]:
    weeks: dict[int, dict[str, Episode]] = defaultdict(dict)
    ranked = sorted(alert_log, key=lambda each: (SEVERITIES.get(each.severity, 9), each.opened_ms))
    for episode in ranked:
        weeks[episode.opened_ms // WEEK_MS].setdefault(episode.customer_id, episode)
    return [each for week in weeks.values() for each in list(week.values())[: round(weekly_budget)]]


def _verdict(opened_ms: int, fate: Truth | None, end_ms: int, within_days: float) -> str:
    within_ms = within_days * DAY_MS
    left_ms = None if fate is None else fate.churn_ms
    if left_ms is None:
        return "undecided" if end_ms - opened_ms < within_ms else "wrong"
    if left_ms < opened_ms:
        return "too_late"
    return "right" if left_ms - opened_ms <= within_ms else "wrong"


def _quartiles(values: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float | None, ...]:
    if not len(values):
        return None, None, None
    return tuple(float(each) for each in np.percentile(values, (25, 50, 75)))
