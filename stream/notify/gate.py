"""What stands before a sink of transitions: its rate, its breaker, its wish to be left alone, its order."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from stream.notify.limits import Breaker, TokenBucket
from stream.notify.sink import Notification, Outcome, Retry

__all__ = ["Gate", "Limits"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one sink is asked.

    Attributes:
        per_s: notifications per second in the long run, above 0.
        burst: at once, 1 or more.
        failures: in a row, after which nothing is sent for a while.
        rest_s: that while; then one is sent as a probe.
    """

    per_s: float = 10.0
    burst: int = 50
    failures: int = 5
    rest_s: float = 30.0


class Gate:
    """Lets notifications through to one sink, one at a time, in the order of each alert.

    Args:
        name: of the sink, for the log.
        limits: see there.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(self, name: str, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._name, self._monotonic = name, monotonic
        self._bucket = TokenBucket(limits.per_s, limits.burst)
        self._breaker = Breaker(limits.failures, math.ceil(limits.rest_s * 1_000))
        self._quiet_until_ms = 0  # the receiver named a time

    async def pass_each(
        self, notifications: Sequence[Notification], send: Callable[[Notification], Awaitable[Outcome]]
    ) -> list[Outcome]:
        """One outcome for each, in order; what may not be sent now is to be retried, and does not count.

        Args:
            notifications: those of one alert in the order of `seq`.
            send: tries one, and never raises for what the receiver did.
        """
        outcomes: list[Outcome] = []
        waiting: set[str] = set()
        for notification in notifications:
            key = notification.alert.dedup_key
            if key in waiting:
                outcome: Outcome = Retry(0.0, "an earlier one of this alert waits", counts=False)
            else:
                outcome = self._closed() or self._noted(await send(notification))
            if isinstance(outcome, Retry):
                waiting.add(key)
            outcomes.append(outcome)
        return outcomes

    def _now_ms(self) -> int:
        return int(self._monotonic() * 1_000)

    def _closed(self) -> Retry | None:
        now_ms = self._now_ms()
        if (wait_ms := self._quiet_until_ms - now_ms) > 0:
            reason = "the receiver asked to be left alone"
        elif wait_ms := self._bucket.take(now_ms):
            reason = "the rate limit is reached"
        elif wait_ms := self._breaker.ask(now_ms):
            reason = "the receiver failed too often: waiting before the next probe"
        else:
            return None
        return Retry(wait_ms / 1_000, reason, counts=False)

    def _noted(self, outcome: Outcome) -> Outcome:
        """What came of it moves the breaker. A refusal is an answer: the receiver is there."""
        if not isinstance(outcome, Retry):
            if self._breaker.state != "closed":
                log.info("a sink is back", sink=self._name)
            self._breaker.succeeded()
            return outcome
        now_ms = self._now_ms()
        self._quiet_until_ms = now_ms + math.ceil(outcome.after_s * 1_000)
        if self._breaker.failed(now_ms):
            log.warning("a sink fails and is left alone for a while", sink=self._name, reason=outcome.reason)
        return outcome
