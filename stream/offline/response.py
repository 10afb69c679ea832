"""How soon people took alerts on: pure arithmetic on an alert log."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from schemas.alert import AlertV1
from stream.pipeline.times import to_ms

__all__ = ["Response", "answer_line", "response_summary", "responses"]

HOUR_MS = 3_600_000


class Response(NamedTuple):
    """What became of one alert that people were told of.

    Attributes:
        alert_id: of the episode.
        opened_ms: when it opened.
        due_ms: by when somebody was to act; None if the log does not say.
        acknowledged_ms: when somebody first took it on; None if nobody did.
        ended_ms: when it was over; None if it still is open.
    """

    alert_id: str
    opened_ms: int
    due_ms: int | None
    acknowledged_ms: int | None
    ended_ms: int | None

    def verdict(self, end_ms: int) -> str:
        """As of the end of a log: in_time, late, missed, gone or waiting.

        `missed`: it was due, and nobody had taken it on. `gone`: it was over before it was due, without
        anybody. `waiting`: it is not due yet.
        """
        taken, due_ms = self.acknowledged_ms, self.due_ms
        if taken is not None:
            return "in_time" if due_ms is None or taken <= due_ms else "late"
        over = self.ended_ms is not None and (due_ms is None or self.ended_ms <= due_ms)
        if over:
            return "gone"
        return "missed" if due_ms is not None and due_ms < end_ms else "waiting"


def responses(transitions: Iterable[AlertV1]) -> list[Response]:
    """One per alert of an alert log, in the order of opening.

    Left out: alerts about the data, of rules in `shadow`, and what never opened. Due is what the alert said
    when it opened: the play's time, where it has one. A person who assigned, snoozed or ended it took it on.
    """
    found: dict[str, Response] = {}
    for alert in transitions:
        if alert.opened_at is None or alert.subject == "data" or alert.mode == "shadow":
            continue
        time_ms = to_ms(alert.as_of)
        known = found.get(alert.alert_id)
        if known is None:
            due_at = alert.due_at if alert.action is None else alert.action.due_at
            due_ms = None if due_at is None else to_ms(due_at)
            known = Response(alert.alert_id, to_ms(alert.opened_at), due_ms, None, None)
        if known.acknowledged_ms is None and _taken(alert):
            known = known._replace(acknowledged_ms=time_ms)
        if alert.resolved_at is not None:
            known = known._replace(ended_ms=to_ms(alert.resolved_at))
        found[alert.alert_id] = known
    return sorted(found.values(), key=lambda each: (each.opened_ms, each.alert_id))


def response_summary(found: Sequence[Response], end_ms: int) -> dict[str, Any]:
    """Counts of each verdict, and time to acknowledge; None where there is nothing to take it of.

    Returns:
        `alerts`, the five counts, `acknowledged` (in time or late), `median_hours` and `q90_hours` from
        opening to acknowledgement, `in_time_share` (of those in time, late or missed).
    """
    counts = {"in_time": 0, "late": 0, "missed": 0, "gone": 0, "waiting": 0}
    for each in found:
        counts[each.verdict(end_ms)] += 1
    hours = [
        (each.acknowledged_ms - each.opened_ms) / HOUR_MS
        for each in found
        if each.acknowledged_ms is not None
    ]
    decided = counts["in_time"] + counts["late"] + counts["missed"]
    median, most = (float(each) for each in np.percentile(hours, (50, 90))) if hours else (None, None)
    return {
        "alerts": len(found),
        **counts,
        "acknowledged": len(hours),
        "median_hours": median,
        "q90_hours": most,
        "in_time_share": counts["in_time"] / decided if hours else None,
    }


def answer_line(response: dict[str, Any]) -> str:
    """How soon alerts were taken on, in one sentence."""
    if not response["acknowledged"]:
        return "no acknowledgements in this log: nothing can be said of how soon alerts are answered"
    share = response["in_time_share"]
    return (
        f"{response['acknowledged']:,} taken on, after {response['median_hours']:.1f} hours in the median; "
        f"{share:.0%} of those due were in time, {response['missed']:,} were missed"
    )


def _taken(alert: AlertV1) -> bool:
    return alert.transition in ("acknowledged", "assigned", "snoozed") or alert.resolve_reason == "manual"
