"""Why Kafka ended at start, said in one sentence with the next step, from what it logged."""

from dataclasses import dataclass
from pathlib import Path

from stream.errors import BrokerError

__all__ = ["PortTakenError", "explain", "last_lines"]

_N_LINES = 5
_MAX_WIDTH = 300


class PortTakenError(BrokerError):
    """Somebody listens on the port by now; another port may do."""


@dataclass(frozen=True, slots=True)
class _Cause:
    """What Kafka or Java writes, what it means, what to do."""

    signs: tuple[str, ...]
    meaning: str
    hint: str


# The first that matches is believed.
_CAUSES = (
    _Cause(
        ("No space left on device", "Disk quota exceeded"),
        "the disk is full",
        "free some space, then run the same command again; nothing stored is lost",
    ),
    _Cause(
        ("Could not reserve enough space", "Cannot allocate memory", "insufficient memory", "OutOfMemory"),
        "there is not enough memory for its heap",
        "end other programs, or choose another heap with --heap",
    ),
    _Cause(
        ("Failed to acquire lock on file .lock",),
        "another Kafka already uses its data directory",
        "end that one first",
    ),
    _Cause(
        ("Permission denied", "AccessDeniedException", "Read-only file system"),
        "its directory cannot be written",
        "give yourself write permission there, or choose another directory (--data-dir)",
    ),
    _Cause(
        ("meta.properties", "InconsistentClusterId", "CorruptRecord", "quorum-state", "KafkaStorage"),
        "its data directory is damaged or was written by another version",
        "move the directory away to start empty, or restore it from where it came",
    ),
)


def explain(log_text: str, *, directory: Path, log: Path, still_runs: bool = False) -> BrokerError:
    """The error to raise for a Kafka that did not come up.

    Args:
        log_text: what it wrote since it was started.
        directory: where its data is.
        log: the file a person can read.
        still_runs: it has not ended, it is only not ready.
    """
    details = "".join(f"\n  {line}" for line in last_lines(log_text))
    if "Address already in use" in log_text:
        message = f"Kafka's port was taken while it started{details}"
        return PortTakenError(message, hint="run the same command again, or choose a free --port")
    for cause in _CAUSES:
        if any(sign in log_text for sign in cause.signs):
            message = f"Kafka in {directory} did not start: {cause.meaning}{details}"
            return BrokerError(message, hint=f"{cause.hint} (log: {log})")
    happened = "was not ready in time" if still_runs else "ended while it started"
    message = f"Kafka in {directory} {happened}{details}"
    return BrokerError(message, hint=f"read {log}, then run the same command again")


def last_lines(log_text: str) -> list[str]:
    """The last lines a person can use: no stack frames, shortened."""
    frames = ("\t", "Caused by")
    lines = [line for line in log_text.splitlines() if line.strip() and not line.startswith(frames)]
    return [line if len(line) <= _MAX_WIDTH else f"{line[: _MAX_WIDTH - 1]}…" for line in lines[-_N_LINES:]]
