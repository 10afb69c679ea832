"""When silence is scored: every row of a partition once per interval, in slices between steps.

A slice takes about `SLICE_S`, by the time that the last ones took, so a step never waits long for one. Slices
are spread over most of the interval, not done in a burst: what a sweep costs, it costs evenly.
"""

from collections.abc import Callable
from time import monotonic

__all__ = ["SLICE_S", "SweepClock"]

SLICE_S = 0.02  # shorter ones cost more in all: each row of a slice of 1,000 costs twice one of 5,000
FIRST_ROWS = 250
LEAST_ROWS = 50
SPREAD = 0.8  # of the interval: the rest is for what came late


class SweepClock:
    """Says which rows are due. A sweep that takes longer than the interval is followed by the next at once.

    Args:
        interval_s: from the start of one sweep to the start of the next; the first starts after one interval.
        most_rows: of a slice.
        clock: monotonic seconds.
    """

    def __init__(self, interval_s: float, most_rows: int, clock: Callable[[], float] = monotonic) -> None:
        self._interval_s = interval_s
        self._most_rows = most_rows
        self._clock = clock
        self._rows = min(FIRST_ROWS, most_rows)
        self._due = clock() + interval_s  # of the next slice, or of the next sweep
        self._began = self._due
        self._next_row: int | None = None

    @property
    def active(self) -> bool:
        """A slice is due."""
        return self._clock() >= self._due

    def seconds_left(self) -> float:
        """Until the next slice is due; 0 if one is."""
        return max(0.0, self._due - self._clock())

    def slice(self, n_rows: int) -> tuple[int, int] | None:
        """Rows [start, stop) to sweep now, or None. Starts a sweep when one is due; of no rows, never."""
        if not self.active:
            return None
        if self._next_row is None:
            self._began = self._clock()
            self._next_row = 0
        if self._next_row >= n_rows:  # none at all, or fewer than there were
            self._end()
            return None
        return self._next_row, min(self._next_row + self._rows, n_rows)

    def done(self, start: int, stop: int, n_rows: int, took_s: float) -> bool:
        """Count a slice as swept; True if it was the sweep's last.

        Args:
            start: first row of the slice.
            stop: as `slice` gave it.
            n_rows: now.
            took_s: time in which nothing else could run.
        """
        fitting = int((stop - start) * SLICE_S / max(took_s, 1e-6))
        self._rows = max(min(LEAST_ROWS, self._most_rows), min(fitting, 2 * self._rows, self._most_rows))
        if stop >= n_rows:
            self._end()
            return True
        self._next_row = stop
        self._due = self._began + SPREAD * self._interval_s * stop / n_rows
        return False

    def _end(self) -> None:
        self._next_row = None
        self._due = self._began + self._interval_s
