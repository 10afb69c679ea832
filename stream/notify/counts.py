"""What the process counts, and how Prometheus calls it."""

from collections import Counter
from time import monotonic
from typing import Final

from stream.metrics import Declaration

__all__ = ["DECLARED", "Counts"]

DECLARED: Final[tuple[Declaration, ...]] = (
    Declaration(
        "kizuna_notifications",
        "counter",
        "notifications",
        "What sinks answered: delivered, retry, waited (limit or breaker), refused, gave_up.",
        ("sink", "outcome"),
    ),
    Declaration("kizuna_notify_open", "gauge", "open", "Alerts that people see now.", ("severity",)),
    Declaration(
        "kizuna_notify_waiting", "gauge", "waiting", "Notifications that a sink was not told yet.", ("sink",)
    ),
    Declaration(
        "kizuna_notify_oldest_seconds",
        "gauge",
        "oldest_s",
        "Age of the oldest of them since its transition, of this process's partitions.",
        ("sink",),
    ),
    Declaration(
        "kizuna_notify_failures",
        "gauge",
        "failures",
        "Failures in a row of an Alertmanager; 0 when it has everything.",
        ("sink",),
    ),
    Declaration("kizuna_notify_lag_records", "gauge", "lag_records", "Offsets still to be read.", ("topic",)),
    Declaration("kizuna_notify_partitions", "gauge", "partitions", "Partitions whose sinks are told here."),
    Declaration(
        "kizuna_notify_unreadable",
        "counter",
        "unreadable",
        "Records that are no alert or no row.",
        ("topic",),
    ),
    Declaration("kizuna_notify_build_info", "gauge", "build", "Always 1.", ("version",)),
)


class Counts:
    """The numbers of one process."""

    declared = DECLARED

    def __init__(self, version: str) -> None:
        self.notifications: Counter[tuple[str, str]] = Counter()
        self.open: Counter[str] = Counter()
        self.waiting: dict[str, int] = {}
        self.oldest_s: dict[str, float] = {}
        self.failures: dict[str, int] = {}
        self.lag_records: dict[str, int] = {}
        self.partitions = 0
        self.unreadable: Counter[str] = Counter()
        self.build = {version: 1}
        self.ready = False
        self.loop_seen_s = monotonic()  # when the event loop last turned
