"""Aware datetimes -> epoch milliseconds, many at once."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.model.columns import Ints

__all__ = ["epoch_ms", "to_ms"]

QUOTE, POINT, ZULU = b'".Z'
DIGITS = np.array([0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18])  # YYYY-MM-DDThh:mm:ss
PLACES = np.zeros((14, 3))
"""What each digit adds to the month (12 a year), to its day, to the second of the day."""
PLACES[:6, 0] = 12_000, 1_200, 120, 12, 10, 1
PLACES[6:8, 1] = 10, 1
PLACES[8:, 2] = 36_000, 3_600, 600, 60, 10, 1
MICROS = np.array([20, 21, 22, 23, 24, 25])  # behind the point


def to_ms(time: datetime) -> int:
    """Epoch milliseconds of one aware datetime, rounded; `epoch_ms` for many."""
    return round(time.timestamp() * 1000)


def epoch_ms(times: Sequence[datetime]) -> Ints:
    """Epoch milliseconds, rounded; shape (n,).

    A datetime gives its time by a call that costs a third of a microsecond. msgspec writes all of them as
    text in hardly any time, and text is read by columns; times that are not in UTC go the long way.
    """
    found = _by_text(np.frombuffer(msgspec.json.encode(times), np.uint8)) if times else None
    if found is None:
        stamps = np.array([time.timestamp() for time in times], np.float64)
        found = np.rint(stamps * 1000.0).astype(np.int64)
    return found


def _by_text(text: NDArray[np.uint8]) -> Ints | None:
    """The times of a JSON array; None if one is not in UTC or lies on the half of a millisecond."""
    quotes = np.flatnonzero(text == QUOTE)
    start, end = quotes[::2] + 1, quotes[1::2]
    if not (text[end - 1] == ZULU).all():
        return None
    digits = (text[start[:, None] + DIGITS] - ord("0")).astype(np.float64)
    month, day, second = (digits @ PLACES).astype(np.int64).T
    first = int(month.min())
    found = ((_month_starts(first, int(month.max()))[month - first] + day - 1) * 86_400 + second) * 1000
    fraction = np.flatnonzero(text[start + 19] == POINT)
    if len(fraction):
        micro = (text[start[fraction, None] + MICROS] - ord("0")).astype(np.int64) @ 10 ** np.arange(
            5, -1, -1
        )
        if (micro % 1000 == 500).any():
            return None
        found[fraction] += (micro + 500) // 1000
    return found


def _month_starts(first: int, last: int) -> Ints:
    """Days from 1970-01-01 to the first of each of some months, which are counted from the year 0."""
    months = np.arange(first - 1970 * 12 - 1, last - 1970 * 12).astype("datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)
