"""Times as people type them."""

import re
from datetime import UTC, datetime, timedelta

from stream.errors import ConfigError

__all__ = ["parse_end", "parse_time", "shown"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = re.compile(r"\+(\d{1,4})([dhms])")
UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000}


def parse_time(text: str) -> int:
    """Epoch ms of an ISO date or time; UTC unless it says otherwise.

    Raises:
        ConfigError: it is neither.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"{text!r} is not a time", hint="for example 2026-11-22 or 2026-11-22T10:00:00Z"
        ) from error
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    return round((time - EPOCH).total_seconds() * 1000)


def parse_end(text: str, wall_ms: int) -> int:
    """Epoch ms of a time to come, as `--until` names it: a time, or from now as +7d, +12h, +30m, +45s.

    Raises:
        ConfigError: it is neither, or it is over.
    """
    ahead = AHEAD.fullmatch(text)
    end_ms = parse_time(text) if ahead is None else wall_ms + int(ahead[1]) * UNIT_MS[ahead[2]]
    if end_ms <= wall_ms:
        raise ConfigError(f"--until {text} is over", hint="name a time to come, for example +7d")
    return end_ms


def shown(time_ms: int) -> str:
    """RFC 3339 in UTC, to the second."""
    return (EPOCH + timedelta(seconds=time_ms // 1000)).strftime("%Y-%m-%dT%H:%M:%SZ")
