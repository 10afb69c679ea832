"""One real local Kafka for the whole bench, and topics of their own for every run."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from stream.config import Settings, load
from stream.engine.feed import open_feed
from stream.engine.topics import create_topics
from stream.local.broker import LocalKafka
from tests.bench.backlog import Backlog

__all__ = ["ROOT", "Broker", "Watch", "broker", "fresh", "preload", "remove"]

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Broker:
    """The running Kafka.

    Attributes:
        bootstrap: its address.
        pid: of its Java process.
        version: of Kafka.
        scratch: directory for whatever a run writes; removed at the end.
    """

    bootstrap: str
    pid: int
    version: str
    scratch: Path


@contextmanager
def broker(settings: Settings) -> Iterator[Broker]:
    """Run a Kafka with data of its own until the block ends; the jars are those of the project."""
    home = ROOT / ".kizuna"
    home.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-", dir=home) as name:
        scratch = Path(name)
        kafka = LocalKafka(
            scratch,
            jars=home / "jars",
            heap=settings.kafka_heap,
            repository=settings.maven_repository,
        )
        with kafka:
            status = kafka.status()
            assert status.pid is not None
            assert status.bootstrap is not None
            yield Broker(status.bootstrap, status.pid, status.kafka_version, scratch)


def fresh(at: Broker, run: str, partitions: int) -> Settings:
    """Settings of one run with topics nobody used before: the declared ones, created."""
    settings = load(bootstrap=at.bootstrap, app_id=run, topic_prefix=f"{run}-", partitions=partitions)
    create_topics(settings)
    return settings


async def preload(settings: Settings, backlog: Backlog) -> None:
    """Put the whole workload on the run's topic; returns when all of it is acknowledged."""
    async with open_feed(settings) as feed:
        for key, value in backlog.events():
            await feed.send(key, value)
        acknowledged = await feed.flush()
    assert acknowledged == backlog.workload.n_events


async def remove(settings: Settings) -> None:
    """Delete the run's topics, so that their compaction does not disturb the next run."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        # A peer's own topics have the run's name somewhere within theirs.
        mine = [name for name in await admin.list_topics() if f"{settings.app_id}-" in name]
        await admin.delete_topics(mine)
    finally:
        await admin.close()


@dataclass(slots=True)
class Watch:
    """Looks at the end of one topic from outside; open with `async with`."""

    settings: Settings
    topic: str
    _reader: AIOKafkaConsumer = field(init=False)
    _parts: list[TopicPartition] = field(init=False)

    async def __aenter__(self) -> "Watch":
        self._reader = AIOKafkaConsumer(
            bootstrap_servers=self.settings.bootstrap,
            group_id=None,
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        await self._reader.start()
        self._parts = [TopicPartition(self.topic, number) for number in range(self.settings.partitions)]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._reader.stop()

    async def committed(self) -> int:
        """Records (control records included) that a read-committed reader may see, over all partitions."""
        ends = await asyncio.wait_for(self._reader.end_offsets(self._parts), 30)
        return sum(ends.values())
