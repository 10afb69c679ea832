"""Whose now a step is of: the wall's, or while a backlog is read the time at which Kafka took the records.

A worker that was down for days reads a promise in one step and that it was kept in a later one. Judged by the
wall in between, every promise of the backlog would be overdue and every customer an alert. Judged by the time
of the records, each is seen as it was when it was written. Sweeps wait until the backlog is gone.
"""

from collections.abc import Sequence
from operator import attrgetter
from time import monotonic
from typing import Any

__all__ = ["TIMESTAMP", "StepClock"]

LATE_MS = 10_000  # less is the ordinary way of a record
TRUSTED_MS = (
    400 * 86_400_000
)  # a timestamp older than that is more likely a producer's default than a backlog
TIMESTAMP = attrgetter("timestamp")
REST_S = 1.0  # without another step for so long after a late one the backlog is gone


class StepClock:
    """Time of the steps of one partition; never back, never ahead of the wall."""

    def __init__(self) -> None:
        self._now_ms = 0
        self._late = False
        self._done_at = 0.0

    def step_ms(self, records: Sequence[Any], wall_ms: int) -> int:
        """Time of a step over these records.

        Args:
            records: of the step; `timestamp` in epoch ms.
            wall_ms: wall time.
        """
        newest = max(map(TIMESTAMP, records), default=wall_ms)
        self._late = LATE_MS < wall_ms - newest < TRUSTED_MS
        self._done_at = monotonic()
        self._now_ms = min(wall_ms, max(self._now_ms, newest if self._late else wall_ms))
        return self._now_ms

    def aside_ms(self, wall_ms: int) -> int:
        """Time of a step over no interactions, which says nothing of the backlog: it goes on where it was."""
        return self._now_ms if self.behind else wall_ms

    def done(self) -> None:
        """The step is committed: the next one can only come from now on, however long this one took."""
        self._done_at = monotonic()

    @property
    def behind(self) -> bool:
        """A backlog is being read."""
        return self._late and monotonic() - self._done_at < REST_S
