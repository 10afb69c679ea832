"""Times as people type them."""

from datetime import UTC, datetime, timedelta

from stream.errors import ConfigError

__all__ = ["parse_time", "shown"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def shown(time_ms: int) -> str:
    """RFC 3339 in UTC, to the second."""
    return (EPOCH + timedelta(seconds=time_ms // 1000)).strftime("%Y-%m-%dT%H:%M:%SZ")
