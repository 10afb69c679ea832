"""A topic from now on, read committed: for those who watch."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka import TopicPartition

from stream.config import Settings
from stream.engine.restore import log_reader

__all__ = ["follow"]


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
