"""Who runs: our worker, its ceiling and its peers, each a process of its own."""

import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from stream.config import Settings
from tests.bench import packages
from tests.bench.kafka_streams import build as kafka_streams
from tests.bench.progress import METRICS_PORT, Counter, by_group, by_metrics, by_outputs
from tests.bench.verify import Publishes

__all__ = ["OURS", "PEERS", "Contestant"]

HERE = Path(__file__).parent

FULL = "the full model: trust with interval, churn risk, reasons, alert rules, deduplication, promises"
SIMPLER = "simpler: two decayed sums, a ratio, a logistic, two thresholds; no reasons, no deduplication"

ONCE = "exactly once"
AT_LEAST = "at least once"
NOTHING = "nothing survives a crash"


def _nothing() -> None:
    """What a contestant needs that runs from our own packages."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """One program that is measured.

    Attributes:
        name: in results and on the command line.
        job: what it computes, in the table's words.
        guarantee: what survives a crash, and how often.
        command: how to start it.
        counter: how many source events are committed, asked from outside.
        most_events: backlog of a run at most: a slow contestant is not given minutes of the same.
        warm_up: events of the run that is not counted.
        most_rate: highest steady rate at which its latency is measured, events per second.
        publishes: a score for every event, one per customer and commit, or none at all.
        need: makes what it runs from; `packages.Unavailable` if it cannot be had here.
        options: variables of its own.
    """

    name: str
    job: str
    guarantee: str
    command: tuple[str, ...]
    counter: Counter
    most_events: int
    warm_up: int
    most_rate: float
    publishes: Publishes = "per event"
    need: Callable[[], None] = _nothing
    options: Mapping[str, str] = field(default_factory=dict)

    def environment(self, settings: Settings, scratch: Path) -> dict[str, str]:
        """Its variables for one run: ours has the product's own names, peers have `BENCH_*`."""
        return (_ours if self.publishes != "per event" else _peers)(settings, scratch) | dict(self.options)


def _ours(settings: Settings, scratch: Path) -> dict[str, str]:
    empty = scratch / "kizuna.toml"
    empty.touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    return {
        "KIZUNA_CONFIG": str(empty),
        "KIZUNA_BOOTSTRAP": settings.bootstrap,
        "KIZUNA_APP_ID": settings.app_id,
        "KIZUNA_TOPIC_PREFIX": settings.topic_prefix,
        "KIZUNA_PARTITIONS": str(settings.partitions),
        METRICS_PORT: str(port),
    }


def _peers(settings: Settings, scratch: Path) -> dict[str, str]:
    return {
        "BENCH_BOOTSTRAP": settings.bootstrap,
        "BENCH_APP": f"{settings.app_id}-app",
        "BENCH_PREFIX": settings.topic_prefix,
        "BENCH_PARTITIONS": str(settings.partitions),
        "BENCH_SCRATCH": str(scratch / "data"),
    }


def _script(name: str, python: str = sys.executable) -> tuple[str, ...]:
    return (python, str(HERE / name))


OURS = Contestant(
    name="kizuna",
    job=FULL,
    guarantee=f"{ONCE}, state durable with every commit",
    command=(sys.executable, "-m", "stream", "worker"),
    counter=by_metrics,
    most_events=1_000_000_000,
    warm_up=200_000,
    most_rate=float("inf"),
    publishes="per commit",
)

NULL = Contestant(
    name="null",
    job="none: our engine fetches, decodes and commits; no state, no scores",
    guarantee=f"{ONCE}, the position alone",
    command=_script("null_worker.py"),
    counter=by_metrics,
    most_events=1_000_000_000,
    warm_up=200_000,
    most_rate=0,
    publishes="nothing",
)

FAUST = Contestant(
    name="faust",
    job=SIMPLER,
    guarantee=AT_LEAST,
    command=(*_script("peers/faust_stock.py"), "worker", "-l", "warn"),
    counter=by_outputs,
    most_events=30_000,
    warm_up=5_000,
    most_rate=600,
)

_OTHER_PYTHON = str(packages.PYTHON)

QUIX = Contestant(
    name="quix",
    job=SIMPLER,
    guarantee=f"{AT_LEAST}, committed every second",
    command=_script("peers/quix.py", _OTHER_PYTHON),
    counter=by_outputs,
    most_events=200_000,
    warm_up=50_000,
    most_rate=5_000,
    need=partial(packages.need, "quixstreams"),
    options={"BENCH_GUARANTEE": "at-least-once"},
)

QUIX_ONCE = replace(
    QUIX,
    name="quix_once",
    guarantee=f"{ONCE}, committed every second",
    counter=by_group,
    options={"BENCH_GUARANTEE": "exactly-once"},
)

BYTEWAX = Contestant(
    name="bytewax",
    job=SIMPLER,
    guarantee=f"{AT_LEAST}, recovery store (SQLite) every second",
    command=_script("peers/bytewax_flow.py", _OTHER_PYTHON),
    counter=by_outputs,
    most_events=200_000,
    warm_up=50_000,
    most_rate=5_000,
    need=partial(packages.need, "bytewax.connectors.kafka"),
)

BARE_AIOKAFKA = Contestant(
    name="bare_aiokafka",
    job=SIMPLER,
    guarantee=NOTHING,
    command=_script("peers/bare_aiokafka.py"),
    counter=by_outputs,
    most_events=500_000,
    warm_up=100_000,
    most_rate=20_000,
)

BARE_CONFLUENT = Contestant(
    name="bare_confluent",
    job=SIMPLER,
    guarantee=NOTHING,
    command=_script("peers/bare_confluent.py", _OTHER_PYTHON),
    counter=by_outputs,
    most_events=1_000_000,
    warm_up=100_000,
    most_rate=float("inf"),
    need=partial(packages.need, "confluent_kafka"),
)


def _kafka_streams(name: str, store: str) -> Contestant:
    return Contestant(
        name=name,
        job=f"{SIMPLER}; Java, state in {'RocksDB' if store == 'rocksdb' else 'memory'}",
        guarantee=f"{ONCE} (exactly_once_v2), committed every 100 ms",
        command=kafka_streams.COMMAND,
        counter=by_group,
        most_events=1_000_000,
        warm_up=100_000,
        most_rate=float("inf"),
        need=kafka_streams.build,
        options={"BENCH_STORE": store},
    )


KAFKA_STREAMS = _kafka_streams("kafka_streams", "memory")
KAFKA_STREAMS_ROCKSDB = _kafka_streams("kafka_streams_rocksdb", "rocksdb")

PEERS = {
    contestant.name: contestant
    for contestant in (
        NULL,
        FAUST,
        QUIX,
        QUIX_ONCE,
        BYTEWAX,
        BARE_AIOKAFKA,
        BARE_CONFLUENT,
        KAFKA_STREAMS,
        KAFKA_STREAMS_ROCKSDB,
    )
}
"""All that are compared with ours, in the table's order; the null pipeline is one of them."""
