"""Who runs: our worker and its peers, each a process of its own with its default settings."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stream.config import Settings
from tests.bench.cluster import ROOT, Watch

__all__ = ["FAUST", "OURS", "PEERS", "Contestant", "Job", "running"]

STOP_S = 40.0
METRICS_PORT = "KIZUNA_METRICS_PORT"

Committed = Callable[[], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class Job:
    """A started contestant."""

    process: subprocess.Popen[bytes]
    log: Path
    environment: Mapping[str, str]

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    def check(self) -> None:
        """Raise if the process has ended: a benchmark never waits for the dead."""
        if (code := self.process.poll()) is not None:
            tail = "".join(self.log.read_text("utf-8", "replace").splitlines(keepends=True)[-15:])
            raise RuntimeError(f"{self.process.args!r} ended with {code}:\n{tail}")


@dataclass(frozen=True, slots=True)
class Contestant:
    """One program that is measured.

    Attributes:
        name: in results and on the command line.
        job: what it computes, in the table's words.
        guarantee: what survives a crash, and how often.
        most_events: backlog of a run at most: a slow contestant is not given minutes of the same.
        warm_up: events of the run that is not counted.
        most_rate: highest steady rate at which its latency is measured, events per second.
        command: how to start it.
        environment: settings of a run -> variables, given a scratch directory.
        counter: how many source events are committed, asked from outside.
        scores_per_event: whether it publishes a score for every event (else one per customer and commit).
    """

    name: str
    job: str
    guarantee: str
    most_events: int
    warm_up: int
    most_rate: float
    command: tuple[str, ...]
    environment: Callable[[Settings, Path], dict[str, str]]
    counter: Callable[[Settings, Job], AbstractAsyncContextManager[Committed]]
    scores_per_event: bool


@contextmanager
def running(
    contestant: Contestant, settings: Settings, scratch: Path, extra: Mapping[str, str] | None = None
) -> Iterator[Job]:
    """Run the contestant until the block ends; it is stopped as its operator would, by SIGTERM.

    Args:
        contestant: to start.
        settings: of the run.
        scratch: its working directory, made here.
        extra: further variables.
    """
    scratch.mkdir(parents=True)
    # Nothing of the caller's own settings reaches a contestant.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("KIZUNA_")}
    environment = contestant.environment(settings, scratch) | dict(extra or {})
    log = scratch / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            contestant.command,
            cwd=scratch,
            env=clean | {"PYTHONPATH": str(ROOT)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C ends the bench, and the bench ends the job
        )
    try:
        yield Job(process, log, environment)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


# --- ours ------------------------------------------------------------------------------------------------


def _worker_environment(settings: Settings, scratch: Path) -> dict[str, str]:
    empty = scratch / "kizuna.toml"
    empty.touch()
    return {
        "KIZUNA_CONFIG": str(empty),
        "KIZUNA_BOOTSTRAP": settings.bootstrap,
        "KIZUNA_APP_ID": settings.app_id,
        "KIZUNA_TOPIC_PREFIX": settings.topic_prefix,
        "KIZUNA_PARTITIONS": str(settings.partitions),
        METRICS_PORT: str(_free_port()),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def _by_metrics(_settings: Settings, job: Job) -> AsyncIterator[Committed]:
    """The worker's own count of committed events; the outputs are verified apart from it."""
    address = f"http://127.0.0.1:{job.environment[METRICS_PORT]}/metrics"

    def scrape() -> int:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:  # not listening yet
            return 0
        return sum(int(float(line.split()[-1])) for line in lines if line.startswith("kizuna_events_total"))

    async def committed() -> int:
        return await asyncio.to_thread(scrape)

    yield committed


OURS = Contestant(
    name="kizuna",
    job="the full model: trust with interval, churn risk, reasons, alert rules, deduplication, promises",
    guarantee="exactly once, state durable with every commit",
    most_events=1_000_000_000,
    warm_up=200_000,
    most_rate=float("inf"),
    command=(sys.executable, "-m", "stream", "worker"),
    environment=_worker_environment,
    counter=_by_metrics,
    scores_per_event=False,
)


# --- peers -----------------------------------------------------------------------------------------------


def _faust_environment(settings: Settings, scratch: Path) -> dict[str, str]:
    return {
        "BENCH_BOOTSTRAP": settings.bootstrap,
        "BENCH_APP": f"{settings.app_id}-faust",
        "BENCH_PREFIX": settings.topic_prefix,
        "BENCH_PARTITIONS": str(settings.partitions),
        "BENCH_SCRATCH": str(scratch / "data"),
    }


@asynccontextmanager
async def _by_outputs(settings: Settings, _job: Job) -> AsyncIterator[Committed]:
    """Scores on the topic: one per event, and no transactions, so offsets count them exactly."""
    async with Watch(settings, settings.topic("scores")) as watch:
        yield watch.committed


FAUST = Contestant(
    name="faust",
    job="simpler: two decayed sums, a ratio, a logistic, two thresholds; no reasons, no deduplication",
    guarantee="at least once",
    most_events=30_000,
    warm_up=5_000,
    most_rate=600,
    command=(sys.executable, str(Path(__file__).parent / "peers/faust_stock.py"), "worker", "-l", "warn"),
    environment=_faust_environment,
    counter=_by_outputs,
    scores_per_event=True,
)

PEERS = {FAUST.name: FAUST}
