"""An invented team: each day it takes on the most pressing alerts of a replay, by real commands.

In a generated history nobody acts. With a team its alerts are taken on, so that they behave as they do live,
and a time to acknowledge can be told: of a team of that size, and of no real one.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from heapq import nsmallest
from typing import Final, get_args
from uuid import UUID, uuid5

from schemas.alert import AlertV1, Severity
from schemas.codec import encode
from schemas.command import CommandV1
from stream.pipeline import FileRecord
from stream.pipeline.times import to_ms

__all__ = ["NAME", "Team"]

NAME: Final = "invented-team"
"""Who acknowledges; also the topic that its commands seem to come from."""
COMMAND_NAMESPACE: Final = UUID("32bf24b1-45e1-4019-962d-f57240c0bf2c")
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""The gravest first."""
OVER: Final = ("resolved", "expired")


class Team:
    """A book of the alerts that wait for somebody, and at most `per_day` commands a day out of it.

    An alert is taken once: one that opens again because it got worse is not taken a second time.
    """

    def __init__(self, per_day: int) -> None:
        self.per_day = per_day
        self._known: dict[str, AlertV1] = {}
        self._taken: set[str] = set()
        self._said = 0

    def read(self, log: Iterable[AlertV1]) -> None:
        """Follow the alert log. Left out is what no person is told of: the data's own alert, and shadow."""
        for alert in log:
            if alert.subject == "data" or alert.mode == "shadow":
                continue
            if alert.state in OVER:
                self._known.pop(alert.alert_id, None)
                self._taken.discard(alert.alert_id)
            elif alert.alert_id not in self._taken:
                self._known[alert.alert_id] = alert

    def take(self, time_ms: int) -> list[FileRecord]:
        """A day's commands, the most pressing alert first; only of those that are open now.

        Args:
            time_ms: of the commands, epoch ms.
        """
        waiting = (alert for alert in self._known.values() if alert.state == "open")
        chosen = nsmallest(self.per_day, waiting, key=_pressing)
        for alert in chosen:
            del self._known[alert.alert_id]
            self._taken.add(alert.alert_id)
        return [self._acknowledge(alert, time_ms) for alert in chosen]

    def _acknowledge(self, alert: AlertV1, time_ms: int) -> FileRecord:
        self._said += 1
        command = CommandV1(
            command_id=str(uuid5(COMMAND_NAMESPACE, alert.alert_id)),
            customer_id=alert.customer_id,
            rule_id=alert.rule_id,
            action="acknowledge",
            expected_seq=alert.seq,
            issued_at=datetime.fromtimestamp(time_ms / 1000, UTC),
            issued_by=NAME,
        )
        return FileRecord(NAME, 0, self._said, time_ms, alert.customer_id.encode(), encode(command))


def _pressing(alert: AlertV1) -> tuple[int, float, int, str]:
    """Severity, then what is at risk, then age: the order of `kizuna alerts list`."""
    opened_ms = to_ms(alert.opened_at or alert.state_since)
    return SEVERITIES.index(alert.severity), -(alert.value_at_risk or 0.0), opened_ms, alert.dedup_key
