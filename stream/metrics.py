"""Every metric, declared once: name, kind, labels, meaning. Plain numbers, written without a lock.

The engine counts after each commit; the collector reads when Prometheus asks, from another thread. A number
may be one transaction old, never half written. No customer id in a label or anywhere else.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final, Literal, Protocol

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["METRICS", "Declaration", "Exposed", "Histogram", "KizunaCollector", "Metrics"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """One metric. A counter's exposed name ends in `_total`; `field` is where `Metrics` keeps it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    field: str
    meaning: str
    labels: tuple[str, ...] = ()


METRICS: Final[tuple[Declaration, ...]] = (
    Declaration(
        "kizuna_events", "counter", "events", "Source records by fate, once committed.", ("type", "outcome")
    ),
    Declaration("kizuna_scores", "counter", "scores", "Scores published."),
    Declaration("kizuna_alerts_opened", "counter", "alerts_opened", "Alerts opened.", ("severity",)),
    Declaration("kizuna_alerts_resolved", "counter", "alerts_resolved", "Alerts resolved.", ("severity",)),
    Declaration(
        "kizuna_alerts_suppressed", "counter", "alerts_suppressed", "Alerts held back, by why.", ("reason",)
    ),
    Declaration("kizuna_dead_letters", "counter", "dead_letters", "Records refused.", ("cause",)),
    Declaration(
        "kizuna_promises_given_up",
        "counter",
        "promises_given_up",
        "Open promises of customers with more than a row may hold, counted as broken to make room.",
    ),
    Declaration(
        "kizuna_customers", "gauge", "customers", "Customers held, by score and its band.", ("score", "band")
    ),
    Declaration(
        "kizuna_lag_records", "gauge", "lag_records", "Source records not yet committed.", ("partition",)
    ),
    Declaration("kizuna_lag_seconds", "gauge", "lag_seconds", "Age of the oldest of them.", ("partition",)),
    Declaration(
        "kizuna_latency_seconds", "histogram", "latency", "Broker's timestamp of a record to its commit."
    ),
    Declaration(
        "kizuna_transaction_seconds", "histogram", "transactions", "Begin to commit of one transaction."
    ),
    Declaration("kizuna_restored_rows", "counter", "restored_rows", "Changelog rows read to restore state."),
    Declaration("kizuna_restore_seconds", "counter", "restore_seconds", "Time spent restoring."),
    Declaration("kizuna_sweeps", "counter", "sweeps", "Full passes over a partition's customers."),
    Declaration("kizuna_swept_rows", "counter", "swept_rows", "Customers re-scored without a new event."),
    Declaration(
        "kizuna_partitions_owned", "gauge", "partitions_owned", "Partitions assigned to this worker."
    ),
    Declaration("kizuna_partitions_ready", "gauge", "partitions_ready", "Of these, those that process."),
    Declaration("kizuna_rebalances", "counter", "rebalances", "Assignments this worker took part in."),
    Declaration(
        "kizuna_partition_resets",
        "counter",
        "resets",
        "Partitions restored after a fault, by fault.",
        ("fault",),
    ),
    Declaration("kizuna_gaps", "counter", "gaps", "Runs refused because records before them were missing."),
    Declaration(
        "kizuna_stale_runs", "counter", "stale_runs", "Runs dropped because they were of another epoch."
    ),
    Declaration(
        "kizuna_lost_records",
        "counter",
        "lost_records",
        "Records that retention deleted before they were read.",
    ),
    Declaration(
        "kizuna_orphans", "counter", "orphans", "Output partitions with rows of a transaction without marker."
    ),
    Declaration(
        "kizuna_loop_lag_seconds",
        "gauge",
        "loop_lag_s",
        "Longest stall of the event loop in the last second.",
    ),
    Declaration(
        "kizuna_calibration_customers",
        "gauge",
        "calibration_customers",
        "Published risks whose horizon ended within the last one, by upper bound; one per customer.",
        ("partition", "risk"),
    ),
    Declaration(
        "kizuna_calibration_foretold",
        "gauge",
        "calibration_foretold",
        "Sum of these risks as published: how many were to leave.",
        ("partition", "risk"),
    ),
    Declaration(
        "kizuna_calibration_left",
        "gauge",
        "calibration_left",
        "How many did not buy within the horizon, or had no contract at its end.",
        ("partition", "risk"),
    ),
    Declaration(
        "kizuna_calibration",
        "gauge",
        "calibration",
        "AUC, Brier score and calibration error of this worker's published risks; do not sum.",
        ("measure",),
    ),
    Declaration(
        "kizuna_calibration_drifted",
        "gauge",
        "calibration_drifted",
        "1 if foretold and left differ by more than .05 and chance: fit the model anew.",
    ),
    Declaration("kizuna_build_info", "gauge", "build", "Always 1.", ("version", "model_version")),
)

BUCKETS_S: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Histogram:
    """Counts of seconds in `BUCKETS_S`, fed by arrays."""

    def __init__(self) -> None:
        self._edges = np.array(BUCKETS_S)
        self._counts = np.zeros(len(BUCKETS_S) + 1, np.int64)
        self.sum_s = 0.0

    def observe(self, seconds: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> None:
        """Count every value; a clock that ran backwards counts as zero."""
        seconds = np.maximum(seconds, 0.0)
        places = np.searchsorted(self._edges, seconds, side="left")
        self._counts += np.bincount(places, minlength=len(self._counts))
        self.sum_s += float(seconds.sum())

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus' buckets: upper bound and how many were at most that."""
        totals = np.cumsum(self._counts)
        bounds = [*(str(edge) for edge in BUCKETS_S), "+Inf"]
        return [(bound, float(total)) for bound, total in zip(bounds, totals, strict=True)]


class Counted(Protocol):
    """What a committed step counts; `stream.pipeline.Effects` fits."""

    outcomes: Counter[tuple[str, str]]
    causes: Counter[str]
    opened: Counter[str]
    resolved: Counter[str]
    suppressed: Counter[str]
    scores: list[tuple[bytes, bytes]]
    promises_given_up: int


class Metrics:
    """The numbers of one worker. Labelled ones are counters by label tuple (or by the only label)."""

    declared = METRICS

    def __init__(self, version: str, model_version: str) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.scores = 0
        self.alerts_opened: Counter[str] = Counter()
        self.alerts_resolved: Counter[str] = Counter()
        self.alerts_suppressed: Counter[str] = Counter()
        self.dead_letters: Counter[str] = Counter()
        self.promises_given_up = 0
        self.customers: dict[tuple[str, str], int] = {}
        self.lag_records: dict[str, float] = {}
        self.lag_seconds: dict[str, float] = {}
        self.latency = Histogram()
        self.transactions = Histogram()
        self.restored_rows = 0
        self.restore_seconds = 0.0
        self.sweeps = 0
        self.swept_rows = 0
        self.partitions_owned = 0
        self.partitions_ready = 0
        self.rebalances = 0
        self.resets: Counter[str] = Counter()
        self.gaps = 0
        self.stale_runs = 0
        self.lost_records = 0
        self.orphans = 0
        self.loop_lag_s = 0.0
        self.calibration_customers: dict[tuple[str, str], float] = {}
        self.calibration_foretold: dict[tuple[str, str], float] = {}
        self.calibration_left: dict[tuple[str, str], float] = {}
        self.calibration: dict[str, float] = {}
        self.calibration_drifted = 0
        self.build = {(version, model_version): 1}
        self.ready = False
        self.loop_seen_s = monotonic()  # when the event loop last turned

    def committed(self, effects: Counted, timestamps_ms: Sequence[int], now_ms: int) -> None:
        """Count a step whose transaction is committed.

        Args:
            effects: of the step.
            timestamps_ms: broker timestamps of its records.
            now_ms: time of the commit.
        """
        self.events.update(effects.outcomes)
        self.dead_letters.update(effects.causes)
        self.alerts_opened.update(effects.opened)
        self.alerts_resolved.update(effects.resolved)
        self.alerts_suppressed.update(effects.suppressed)
        self.scores += len(effects.scores)
        self.promises_given_up += effects.promises_given_up
        if timestamps_ms:
            self.latency.observe((now_ms - np.array(timestamps_ms, np.int64)) / 1000.0)

    def transaction(self, seconds: float) -> None:
        """Count one committed transaction."""
        self.transactions.observe(np.array([seconds]))


class Exposed(Protocol):
    """The numbers of a process: `declared` names each, and in which attribute it is kept."""

    ready: bool
    loop_seen_s: float

    @property
    def declared(self) -> tuple[Declaration, ...]:
        """What is exposed, in this order."""
        ...


class KizunaCollector(Collector):
    """The declared metrics, as Prometheus reads them."""

    def __init__(self, metrics: Exposed) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        """One family per declaration, in their order."""
        for declared in self._metrics.declared:
            yield _family(declared, getattr(self._metrics, declared.field))


def _family(declared: Declaration, value: object) -> Metric:
    if isinstance(value, Histogram):
        histogram = HistogramMetricFamily(declared.name, declared.meaning)
        histogram.add_metric([], value.cumulative(), value.sum_s)
        return histogram
    kind = CounterMetricFamily if declared.kind == "counter" else GaugeMetricFamily
    family = kind(declared.name, declared.meaning, labels=declared.labels)
    if isinstance(value, Mapping):
        for key, number in list(value.items()):
            family.add_metric([key] if isinstance(key, str) else list(key), number)
    else:
        assert isinstance(value, int | float)
        family.add_metric([], value)
    return family
