"""Latency at a steady rate: an event is due -> the first read-committed score that covers it is read.

Open loop: events fall due by the clock, whatever the job does, and the wait of a late sender counts as
latency (no coordinated omission). One consumer per partition, because aiokafka keeps one fetch in flight per
consumer and an idle partition's long poll would hold up the others'.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.config import Settings
from stream.engine.feed import Feed, open_feed
from tests.bench import machine
from tests.bench.backlog import Backlog
from tests.bench.cluster import Broker, fresh, remove
from tests.bench.contestants import OURS, Contestant
from tests.bench.jobs import Job
from tests.bench.measure import Answers, follows, summary
from tests.bench.throughput import quiet, started

__all__ = ["steady"]

WARM_S = 10.0
MEASURED_S = 20.0
DRAIN_S = 10.0
READY_S = 60.0
TICK_S = 0.002
FAST, FAST_TICK_S = 10_000, 0.005
"""At rates above it: each tick is a request per partition, and the driver shares the machine with the job."""


class _Score(msgspec.Struct):
    customer_id: str
    events: int


class _Alert(msgspec.Struct):
    transition: str
    event_id: str | None


def _event_id(value: bytes) -> str:
    """Of an event as the workload writes it."""
    return value.partition(b'"event_id":"')[2].partition(b'"')[0].decode()


@dataclass(slots=True)
class Alerts:
    """When events were due, and when the alert that one opened was read."""

    due_s: dict[str, float] = field(default_factory=dict)
    seen_s: dict[str, float] = field(default_factory=dict)

    def summary(self) -> dict[str, float]:
        """How many were opened by measured events, and their quantiles in milliseconds."""
        waited = [seen_s - self.due_s[event] for event, seen_s in self.seen_s.items() if event in self.due_s]
        return {"n": len(waited), **(summary(waited) if waited else {})}


@dataclass(frozen=True, slots=True)
class _Cost:
    time_s: float
    app_s: float
    broker_s: float
    own_s: float
    busy_s: float

    @classmethod
    def now(cls, job: Job, at: Broker) -> "_Cost":
        return cls(
            time.monotonic(),
            machine.cpu_s(job.pid),
            machine.cpu_s(at.pid),
            machine.own_cpu_s(),
            machine.busy_cpu_s(),
        )

    def until(self, last: "_Cost") -> dict[str, float]:
        """Cores kept busy from here to `last`."""
        seconds = last.time_s - self.time_s
        app, broker = last.app_s - self.app_s, last.broker_s - self.broker_s
        own, busy = last.own_s - self.own_s, last.busy_s - self.busy_s
        cores = {"app": app, "broker": broker, "bench": own, "foreign": max(0.0, busy - app - broker - own)}
        return {f"{name}_cores": round(value / seconds, 3) for name, value in cores.items()}


async def steady(
    contestant: Contestant,
    rate: int,
    backlog: Backlog,
    at: Broker,
    partitions: int,
    extra: dict[str, str],
    prepare: Callable[[Settings], Awaitable[None]] | None = None,
    pause_s: float = 0.0,
) -> dict[str, Any]:
    """Measure one contestant at one rate, from a job that is warm and has no backlog.

    Args:
        contestant: to measure.
        rate: events per second.
        backlog: must last for warm-up and measurement.
        at: the Kafka.
        partitions: of every topic.
        extra: variables for the contestant.
        prepare: called with the run's settings once its topics are there, before the job starts.
        pause_s: between the first answer and the load.
    """
    settings = await asyncio.to_thread(fresh, at, f"bench-{contestant.name}-steady-{rate}", partitions)
    try:
        if prepare is not None:
            await prepare(settings)
        await quiet()
        load = machine.load()
        with started(contestant, settings, at, extra) as job:
            async with AsyncExitStack() as stack:
                answers = Answers()
                feed = await stack.enter_async_context(open_feed(settings))
                readers = [await _reader(stack, settings, "scores", number) for number in range(partitions)]
                tasks = [asyncio.create_task(_listen(reader, answers)) for reader in readers]
                alerts = Alerts()
                if contestant is OURS:
                    readers = [await _reader(stack, settings, "alert-log", n) for n in range(partitions)]
                    tasks += [asyncio.create_task(_listen_alerts(reader, alerts)) for reader in readers]
                try:
                    events = backlog.events()
                    await _first_answer(feed, events, answers, job)
                    await asyncio.sleep(pause_s)
                    await _drive(feed, events, answers, job, rate, WARM_S, measured=False, alerts=alerts)
                    before = _Cost.now(job, at)
                    n_sent = await _drive(
                        feed, events, answers, job, rate, MEASURED_S, measured=True, alerts=alerts
                    )
                    cores = before.until(_Cost.now(job, at))
                    await _drain(answers)
                finally:
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
        return {
            "contestant": contestant.name,
            "rate": rate,
            "sent": n_sent,
            "unanswered": answers.unanswered,
            "follows": follows(answers.latencies_s, answers.unanswered),
            **(summary(answers.latencies_s) if answers.latencies_s else {}),
            **{f"alert_{name}": value for name, value in alerts.summary().items()},
            **cores,
            "load_before": load,
        }
    finally:
        await remove(settings)


async def _reader(stack: AsyncExitStack, settings: Settings, topic: str, partition: int) -> AIOKafkaConsumer:
    reader = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap,
        group_id=None,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await reader.start()
    stack.push_async_callback(reader.stop)
    reader.assign([TopicPartition(settings.topic(topic), partition)])
    return reader


async def _listen(reader: AIOKafkaConsumer, answers: Answers) -> None:
    decoder = msgspec.json.Decoder(_Score)
    while True:
        for records in (await reader.getmany(timeout_ms=1000)).values():
            seen_s = time.monotonic()
            for record in records:
                score = decoder.decode(record.value)
                answers.scored(score.customer_id, score.events, seen_s)


async def _listen_alerts(reader: AIOKafkaConsumer, alerts: Alerts) -> None:
    decoder = msgspec.json.Decoder(_Alert)
    while True:
        for records in (await reader.getmany(timeout_ms=1000)).values():
            seen_s = time.monotonic()
            for record in records:
                alert = decoder.decode(record.value)
                if alert.transition == "opened" and alert.event_id is not None:
                    alerts.seen_s[alert.event_id] = seen_s


async def _first_answer(
    feed: Feed, events: Iterator[tuple[bytes, bytes]], answers: Answers, job: Job
) -> None:
    """Wait until the job is up: one event, not counted, until its score is there."""
    key, value = next(events)
    answers.sent(key.decode(), time.monotonic(), measured=True)
    await feed.send(key, value)
    await feed.flush()
    deadline = time.monotonic() + READY_S
    while answers.unanswered:
        job.check()
        if time.monotonic() > deadline:
            raise RuntimeError(f"{job.name} published no score within {READY_S:.0f} s:\n{job.tail()}")
        await asyncio.sleep(0.05)
    answers.latencies_s.clear()


async def _drive(
    feed: Feed,
    events: Iterator[tuple[bytes, bytes]],
    answers: Answers,
    job: Job,
    rate: int,
    seconds: float,
    *,
    measured: bool,
    alerts: Alerts,
) -> int:
    job.check()
    tick_s = FAST_TICK_S if rate > FAST else TICK_S
    start_s = time.monotonic()
    n_sent, n_all = 0, int(rate * seconds)
    while n_sent < n_all:
        due = min(n_all, int((time.monotonic() - start_s) * rate) + 1)
        while n_sent < due:
            key, value = next(events)
            answers.sent(key.decode(), start_s + n_sent / rate, measured=measured)
            if measured:
                alerts.due_s[_event_id(value)] = start_s + n_sent / rate
            await feed.send(key, value)
            n_sent += 1
        await feed.post()
        await asyncio.sleep(tick_s)
    return n_sent


async def _drain(answers: Answers) -> None:
    deadline = time.monotonic() + DRAIN_S
    while answers.unanswered and time.monotonic() < deadline:  # noqa: ASYNC110 - an event per score would cost
        await asyncio.sleep(0.05)
