"""Says in the log that alerts are held back: at once, then once a minute while it goes on."""

from collections import Counter
from collections.abc import Mapping

import structlog

__all__ = ["HeldBack"]

log = structlog.get_logger(__name__)

EVERY_S = 60.0
WHAT = {
    "budget": "more alerts than people can take: the rest waits, see `kizuna alerts list --state suppressed`",
    "mass_drop": "too many customers cross at once: check the data, then resolve the alert of the partition",
    "behind": "scores are of some time ago: alerts wait until the worker has caught up",
    "stale": "no new event for too long: silence may be that of the senders, not of the customers",
}


class HeldBack:
    """Of one partition."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._waiting: Counter[str] = Counter()
        self._said_s: dict[str, float] = {}

    def note(self, held: Mapping[str, int], now_s: float) -> None:
        """Count alerts held back, by reason; `now_s`: monotonic."""
        self._waiting.update(held)
        for reason, n in list(self._waiting.items()):
            if now_s - self._said_s.get(reason, -EVERY_S) >= EVERY_S:
                log.warning(
                    "alerts held back", partition=self._partition, reason=reason, alerts=n, why=WHAT[reason]
                )
                self._said_s[reason] = now_s
                del self._waiting[reason]
