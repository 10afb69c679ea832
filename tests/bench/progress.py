"""How many source events of a run are committed, asked from outside in three ways.

Each is exact at the moment it is asked, and costs the bench one small request per look.
"""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from stream.config import Settings
from tests.bench.cluster import Watch
from tests.bench.jobs import Job

__all__ = ["METRICS_PORT", "Committed", "Counter", "by_group", "by_metrics", "by_outputs"]

METRICS_PORT = "KIZUNA_METRICS_PORT"

Committed = Callable[[], Awaitable[int]]
Counter = Callable[[Settings, Job], AbstractAsyncContextManager[Committed]]


@asynccontextmanager
async def by_metrics(_settings: Settings, job: Job) -> AsyncIterator[Committed]:
    """The worker's own count, made after each transaction; the outputs are verified apart from it."""
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


@asynccontextmanager
async def by_outputs(settings: Settings, _job: Job) -> AsyncIterator[Committed]:
    """Scores on the topic: one per event, and no transactions, so offsets count them exactly."""
    async with Watch(settings, settings.topic("scores")) as watch:
        yield watch.committed


@asynccontextmanager
async def by_group(settings: Settings, job: Job) -> AsyncIterator[Committed]:
    """Offsets its group has committed: with transactions, those whose outputs a read-committed reader sees.

    Offsets of the scores would count the transactions' markers too. The source has none: what `preload`
    writes is no transaction, so its offsets are numbers of events.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    parts = [TopicPartition(settings.topic("interactions"), number) for number in range(settings.partitions)]
    seen = 0
    try:

        async def committed() -> int:
            nonlocal seen
            ask = admin.list_consumer_group_offsets(job.environment["BENCH_APP"], partitions=parts)
            try:
                offsets = await asyncio.wait_for(ask, 30)
            except GroupCoordinatorNotAvailableError:  # the broker's first group: its topic is being made
                return seen
            seen = sum(max(0, found.offset) for found in offsets.values())
            return seen

        yield committed
    finally:
        await admin.close()
