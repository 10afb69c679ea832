"""Rows of a transaction that was completed without its marker, and how they are kept invisible for ever.

Seen once: a broker killed in PREPARE_COMMIT wrote COMPLETE_COMMIT after its restart, but no marker in two of
our partitions. The rows stayed behind the last stable offset, were processed again, and the marker of our
*next* transaction would have shown both copies. So: after the writer was fenced, no transaction of ours may
be open; where the last stable offset is still before the log's end, one record is written and aborted. Its
abort marker covers the orphans.

What is still held back after that is somebody else's transaction: our marker does not end it. In the
changelog it hides the end of our own rows, and going on without them would do their work twice, so the
opening waits for it and then gives up. In the other topics it only keeps their readers waiting; that is said.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from time import monotonic
from typing import Any

import structlog
from aiokafka import TopicPartition

from stream.clock import now_ms
from stream.config import Settings
from stream.engine.restore import log_reader
from stream.engine.topics import TopicNames
from stream.engine.transaction import Ledger
from stream.errors import BrokerError

__all__ = ["cover_orphans", "find_orphans"]

log = structlog.get_logger(__name__)

LOOK_AGAIN_S = 0.2
MARKERS_S = 2.0
"""Kafka answers an abort before its markers are written; they come within milliseconds."""


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
        output partitions that were covered; from here on the changelog can be read to its end.

    Raises:
        BrokerError: another producer's transaction holds a changelog partition for `restore_stall_s`.
    """
    orphans = await find_orphans(reader, settings, ledgers)
    for number in sorted({part.partition for part in orphans}):
        topics = [part.topic for part in orphans if part.partition == number]
        log.error("transaction without marker found and aborted", partition=number, topics=topics)
        await ledgers[number].cover(topics, now_ms())
    if orphans:
        await _wait_for_others(reader, settings, ledgers)
    return len(orphans)


async def _wait_for_others(reader: Any, settings: Settings, numbers: Collection[int]) -> None:
    changelog = TopicNames.of(settings).changelog
    began = said = monotonic()
    while held := await find_orphans(reader, settings, numbers):
        names = [f"{part.topic}-{part.partition}" for part in held]
        waited_s = monotonic() - began
        if waited_s > MARKERS_S and said == began:
            said = monotonic()
            log.error("another producer's transaction is open in our topics", partitions=names)
        if waited_s > MARKERS_S and all(part.topic != changelog for part in held):
            return
        if waited_s > MARKERS_S + settings.restore_stall_s:
            raise BrokerError(
                f"another producer's open transaction hides the end of {', '.join(names)}",
                hint="only workers may write there: end that producer, or its transaction with"
                " kafka-transactions, then start again",
            )
        await asyncio.sleep(LOOK_AGAIN_S)
