"""Libraries that repeat themselves while Kafka is away, heard once per message and interval."""

import logging
from collections.abc import Callable
from time import monotonic

__all__ = ["Repeats"]

INTERVAL_S = 10.0


class Repeats(logging.Filter):
    """Lets a message template through once per interval, with the number that were held back since.

    aiokafka logs each failed attempt, 40 a second while a broker restarts; our own lines would drown.
    Templates, not texts, are counted: they are as many as the libraries have log calls.
    """

    def __init__(self, interval_s: float = INTERVAL_S, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self._interval_s = interval_s
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """False for a repeat within the interval."""
        template = (record.name, str(record.msg))
        now = self._clock()
        said_at, held_back = self._seen.get(template, (-self._interval_s, 0))
        if now - said_at < self._interval_s:
            self._seen[template] = (said_at, held_back + 1)
            return False
        self._seen[template] = (now, 0)
        if held_back:
            record.msg = f"{record.msg} (and {held_back} times since)"
        return True
