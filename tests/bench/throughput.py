"""One run on a preloaded backlog: fresh topics, the whole input acknowledged, then the job starts."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from stream.config import Settings
from tests.bench import machine
from tests.bench.backlog import Backlog
from tests.bench.cluster import Broker, fresh, preload, remove
from tests.bench.contestants import Contestant
from tests.bench.jobs import Job, running
from tests.bench.measure import NOISY_CORES, Mark, Window
from tests.bench.progress import Committed
from tests.bench.verify import Outputs, findings, read_outputs
from tests.bench.workload import Workload

__all__ = ["Run", "TooFastError", "quiet", "run", "started"]

LOOK_S = 0.1
STALL_S = 90.0
"""Without one more committed event a run is given up."""

QUIET_CORES = 0.2
QUIET_S = 12.0


class TooFastError(RuntimeError):
    """There was no second look to measure to."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measured run."""

    contestant: str
    round: int
    workload: Workload
    window: Window
    first_event_s: float
    peak_rss_mb: float
    load: list[float]
    outputs: Outputs
    wrong: list[str]

    @property
    def is_noisy(self) -> bool:
        """Something else used the machine."""
        return self.window.foreign_cores > NOISY_CORES

    def row(self) -> dict[str, Any]:
        """As it goes into the result file."""
        window, outputs = self.window, self.outputs
        warm = window.second_half
        return {
            "contestant": self.contestant,
            "round": self.round,
            "events": self.workload.n_events,
            "customers": self.workload.n_customers,
            "rate": round(window.rate, 1),
            "rate_warm": warm and round(warm.rate, 1),
            "app_us_warm": warm and round(warm.app_us, 2),
            "noisy": self.is_noisy,
            "seconds": round(window.seconds, 3),
            "events_in_window": window.events,
            "app_us": round(window.app_us, 2),
            "broker_us": round(window.broker_us, 2),
            "app_cores": round(window.app_cores, 3),
            "broker_cores": round(window.broker_cores, 3),
            "foreign_cores": round(window.foreign_cores, 3),
            "first_event_s": round(self.first_event_s, 2),
            "peak_rss_mb": round(self.peak_rss_mb, 1),
            "load_before": self.load,
            "scores": outputs.scores,
            "alerts": outputs.alerts,
            "state_rows": outputs.state_rows,
            "state_bytes": outputs.state_bytes,
            "wrong": self.wrong,
            "first": asdict(window.first),
            "last": asdict(window.last),
        }


async def run(
    contestant: Contestant,
    number: int,
    backlog: Backlog,
    at: Broker,
    partitions: int,
    extra: dict[str, str],
) -> Run:
    """Measure one contestant once and verify what it wrote.

    Raises:
        TooFastError: the job was done before it could be measured.
        RuntimeError: the job ended, or nothing was committed for `STALL_S`.
    """
    settings = await asyncio.to_thread(fresh, at, f"bench-{contestant.name}-{number}", partitions)
    try:
        await preload(settings, backlog)
        await quiet()
        load = machine.load()
        with started(contestant, settings, at, extra) as job:
            started_s = time.monotonic()
            async with contestant.counter(settings, job) as committed:
                window = await _watch(committed, job, at.pid, backlog.workload.n_events)
            peak_rss_mb = machine.peak_rss_mb(job.pid)
        outputs = await read_outputs(settings, contestant.publishes)
        return Run(
            contestant.name,
            number,
            backlog.workload,
            window,
            first_event_s=window.first.time_s - started_s,
            peak_rss_mb=peak_rss_mb,
            load=load,
            outputs=outputs,
            wrong=findings(outputs, backlog, contestant.publishes),
        )
    finally:
        await remove(settings)


@contextmanager
def started(contestant: Contestant, settings: Settings, at: Broker, extra: dict[str, str]) -> Iterator[Job]:
    """The contestant as a process with a directory of its own, until the block ends."""
    scratch = at.scratch / settings.app_id
    scratch.mkdir()
    with running(contestant.command, scratch, contestant.environment(settings, scratch) | extra) as job:
        yield job


async def quiet(most_s: float = QUIET_S) -> None:
    """Wait some seconds for the machine to come to rest. Noise is recorded, never a reason to drop a run."""
    deadline = time.monotonic() + most_s
    while time.monotonic() < deadline:
        before = machine.busy_cpu_s()
        await asyncio.sleep(1.0)
        if machine.busy_cpu_s() - before < QUIET_CORES:
            return


async def _watch(committed: Committed, job: Job, broker_pid: int, n_events: int) -> Window:
    first: Mark | None = None
    middle: Mark | None = None
    seen, moved_s = 0, time.monotonic()
    while True:
        job.check()
        count = await committed()
        mark = _mark(count, job.pid, broker_pid)
        if count > seen:
            seen, moved_s = count, mark.time_s
        if first is None and count > 0:
            if count >= n_events:
                raise TooFastError("all events were committed at the first look: give it more (--events)")
            first = mark
        if middle is None and 2 * count >= n_events:
            middle = mark
        if first is not None and count >= n_events:
            return Window(first, mark, middle)
        if mark.time_s - moved_s > STALL_S:
            raise RuntimeError(
                f"{job.name} stays at {seen} of {n_events} events for {STALL_S:.0f} s:\n{job.tail()}"
            )
        await asyncio.sleep(LOOK_S)


def _mark(count: int, app_pid: int, broker_pid: int) -> Mark:
    return Mark(
        time_s=time.monotonic(),
        committed=count,
        app_cpu_s=machine.cpu_s(app_pid),
        broker_cpu_s=machine.cpu_s(broker_pid),
        own_cpu_s=machine.own_cpu_s(),
        busy_cpu_s=machine.busy_cpu_s(),
    )
