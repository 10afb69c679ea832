"""The one place that reads the wall clock. Everything else takes `now_ms` or a `Clock` as an argument."""

import time
from collections.abc import Callable

__all__ = ["Clock", "now_ms"]

Clock = Callable[[], int]
"""Gives the time as epoch milliseconds."""


def now_ms() -> int:
    """The wall clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000
