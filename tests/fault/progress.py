"""How far the work is done, asked of a broker that comes and goes."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.config import Settings
from stream.engine.committed import Committed
from stream.engine.restore import log_reader
from stream.engine.topics import TopicNames

__all__ = ["Place", "Progress"]

Place = tuple[str, int]
"""A source, as it is called on the cluster, and a partition."""

ANSWER_LIMIT_S = 5.0


class Progress:
    """Positions and ends by partition; a broker that does not answer in time is None, not an error."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names = TopicNames.of(settings)
        self._stack: AsyncExitStack | None = None
        self._reader: Any = None
        self._raw: Any = None

    async def close(self) -> None:
        stack, self._stack = self._stack, None
        if stack is not None:
            try:
                async with asyncio.timeout(ANSWER_LIMIT_S):
                    await stack.aclose()
            except (KafkaError, OSError, TimeoutError):
                pass  # a reader whose broker is away; a new one is opened

    async def _open(self) -> None:
        if self._stack is None:
            self._stack = AsyncExitStack()
            topics = (self._names.changelog, *self._names.sources)
            self._reader = await self._stack.enter_async_context(log_reader(self._settings, *topics))
            self._raw = await self._stack.enter_async_context(
                log_reader(self._settings, *topics, isolation="read_uncommitted")
            )

    async def _ask(self, question: Any) -> Any:
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S):
                await self._open()
                return await question()
        except (KafkaError, OSError, TimeoutError, KeyError):
            await self.close()
            return None

    async def sample(self) -> tuple[dict[Place, int], dict[Place, int]] | None:
        """Next offset of each partition of each source, and how far it is committed; asked in this order."""
        parts = [part for source in self._names.sources for part in self._parts(source)]

        async def ask() -> tuple[dict[Place, int], dict[Place, int]]:
            ends = await self._reader.end_offsets(parts)
            committed = Committed(self._reader, self._names, self._settings.partitions)
            positions = await committed.positions()
            done = {
                (source, number): position.offsets.get(source, 0)
                for number, position in positions.items()
                for source in self._names.sources
            }
            at = {(part.topic, part.partition): end for part, end in ends.items()}
            return at, dict.fromkeys(at, 0) | done

        found: tuple[dict[Place, int], dict[Place, int]] | None = await self._ask(ask)
        return found

    async def open_transactions(self) -> dict[int, int] | None:
        """Changelog partitions with records of an unfinished transaction, and their last stable offsets."""
        parts = self._parts(self._names.changelog)

        async def ask() -> dict[int, int]:
            stable = await self._reader.end_offsets(parts)
            end = await self._raw.end_offsets(parts)
            return {part.partition: stable[part] for part in parts if stable[part] < end[part]}

        found: dict[int, int] | None = await self._ask(ask)
        return found

    def _parts(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in range(self._settings.partitions)]
