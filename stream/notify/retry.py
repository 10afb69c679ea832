"""When to try again: exponential back-off with full jitter, and what a receiver asks for. Pure arithmetic."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["Backoff", "retry_after_ms"]

MAX_RETRY_AFTER_MS = 6 * 3_600_000
"""A receiver that asks for more is asked again after so long: its clock or ours may be wrong."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Waits that grow by a factor with every failure, up to a cap, each a random share of its ceiling.

    Attributes:
        first_ms: ceiling after the first failure.
        cap_ms: no wait is longer.
        factor: from one ceiling to the next, at least 1.
    """

    first_ms: int = 2_000
    cap_ms: int = 900_000
    factor: float = 2.0

    def ceiling_ms(self, failures: int) -> int:
        """The longest wait after so many failures in a row; never shrinks, never above the cap.

        Args:
            failures: 1 or more.
        """
        if self.first_ms >= self.cap_ms:
            return self.cap_ms
        try:
            grown = self.first_ms * self.factor ** (failures - 1)
        except OverflowError:
            return self.cap_ms
        return int(min(grown, self.cap_ms))

    def wait_ms(self, failures: int, chance: float) -> int:
        """The wait after so many failures in a row: full jitter, so that not all come back at once.

        Args:
            failures: 1 or more.
            chance: uniform in [0, 1].
        """
        return round(self.ceiling_ms(failures) * chance)


def retry_after_ms(header: str | None, now_ms: int) -> int | None:
    """How long a receiver asks to be left alone, 0 to six hours; None if it does not say so intelligibly.

    Args:
        header: `Retry-After` as received: whole seconds, or an HTTP date.
        now_ms: the wall clock, for the date.
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        # By length first: a number of a million digits is not worth converting.
        return MAX_RETRY_AFTER_MS if len(text) > 9 else min(int(text) * 1_000, MAX_RETRY_AFTER_MS)
    try:
        date = parsedate_to_datetime(text[:64])
        at_ms = int((date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() * 1_000)
    except (ValueError, OverflowError):
        return None
    return min(max(at_ms - now_ms, 0), MAX_RETRY_AFTER_MS)
