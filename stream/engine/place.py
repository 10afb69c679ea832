"""Where a restored partition goes on: position row, else group offset, else earliest; and when it must not.

Called after the restore of new and bad partitions, before anything is read or written for them.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import TopicPartition

from stream.config import Settings
from stream.engine.damage import check_counted, check_origin, check_start, our_work, rewound
from stream.engine.partition import Partition
from stream.engine.restore import Restored, check_position
from stream.engine.topics import TopicNames
from stream.metrics import Metrics
from stream.state.storm import Storm

__all__ = ["check_log_start", "place"]

log = structlog.get_logger(__name__)


async def check_log_start(reader: Any, changelog: str, numbers: Collection[int]) -> None:
    """Refuse to open partitions whose changelog was cut at its beginning.

    Raises:
        StateError: with the partitions.
    """
    starts = await reader.beginning_offsets([TopicPartition(changelog, number) for number in numbers])
    check_start(changelog, {part.partition: start for part, start in starts.items()})


async def place(
    reader: Any,
    settings: Settings,
    statistics: str,
    metrics: Metrics,
    partitions: Sequence[Partition],
    restored: Mapping[int, Restored],
) -> None:
    """Check what was restored, then set each partition's durable position and watermark.

    Args:
        reader: read committed.
        settings: of the process.
        statistics: of the pipeline.
        metrics: counts records that retention deleted before they were read.
        partitions: with their tables filled.
        restored: what their changelogs held.

    Raises:
        StateError: state that this worker would misread, that lost rows, or that is of other sources.
    """
    names = TopicNames.of(settings)
    sources = [TopicPartition(topic, part.number) for part in partitions for topic in names.sources]
    first = await reader.beginning_offsets(sources)
    end = await reader.end_offsets(sources)
    group = await our_work(settings)
    for partition in partitions:
        number, position = partition.number, restored[partition.number].position
        check_position(number, restored[number], statistics)
        check_counted(names.changelog, number, position, len(partition.table))
        marked = [topic for topic in names.sources if group.get((topic, number), (0, False))[1]]
        check_origin(names.changelog, number, position, names.interactions, marked)
        if position is not None:
            partition.table.watermark_ms = position.watermark_ms
            partition.table.storm = position.storm or Storm()
            partition.table.rules = position.rules or {}
        partition.table.partition = number
        offsets = position.offsets if position is not None else {}
        # What a source had that is not configured now is kept: if it comes back, it goes on from there.
        partition.durable = dict(offsets)
        for topic in names.sources:
            part = TopicPartition(topic, number)
            committed = group[topic, number][0] if (topic, number) in group else None
            start = _start(part, offsets.get(topic), committed, first[part], metrics)
            if end[part] < start:  # aiokafka would silently begin again at the first record
                raise rewound(topic, number, start, end[part])
            partition.durable[topic] = start


def _start(part: TopicPartition, row: int | None, committed: int | None, first: int, metrics: Metrics) -> int:
    """Position row, else group offset, else earliest; never before the log's start."""
    start = row if row is not None else committed if committed is not None else first
    if row is not None and committed is not None and committed > row:
        log.warning(
            "group offset is ahead of the position row, which counts",
            topic=part.topic,
            partition=part.partition,
            group=committed,
            position=row,
        )
    if start < first:
        metrics.lost_records += first - start
        log.error(
            "retention deleted records before they were read",
            topic=part.topic,
            partition=part.partition,
            records=first - start,
        )
        return first
    return start
