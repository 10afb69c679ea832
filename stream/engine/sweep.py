"""When silence is scored: every row of a partition once per interval, in slices between steps."""

from collections.abc import Callable
from time import monotonic

__all__ = ["SweepClock"]


class SweepClock:
    """Says which rows are due. A sweep that takes longer than the interval is followed by the next at once.

    Args:
        interval_s: from the start of one sweep to the start of the next; the first starts after one interval.
        slice_rows: rows at a time, so that a step waits for one slice at most.
        clock: monotonic seconds.
    """

    def __init__(self, interval_s: float, slice_rows: int, clock: Callable[[], float] = monotonic) -> None:
        self._interval_s = interval_s
        self._slice_rows = slice_rows
        self._clock = clock
        self._due = clock() + interval_s
        self._next_row: int | None = None

    @property
    def active(self) -> bool:
        """A sweep is under way or due."""
        return self._next_row is not None or self._clock() >= self._due

    def seconds_left(self) -> float:
        """Until the next sweep is due; 0 if one is under way."""
        return 0.0 if self._next_row is not None else max(0.0, self._due - self._clock())

    def slice(self, n_rows: int) -> tuple[int, int] | None:
        """Rows [start, stop) to sweep now, or None. Starts a sweep when one is due; of no rows, never."""
        if not self.active:
            return None
        if self._next_row is None:
            self._due = self._clock() + self._interval_s
            if n_rows == 0:
                return None
            self._next_row = 0
        return self._next_row, min(self._next_row + self._slice_rows, n_rows)

    def done(self, stop: int, n_rows: int) -> bool:
        """Count a slice as swept; True if it was the sweep's last."""
        self._next_row = stop if stop < n_rows else None
        return self._next_row is None
