"""A topic from its beginning to its end as of now, read committed: for `explain`, the demo and tests."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.config import Settings
from stream.engine.restore import log_reader
from stream.errors import BrokerError

__all__ = ["read_pages", "read_topic"]


async def read_pages(
    settings: Settings,
    topic: str,
    *,
    partitions: Sequence[int] | None = None,
    isolation: str = "read_committed",
) -> AsyncIterator[list[Any]]:
    """Pages of records, each of one partition with ascending offsets, up to the ends at the time of the call.

    Args:
        settings: where Kafka is and how topics are called.
        topic: registry name.
        partitions: only these, as far as they exist; all if None.
        isolation: "read_committed" hides what no transaction committed.

    Raises:
        BrokerError: unreachable, missing, or nothing more comes for `restore_stall_s`.
    """
    name = settings.topic(topic)
    try:
        async with log_reader(settings, isolation=isolation) as reader:
            # Asked first: for a partition that does not exist aiokafka would ask again and again.
            numbers = reader.partitions_for_topic(name) or await _numbers(reader, name)
            if partitions is not None:
                numbers = numbers & set(partitions)
            parts = [TopicPartition(name, number) for number in sorted(numbers)]
            reader.assign(parts)
            end = await reader.end_offsets(parts)
            beginning = await reader.beginning_offsets(parts)
            left = {part for part in parts if end[part] > beginning[part]}
            while left:
                async with asyncio.timeout(settings.restore_stall_s):
                    pages = await reader.getmany(*left, timeout_ms=500)
                    left = {part for part in left if await reader.position(part) < end[part]}
                for part, page in pages.items():
                    within = [record for record in page if record.offset < end[part]]
                    if within:
                        yield within
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(
            f"cannot read {name} at {settings.bootstrap} ({type(error).__name__})",
            hint="start Kafka with `kizuna kafka start` and create topics with `kizuna topics create`",
        ) from error


async def _numbers(reader: Any, name: str) -> set[int]:
    await reader._client.force_metadata_update()
    cluster = await reader._client.fetch_all_metadata()
    numbers: set[int] | None = cluster.partitions_for_topic(name)
    if not numbers:
        raise BrokerError(f"no topic {name}", hint="create it with `kizuna topics create`")
    return numbers


async def read_topic(
    settings: Settings,
    topic: str,
    *,
    partitions: Sequence[int] | None = None,
    isolation: str = "read_committed",
) -> list[Any]:
    """All records of `read_pages` in one list."""
    pages = read_pages(settings, topic, partitions=partitions, isolation=isolation)
    return [record async for page in pages for record in page]
