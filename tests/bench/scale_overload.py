"""Overload: three times what the worker can do, for minutes; then nothing more comes, and it drains.

The customers are many residents: few busy ones would make the state itself grow, by what overflows their
rows. On two cores nobody can feed three times what an unhindered worker does: so it is given a share of its
core, stopped and let go many times a second as by a CPU quota; its capacity is measured like that, and it
drains unhindered.

Events make the state grow whatever the load. What the backlog costs beside it is told by a second worker that
restores the same state when all is over: `rss_restored_mb`.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stream.config import Settings
from stream.engine.feed import Feed, open_feed
from tests.bench import scale_state
from tests.bench.cluster import Broker, fresh, remove
from tests.bench.jobs import Job
from tests.bench.scale_runs import NO_SWEEP, PARTITIONS, Seen, look, preload, ready, rss, worker
from tests.bench.workload import Event, Workload

__all__ = ["overload"]

SHARE = 0.2  # of the time the worker may run
PERIOD_S = 0.05
CAPACITY_EVENTS = 400_000
TIMES = 3
SAMPLE_S = 5.0
DRAIN_S = 3600.0
TICK_S = 0.01
SETTLE_S = 8.0


async def overload(at: Broker, residents: int, minutes: float, say: Callable[[dict[str, Any]], None]) -> None:
    """Measure the capacity, feed three times as much, watch; rows are samples, the last is the verdict."""
    settings = await asyncio.to_thread(fresh, at, "scale-overload", PARTITIONS)
    now_ms = int(time.time() * 1000)
    try:
        await scale_state.fill(settings, scale_state.rows(now_ms), residents)
        await preload(settings, Workload(CAPACITY_EVENTS, residents, 1, now_ms), b'"first-')
        with worker(settings, at.scratch / "overload", NO_SWEEP) as job:
            with throttled(job):
                capacity = await _capacity(job)
                say({"phase": "capacity", "rate": round(capacity)})
                before = await _seen(job)
                n_events = round(TIMES * capacity * minutes * 60)
                workload = Workload(n_events, residents, 2, now_ms)
                samples = [await _sample(job, "before", before, say)]
                fed_s = await _feed(settings, workload, TIMES * capacity, job, before, samples, say)
            over = time.monotonic()
            while (samples[-1]["lag"]) > 0 or samples[-1]["events"] < n_events + CAPACITY_EVENTS:
                if time.monotonic() - over > DRAIN_S:
                    raise RuntimeError("the lag does not drain")
                await asyncio.sleep(SAMPLE_S)
                samples.append(await _sample(job, "drain", before, say))
            verdict = _verdict(samples, n_events / fed_s, capacity, time.monotonic() - over)
        with worker(settings, at.scratch / "afterwards", NO_SWEEP) as job:
            await ready(job)
            await asyncio.sleep(SETTLE_S)
            say(verdict | {"rss_restored_mb": round(rss(job.pid) / 2**20, 1)})
    finally:
        await remove(settings)


@contextmanager
def throttled(job: Job) -> Iterator[None]:
    """The worker runs for `SHARE` of each period only, until the block ends."""
    over = threading.Event()

    def pace() -> None:
        while not over.is_set() and job.process.poll() is None:
            job.process.send_signal(signal.SIGSTOP)
            time.sleep(PERIOD_S * (1 - SHARE))
            job.process.send_signal(signal.SIGCONT)
            time.sleep(PERIOD_S * SHARE)

    thread = threading.Thread(target=pace, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


async def _capacity(job: Job) -> float:
    """Events per second over the first backlog, from the moment the state is there; many steps long."""
    began = None
    while True:
        job.check()
        seen = await _seen(job)
        if began is None and seen["partitions_ready"] == PARTITIONS:
            began = seen
        if began is not None and seen["events"] >= CAPACITY_EVENTS:
            return (seen["events"] - began["events"]) / (seen.time_s - began.time_s)
        await asyncio.sleep(0.1)


async def _seen(job: Job) -> Seen:
    while (seen := await asyncio.to_thread(look, job)) is None:
        job.check()
        await asyncio.sleep(0.1)
    return seen


async def _sample(
    job: Job, phase: str, before: Seen, say: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    job.check()
    seen = await _seen(job)
    row = {
        "phase": phase,
        "at_s": round(seen.time_s - before.time_s, 1),
        "rss_mb": round(rss(job.pid) / 2**20, 1),
        "lag": int(seen["lag_records"]),
        "events": int(seen["events"]),
        "rebalances": int(seen["rebalances"] - before["rebalances"]),
        "resets": int(seen["partition_resets"]),
        "ready": int(seen["partitions_ready"]),
    }
    say(row)
    return row


async def _feed(
    settings: Settings,
    workload: Workload,
    rate: float,
    job: Job,
    before: Seen,
    samples: list[dict[str, Any]],
    say: Callable[[dict[str, Any]], None],
) -> float:
    """Send all of it at the rate; returns how long that took."""
    began = sampled = time.monotonic()
    async with open_feed(settings) as feed:
        events = workload.events()
        n_sent = 0
        while n_sent < workload.n_events:
            due = min(workload.n_events, int((time.monotonic() - began) * rate) + 1)
            n_sent = await _send(feed, events, n_sent, min(due, n_sent + 2_000))
            if time.monotonic() - sampled > SAMPLE_S:
                sampled = time.monotonic()
                samples.append(await _sample(job, "overload", before, say))
            await asyncio.sleep(TICK_S if n_sent >= due else 0)
        await feed.flush()
    return time.monotonic() - began


async def _send(feed: Feed, events: Iterator[Event], n_sent: int, due: int) -> int:
    while n_sent < due:
        event = next(events)
        await feed.send(event.key, event.value)
        n_sent += 1
    await feed.post()
    return n_sent


def _verdict(samples: list[dict[str, Any]], fed: float, capacity: float, drain_s: float) -> dict[str, Any]:
    during = [row["rss_mb"] for row in samples if row["phase"] == "overload"]
    early, late = during[: len(during) // 3], during[-(len(during) // 3) :]
    return {
        "phase": "verdict",
        "rate": round(fed),
        "times_capacity": round(fed / capacity, 2),
        "rss_first_third_mb": max(early, default=0.0),
        "rss_last_third_mb": max(late, default=0.0),
        "rss_drained_mb": samples[-1]["rss_mb"],
        "most_lag": max(row["lag"] for row in samples),
        "rebalances": samples[-1]["rebalances"],
        "resets": samples[-1]["resets"],
        "drain_s": round(drain_s, 1),
    }
