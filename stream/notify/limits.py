"""When not to send: a token bucket for the rate, a circuit breaker for a sink that is down.

Pure: time is an argument. Both answer with a wait instead of sleeping, so that whoever asks can do something
else meanwhile.
"""

import math
from typing import Literal

__all__ = ["Breaker", "TokenBucket"]


class TokenBucket:
    """At most `burst` at once, and `per_s` in the long run.

    Args:
        per_s: tokens that come back per second, above 0.
        burst: tokens it holds, 1 or more; full at the start.
    """

    def __init__(self, per_s: float, burst: int) -> None:
        if not (per_s > 0 and burst >= 1):
            raise ValueError(f"a rate of {per_s} with bursts of {burst} lets nothing through")
        self._per_ms, self._burst = per_s / 1_000, burst
        self._tokens, self._at_ms = float(burst), 0

    def take(self, now_ms: int) -> int:
        """Take a token if there is one.

        Args:
            now_ms: of a clock that does not go back; if it does, nothing comes back meanwhile.

        Returns:
            0: taken. Otherwise nothing was taken, and so many milliseconds until there will be one.
        """
        self._tokens = min(self._burst, self._tokens + max(now_ms - self._at_ms, 0) * self._per_ms)
        self._at_ms = now_ms
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return max(1, math.ceil((1 - self._tokens) / self._per_ms))


class Breaker:
    """Stops trying after failures in a row, waits, sends one probe, and goes on if that arrives.

    Args:
        failures: in a row that open it, 1 or more.
        rest_ms: how long it stays open, above 0; also how long a probe may be without an answer before
            another one is let through.
    """

    def __init__(self, failures: int, rest_ms: int) -> None:
        if failures < 1 or rest_ms < 1:
            raise ValueError(f"a breaker of {failures} failures and {rest_ms} ms is none")
        self._limit, self._rest_ms = failures, rest_ms
        self._in_a_row = 0
        self._until_ms: int | None = None  # open, or waiting for the probe, until then; None: closed
        self._probing = False

    @property
    def state(self) -> Literal["closed", "open", "half_open"]:
        """Closed: all may pass. Open: nobody. Half open: a probe is under way."""
        if self._until_ms is None:
            return "closed"
        return "half_open" if self._probing else "open"

    def ask(self, now_ms: int) -> int:
        """May one be sent? Whoever gets 0 sends, and tells what came of it.

        Returns:
            0: yes. Otherwise so many milliseconds until it is worth asking again.
        """
        if self._until_ms is None:
            return 0
        if now_ms < self._until_ms:
            return self._until_ms - now_ms
        self._probing, self._until_ms = True, now_ms + self._rest_ms
        return 0

    def succeeded(self) -> None:
        """The sink took one, or refused it with reason: it is there."""
        self._in_a_row, self._until_ms, self._probing = 0, None, False

    def failed(self, now_ms: int) -> bool:
        """The sink did not answer, or asked to be left alone.

        Returns:
            whether this failure opened it: worth a line in the log.
        """
        self._in_a_row += 1
        if self._until_ms is not None and not self._probing:
            return False  # sent before it opened, and came back late
        if not self._probing and self._in_a_row < self._limit:
            return False
        opened = not self._probing
        self._probing, self._until_ms = False, now_ms + self._rest_ms
        return opened
