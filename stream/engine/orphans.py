"""Rows of a transaction that was completed without its marker, and how they are kept invisible for ever.

Seen once: a broker killed in PREPARE_COMMIT wrote COMPLETE_COMMIT after its restart, but no marker in two of
our partitions. The rows stayed behind the last stable offset, were processed again, and the marker of our
*next* transaction would have shown both copies. So: after the writer was fenced, no transaction of ours may
be open; where the last stable offset is still before the log's end, one record is written and aborted. Its
abort marker covers the orphans.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from aiokafka import TopicPartition

from stream.clock import now_ms
from stream.config import Settings
from stream.engine.restore import log_reader
from stream.engine.topics import TopicNames
from stream.engine.transaction import Ledger

__all__ = ["cover_orphans", "find_orphans"]

log = structlog.get_logger(__name__)


async def find_orphans(reader: Any, settings: Settings, partitions: Iterable[int]) -> list[TopicPartition]:
    """Output partitions whose last stable offset is before their end.

    Args:
        reader: read committed.
        settings: of the process.
        partitions: numbers whose writers were just fenced.
    """
    names = TopicNames.of(settings)
    parts = [TopicPartition(topic, number) for number in partitions for topic in names.outputs]
    stable = await reader.end_offsets(parts)
    async with log_reader(settings, *names.outputs, isolation="read_uncommitted") as uncommitted:
        end = await uncommitted.end_offsets(parts)
    return [part for part in parts if stable[part] < end[part]]


async def cover_orphans(reader: Any, settings: Settings, ledgers: Mapping[int, Ledger]) -> int:
    """Abort over what `find_orphans` finds; every hit is logged.

    Returns:
        output partitions that were covered.
    """
    orphans = await find_orphans(reader, settings, ledgers)
    for number in sorted({part.partition for part in orphans}):
        topics = [part.topic for part in orphans if part.partition == number]
        log.error("transaction without marker found and aborted", partition=number, topics=topics)
        await ledgers[number].cover(topics, now_ms())
    return len(orphans)
