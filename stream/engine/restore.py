"""A partition's memory from the log: bulk read of the changelog, read committed, to its end.

The changelog is the only truth. Position: the position row; without one (a new changelog) the group's offset,
else the earliest record. Rows without a position row were not written by a worker and stop it. Another
statistics or layout stops it too: nothing is overwritten.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.config import Settings
from stream.engine.contract import Table
from stream.engine.topics import TopicNames
from stream.errors import BrokerError, StateError
from stream.state.layout import LAYOUT_VERSION
from stream.state.position import POSITION_KEY, Position

__all__ = ["Restored", "check_position", "log_reader", "restore"]

log = structlog.get_logger(__name__)

FETCH_BYTES = 8 * 1024 * 1024
PROGRESS_S = 5.0


@dataclass(slots=True)
class Restored:
    """What one partition's changelog held."""

    n_rows: int = 0
    position: Position | None = None


@dataclass(slots=True)
class _Progress:
    started: float = field(default_factory=monotonic)
    said: float = field(default_factory=monotonic)
    moved: float = field(default_factory=monotonic)
    rows: int = 0


@asynccontextmanager
async def log_reader(
    settings: Settings, *topics: str, isolation: str = "read_committed"
) -> AsyncIterator[Any]:
    """A consumer without group, started and stopped; nothing assigned.

    Args:
        settings: of the process.
        topics: names on the cluster whose layout is fetched at once; others cost 0.1 s each when first asked
        for.
        isolation: Kafka's isolation level.
    """
    reader = AIOKafkaConsumer(
        bootstrap_servers=settings.bootstrap,
        group_id=None,
        enable_auto_commit=False,
        isolation_level=isolation,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=100,
        request_timeout_ms=int(settings.request_timeout_s * 1000),
    )
    try:
        await reader.start()
        if topics:
            await reader._client.set_topics(topics)
        yield reader
    finally:
        await _let_go(reader)


async def _let_go(reader: Any) -> None:
    """Stop a reader whose broker may be away.

    While a fetch of it waits to be tried again, aiokafka's `stop` ends half-way with that fetch's own
    cancellation: whoever waits here would take it for theirs and end without a word.
    """
    try:
        await reader.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        await reader._client.close()


async def restore(reader: Any, settings: Settings, tables: Mapping[int, Table]) -> dict[int, Restored]:
    """Fill empty tables from the changelog's partitions of the same numbers.

    Call after the partitions' writers were fenced: then the last stable offset is the end of the log. Rows
    are loaded per fetched page, so memory holds one page besides the tables.

    Raises:
        StateError: rows of another layout, or torn.
        BrokerError: no row for `restore_stall_s`.
    """
    topic = TopicNames.of(settings).changelog
    parts = [TopicPartition(topic, number) for number in tables]
    restored = {number: Restored() for number in tables}
    reader.assign(parts)
    end = await reader.end_offsets(parts)
    beginning = await reader.beginning_offsets(parts)
    left = {part for part in parts if end[part] > beginning[part]}
    progress = _Progress()
    while left:
        pages = await reader.getmany(*left, timeout_ms=200)
        for part, page in pages.items():
            _load(tables[part.partition], restored[part.partition], page)
            progress.rows += len(page)
        left = {part for part in left if await reader.position(part) < end[part]}
        _watch(progress, bool(pages), settings.restore_stall_s, left)
        await asyncio.sleep(0)
    return restored


def _load(table: Table, restored: Restored, page: Sequence[Any]) -> None:
    keys = [record.key for record in page]
    values = [record.value for record in page]
    if POSITION_KEY in keys:
        last = len(keys) - 1 - keys[::-1].index(POSITION_KEY)
        restored.position = Position.decode(values[last])
        rows = [(key, value) for key, value in zip(keys, values, strict=True) if key != POSITION_KEY]
        keys, values = [key for key, _ in rows], [value for _, value in rows]
    table.load(keys, values)
    restored.n_rows += len(keys)


def _watch(progress: _Progress, moved: bool, stall_s: float, left: set[Any]) -> None:
    now = monotonic()
    if moved:
        progress.moved = now
    elif now - progress.moved > stall_s:
        names = ", ".join(f"{part.topic}-{part.partition}" for part in sorted(left))
        raise BrokerError(
            f"restore stalled for {stall_s:.0f} s at {names}",
            hint="look at the brokers' logs, then start again",
        )
    if now - progress.said > PROGRESS_S:
        progress.said = now
        log.info(
            "restoring",
            rows=progress.rows,
            partitions_left=len(left),
            seconds=round(now - progress.started, 1),
        )


def check_position(partition: int, restored: Restored, statistics: str) -> None:
    """Refuse state that this worker would misread.

    Raises:
        StateError: with the next step; the changelog stays as it is.
    """
    position = restored.position
    if position is None:
        if restored.n_rows:
            raise StateError(
                f"changelog partition {partition} holds {restored.n_rows} rows but no position",
                hint="it was not written by a worker; use another KIZUNA_APP_ID",
            )
        return
    if position.layout != LAYOUT_VERSION:
        raise StateError(
            f"changelog partition {partition} has layout {position.layout}, this worker {LAYOUT_VERSION}",
            hint=f"run the version that wrote it ({position.worker}), or rebuild under another KIZUNA_APP_ID",
        )
    if position.statistics != statistics:
        raise StateError(
            f"changelog partition {partition} was summed with statistics {position.statistics}, "
            f"these parameters make {statistics}",
            hint="start with the parameters that wrote it, or rebuild the state under another KIZUNA_APP_ID",
        )
