"""Topics as they grow, read committed: for those who watch."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.config import Settings
from stream.engine.restore import log_reader
from stream.errors import BrokerError

__all__ = ["Followed", "Follower", "follow"]

log = structlog.get_logger(__name__)

WAIT_MS = 200
AGAIN_S = 1.0


async def follow(settings: Settings, topic: str) -> AsyncIterator[list[Any]]:
    """Pages of records committed after the call, without end; an empty page when nothing came for a second.

    Args:
        settings: where Kafka is and how topics are called.
        topic: registry name.
    """
    name = settings.topic(topic)
    async with log_reader(settings, name) as reader:
        parts = [TopicPartition(name, number) for number in range(settings.partitions)]
        reader.assign(parts)
        await reader.seek_to_end(*parts)
        while True:
            pages = await reader.getmany(timeout_ms=1000)
            yield [record for page in pages.values() for record in page]


@dataclass(frozen=True, slots=True)
class Followed:
    """What came: records by topic (registry name), and how many offsets of each are still to be read."""

    records: dict[str, list[Any]] = field(default_factory=dict)
    left: dict[str, int] = field(default_factory=dict)


class Follower:
    """Whole topics from their beginning, without a group: the first up to its end, then the next; then all.

    So what the first says is known before anything of the next is seen.

    Args:
        settings: where Kafka is and how topics are called.
        topics: registry names.
    """

    def __init__(self, settings: Settings, topics: Sequence[str]) -> None:
        self.positions: dict[tuple[str, int], int] = {}
        """Next offset to be read, by topic and partition."""
        self._settings = settings
        numbers = range(settings.partitions)
        self._parts = {name: [TopicPartition(settings.topic(name), n) for n in numbers] for name in topics}
        self._names = {settings.topic(name): name for name in topics}
        self._ends: dict[TopicPartition, int] = {}
        self._reader: Any = None

    async def pages(self) -> AsyncGenerator[Followed, None]:
        """Without end; a page without records when nothing came for a while. Kafka's absence is waited out.

        Raises:
            BrokerError: Kafka cannot be reached at the start, or a record cannot be parsed.
        """
        try:
            async with log_reader(self._settings, *self._names) as reader:
                self._reader = reader
                everything = [part for parts in self._parts.values() for part in parts]
                reader.assign(everything)
                self._ends = dict(await reader.end_offsets(everything))
                self.positions = {self._key(part): 0 for part in everything}
                waiting = dict(self._parts)
                reader.pause(*everything)
                while True:
                    self._let_in(reader, waiting)
                    pages = await reader.getmany(timeout_ms=WAIT_MS)
                    yield await self._followed(reader, pages)
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerError(
                f"cannot read {', '.join(self._names)} ({type(error).__name__})",
                hint="start Kafka with `kizuna kafka start` and create topics with `kizuna topics create`",
            ) from error

    async def ends(self, topic: str) -> dict[int, int]:
        """Where the committed records of a topic end now, by partition; Kafka's absence is waited out."""
        while True:
            try:
                ends = await self._reader.end_offsets(self._parts[topic])
                return {part.partition: end for part, end in ends.items()}
            except KafkaError as error:
                log.warning("ends of a topic are not known, asking again", topic=topic, reason=repr(error))
                await asyncio.sleep(AGAIN_S)

    def _key(self, part: TopicPartition) -> tuple[str, int]:
        return self._names[part.topic], part.partition

    def _let_in(self, reader: Any, waiting: dict[str, list[TopicPartition]]) -> None:
        """Resume the topics in turn, the next once those before it are read."""
        for name, parts in self._parts.items():
            reader.resume(*waiting.pop(name, ()))
            if waiting and self._left(parts):
                return

    def _left(self, parts: list[TopicPartition]) -> int:
        return sum(max(0, self._ends[part] - self.positions[self._key(part)]) for part in parts)

    async def _followed(self, reader: Any, pages: dict[TopicPartition, list[Any]]) -> Followed:
        paused, positions = reader.paused(), {}
        for parts in self._parts.values():
            for part in parts:
                if part not in paused:
                    positions[self._key(part)] = await reader.position(part)
                    self._ends[part] = max(self._ends[part], reader.last_stable_offset(part) or 0)
        self.positions |= positions  # with no wait before the page is taken: what is passed is known
        records: dict[str, list[Any]] = {}
        for part, page in pages.items():
            records.setdefault(self._names[part.topic], []).extend(page)
        return Followed(records, {name: self._left(parts) for name, parts in self._parts.items()})
