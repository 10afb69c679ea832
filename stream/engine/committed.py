"""How far the work is done, as the log says: the last position row of each partition, nothing else read.

For whoever waits for a worker that may die and start again meanwhile: a worker's own counters begin at zero
with it, the log's positions do not.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.config import Settings
from stream.engine.restore import log_reader
from stream.engine.topics import TopicNames
from stream.errors import BrokerError
from stream.state.position import POSITION_KEY, Position

__all__ = ["Committed", "open_committed"]

TAIL = 16
"""Offsets looked back for a position row: it is the last row of each transaction, then comes the marker."""


class Committed:
    """Open with `open_committed`. Positions are remembered: one that is not found anew is still true."""

    def __init__(self, reader: Any, names: TopicNames, n_partitions: int) -> None:
        self._reader = reader
        self._log = [TopicPartition(names.changelog, number) for number in range(n_partitions)]
        self._sources = [
            TopicPartition(topic, number) for topic in names.sources for number in range(n_partitions)
        ]
        self._found: dict[int, Position] = {}

    async def positions(self) -> dict[int, Position]:
        """The last committed position of each partition that has one."""
        self._reader.assign(self._log)
        stable = await self._reader.end_offsets(self._log)
        first = await self._reader.beginning_offsets(self._log)
        left = set()
        for part in self._log:
            if stable[part] > first[part]:
                self._reader.seek(part, max(first[part], stable[part] - TAIL))
                left.add(part)
        while left:
            pages = await self._reader.getmany(*left, timeout_ms=200)
            for part, page in pages.items():
                for record in page:
                    if record.key == POSITION_KEY:
                        self._found[part.partition] = Position.decode(record.value)
            left = {part for part in left if await self._reader.position(part) < stable[part]}
        return dict(self._found)

    async def done(self) -> tuple[int, int]:
        """Source records that are committed, and how many there are."""
        positions = await self.positions()
        ends = await self._reader.end_offsets(self._sources)
        firsts = await self._reader.beginning_offsets(self._sources)
        n_done = 0
        for part in self._sources:
            position = positions.get(part.partition)
            offset = position.offsets.get(part.topic, firsts[part]) if position else firsts[part]
            n_done += max(0, offset - firsts[part])
        return n_done, sum(ends[part] - firsts[part] for part in self._sources)


@asynccontextmanager
async def open_committed(settings: Settings) -> AsyncIterator[Committed]:
    """Watch the positions of these settings' application.

    Raises:
        BrokerError: Kafka is unreachable in bounded time, or goes away.
    """
    names = TopicNames.of(settings)
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                reader = await stack.enter_async_context(
                    log_reader(settings, names.changelog, *names.sources)
                )
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerError(
                f"no Kafka at {settings.bootstrap} ({type(error).__name__})",
                hint="start it: kizuna kafka start",
            ) from error
        yield Committed(reader, names, settings.partitions)
