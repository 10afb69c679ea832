"""Parts of the scale bench with a worker over millions of customers: ready, memory, rate, latency."""

import asyncio
import os
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stream.config import Settings
from stream.engine.feed import open_feed
from tests.bench import machine, scale_state
from tests.bench.backlog import Backlogs
from tests.bench.cluster import Broker, fresh, remove
from tests.bench.contestants import OURS
from tests.bench.jobs import Job, running
from tests.bench.latency import MEASURED_S, WARM_S, steady
from tests.bench.progress import METRICS_PORT
from tests.bench.throughput import quiet
from tests.bench.workload import Workload

__all__ = [
    "NO_SWEEP",
    "PARTITIONS",
    "Seen",
    "look",
    "preload",
    "rates",
    "ready",
    "restores",
    "rss",
    "sweeps",
    "worker",
]

Say = Callable[[dict[str, Any]], None]

PARTITIONS = 4
READY_S = 240.0
SETTLE_S = 20.0  # what was filled is written to disk, which would hold up the first commits
FILLED_S = 120.0  # at most; so long a broker may be busy with millions of rows that it was given
NO_SWEEP = {"KIZUNA_SWEEP_INTERVAL_S": "3600"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker's own metrics: sums over labels, by name without `kizuna_`."""

    time_s: float
    values: dict[str, float]

    def __getitem__(self, metric: str) -> float:
        return self.values.get(metric, 0.0)


def look(job: Job) -> Seen | None:
    """What the worker says now; None before it listens."""
    try:
        with urllib.request.urlopen(_address(job, "metrics"), timeout=10) as answer:
            text = answer.read().decode()
    except OSError:
        return None
    values: dict[str, float] = {}
    for line in text.splitlines():
        if line.startswith("kizuna_"):
            label, _, value = line.rpartition(" ")
            metric = label.partition("{")[0].removeprefix("kizuna_").removesuffix("_total")
            values[metric] = values.get(metric, 0.0) + float(value)
    return Seen(time.monotonic(), values)


def _address(job: Job, page: str) -> str:
    return f"http://127.0.0.1:{job.environment[METRICS_PORT]}/{page}"


@contextmanager
def worker(settings: Settings, scratch: Path, extra: Mapping[str, str]) -> Iterator[Job]:
    """The real worker, until the block ends."""
    scratch.mkdir()
    with running(OURS.command, scratch, OURS.environment(settings, scratch) | dict(extra)) as job:
        yield job


async def ready(job: Job) -> float:
    """Seconds until the worker says that it is ready; looked at every 20 ms."""
    began = time.monotonic()

    def says() -> bool:
        try:
            with urllib.request.urlopen(_address(job, "readyz"), timeout=10) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    while not await asyncio.to_thread(says):
        job.check()
        if time.monotonic() - began > READY_S:
            raise RuntimeError(f"not ready within {READY_S:.0f} s")
        await asyncio.sleep(0.02)
    return time.monotonic() - began


def rss(pid: int) -> int:
    """Resident bytes of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


async def preload(settings: Settings, workload: Workload, prefix: bytes = b'"e-') -> None:
    """Put a workload on the topic; event ids begin with `prefix`, so that two of them share none."""
    async with open_feed(settings) as feed:
        for event in workload.events():
            await feed.send(event.key, event.value.replace(b'"e-', prefix))
        await feed.flush()


async def restores(at: Broker, sizes: list[int], rounds: int, say: Say) -> None:
    """Start the worker over so many customers; memory is measured against the first row, the empty one."""
    lived = scale_state.rows(_now_ms())
    empty = 0
    for size in [0, *sizes]:
        settings = await asyncio.to_thread(fresh, at, f"scale-{size}", PARTITIONS)
        try:
            filled_s = await scale_state.fill(settings, lived, size)
            for number in range(rounds):
                await quiet()
                with worker(settings, at.scratch / f"{size}-{number}", NO_SWEEP) as job:
                    ready_s = await ready(job)
                    at_ready, cpu_s = rss(job.pid), machine.cpu_s(job.pid)
                    await asyncio.sleep(8.0)
                    settled, seen = rss(job.pid), look(job)
                    peak = machine.peak_rss_mb(job.pid)
                    assert seen is not None
                if size == 0:
                    empty = settled
                restored, seconds = int(seen["restored_rows"]), seen["restore_seconds"]
                say(
                    {
                        "customers": size,
                        "ready_s": round(ready_s, 2),
                        "cpu_ready_s": round(cpu_s, 2),
                        "rows": restored,
                        "restore_s": round(seconds, 2),
                        "rows_per_s": round(restored / seconds),
                        "rss_mb": round(settled / 2**20, 1),
                        "rss_ready_mb": round(at_ready / 2**20, 1),
                        "peak_mb": round(peak, 1),
                        "bytes_per_customer": round((settled - empty) / size, 1) if size else "",
                        "peak_bytes_per_customer": round((peak * 2**20 - empty) / size, 1) if size else "",
                        "fill_s": round(filled_s, 1),
                    }
                )
        finally:
            await remove(settings)


async def rates(at: Broker, sizes: list[int], n_events: int, active: int, rounds: int, say: Say) -> None:
    """Drain a backlog over so many residents: traffic of all of them, and of the same few."""
    lived = scale_state.rows(_now_ms())
    for size in sizes:
        settings = await asyncio.to_thread(fresh, at, f"scale-rate-{size}", PARTITIONS)
        try:
            await scale_state.fill(settings, lived, size)
            await asyncio.to_thread(os.sync)  # gigabytes written just now would hold up the first commits
            await quiet(FILLED_S)
            for number in range(rounds):
                for traffic, customers in (("narrow", min(active, size)), ("all", size)):
                    workload = Workload(n_events, customers, 5 + number, _now_ms())
                    await preload(settings, workload, f'"{traffic}{number}-'.encode())
                    await quiet()
                    row = await _drain(at, settings, n_events, f"{size}-{traffic}-{number}")
                    say({"residents": size, "traffic": traffic, "of": customers, **row})
        finally:
            await remove(settings)


async def _drain(at: Broker, settings: Settings, n_events: int, run: str) -> dict[str, Any]:
    """Rate from the first look with events to the first with all; CPU within; scores per event."""
    with worker(settings, at.scratch / run, NO_SWEEP) as job:
        first: tuple[Seen, float, float] | None = None
        deadline = time.monotonic() + READY_S
        while True:
            job.check()
            if time.monotonic() > deadline:
                raise RuntimeError("not drained")
            seen = await asyncio.to_thread(look, job)
            cpu = machine.cpu_s(job.pid), machine.cpu_s(at.pid)
            if seen is not None and first is None and seen["events"] > 0:
                first = seen, *cpu
            if first is not None and seen is not None and seen["events"] >= n_events:
                break
            await asyncio.sleep(0.05)
        start, app_s, broker_s = first
        events = seen["events"] - start["events"]
        if not events:
            raise RuntimeError("all at the first look: more --events")
        seconds = seen.time_s - start.time_s
        return {
            "rate": round(events / seconds),
            "app_us": round((cpu[0] - app_s) / events * 1e6, 2),
            "broker_us": round((cpu[1] - broker_s) / events * 1e6, 2),
            "scores_per_event": round(seen["scores"] / seen["events"], 3),
            "seconds": round(seconds, 2),
        }


async def sweeps(at: Broker, size: int, loads: list[int], interval_s: int, rounds: int, say: Say) -> None:
    """Latency over so many residents, with and without a sweep; the active customers are others."""
    lived = scale_state.rows(_now_ms())

    async def prepare(settings: Settings) -> None:
        await scale_state.fill(settings, lived, size, prefix="resident")
        await asyncio.sleep(SETTLE_S)

    backlogs = Backlogs(at.scratch)
    for number in range(rounds):
        for rate in loads:
            for swept in (False, True) if number % 2 == 0 else (True, False):
                workload = Workload(int(rate * (WARM_S + MEASURED_S)) + 1, 20_000, 3, _now_ms())
                extra = {"KIZUNA_SWEEP_INTERVAL_S": str(interval_s)} if swept else NO_SWEEP
                own = replace(at, scratch=at.scratch / f"sweep-{number}-{rate}-{swept}")
                own.scratch.mkdir()
                # The first sweep begins an interval after the start, and publishes what a month of silence
                # has moved, which is everybody: the one after it is what a worker does every day. Without a
                # sweep the same pause: the broker is long busy with the rows that it was given.
                pause_s = 2.0 * interval_s
                backlog = backlogs.of(workload)
                row = await steady(OURS, rate, backlog, own, PARTITIONS, extra, prepare, pause_s)
                say({"residents": size, "sweep_interval_s": interval_s if swept else "none", **row})


def _now_ms() -> int:
    return int(time.time() * 1000)
