"""What is broken: one Kafka, three ways to it, each a bad network on demand, and a disk where allowed."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stream.config import Settings, load
from stream.engine.topics import create_topics
from stream.local.broker import LocalKafka
from stream.local.failure import PortTakenError
from stream.local.ports import HOST, free_ports
from stream.local.properties import Behind
from tests.fault.disk import SmallDisk
from tests.fault.proxy import Proxy

__all__ = ["SLOTS", "Cluster", "cluster"]

SLOTS = 3
DISK_MB = 2_000
ATTEMPTS = 3
KEPT = {"min.compaction.lag.ms": "86400000"}
KEEP_ALL = {"scores": KEPT, "customers-changelog": KEPT}  # the judge reads chains without a gap


@dataclass(frozen=True, slots=True)
class Cluster:
    """Kafka and the ways to it.

    Attributes:
        settings: straight to Kafka: for whoever feeds and judges.
        kafka: ours to break.
        proxies: one for each worker there may be; its worker knows no other way.
        disk: Kafka's, or why it has none of its own.
    """

    settings: Settings
    kafka: LocalKafka
    proxies: tuple[Proxy, ...]
    ports: tuple[int, ...]
    disk: SmallDisk | str

    def settings_of(self, slot: int) -> Settings:
        """As the worker in this place is told."""
        return self.settings.model_copy(update={"bootstrap": f"{HOST}:{self.ports[slot]}"})


@contextmanager
def _disk(directory: Path, wanted: bool) -> Iterator[SmallDisk | str]:
    disk = SmallDisk.mount(directory / "kafka", DISK_MB) if wanted else "not asked for"
    try:
        yield disk
    finally:
        if isinstance(disk, SmallDisk):
            disk.unmount()


@asynccontextmanager
async def cluster(directory: Path, jars: Path, *, own_disk: bool) -> AsyncIterator[Cluster]:
    """Started, topics made; gone when the block ends.

    Args:
        directory: of the broker, empty.
        jars: where Kafka's are kept.
        own_disk: try to give the broker one.
    """
    async with AsyncExitStack() as stack:
        disk = stack.enter_context(_disk(directory, own_disk))
        made = await _somewhere(stack, directory, jars, disk)
        await asyncio.to_thread(create_topics, made.settings, KEEP_ALL)
        yield made


async def _somewhere(stack: AsyncExitStack, directory: Path, jars: Path, disk: SmallDisk | str) -> Cluster:
    for _ in range(ATTEMPTS - 1):
        try:
            return await _started(stack, directory, jars, disk)
        except (PortTakenError, OSError):  # between looking and taking, somebody else took one of eight
            continue
    return await _started(stack, directory, jars, disk)


async def _started(stack: AsyncExitStack, directory: Path, jars: Path, disk: SmallDisk | str) -> Cluster:
    ports = free_ports()
    for _ in range(random.randrange(20)):  # who starts at the same moment looks elsewhere
        next(ports)
    behind = [Behind(port, port + 1) for port in (next(ports) for _ in range(SLOTS))]
    async with AsyncExitStack() as part:
        proxies = [
            # Before Kafka, which takes seconds: whoever looks for free ports meanwhile sees these taken.
            await part.enter_async_context(Proxy(listen=each.advertised, to=each.port))
            for each in behind
        ]
        kafka = LocalKafka(directory, jars=jars, port=next(ports), behind=behind, heap="512m")
        part.callback(kafka.stop)
        await asyncio.to_thread(kafka.start)
        stack.push_async_callback(part.pop_all().aclose)
    settings = load(bootstrap=kafka.bootstrap, app_id="soak", topic_prefix="soak-", partitions=4)
    return Cluster(settings, kafka, tuple(proxies), tuple(each.advertised for each in behind), disk)
