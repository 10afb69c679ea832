"""A partition's memory from the log: bulk read of the changelog, read committed, to its end.

The changelog is the only truth. Position: the position row; without one (a new changelog) the group's offset,
else the earliest record. Rows without a position row were not written by a worker and stop it. Another
statistics or layout stops it too: nothing is overwritten.
"""

import asyncio
import ctypes
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream.config import Settings
from stream.engine.contract import Table
from stream.engine.pages import Page, read_log
from stream.engine.topics import TopicNames
from stream.errors import BrokerError, StateError
from stream.state.layout import LAYOUT_VERSION
from stream.state.position import POSITION_KEY, Position

__all__ = ["Restored", "check_position", "let_go", "log_reader", "restore"]

log = structlog.get_logger(__name__)

FETCH_BYTES = 8 * 1024 * 1024
PROGRESS_S = 3.0


@dataclass(slots=True)
class Restored:
    """What one partition's changelog held."""

    n_rows: int = 0
    position: Position | None = None


class _Progress:
    """How far a restore is, said every few seconds."""

    def __init__(self, spans: Mapping[Any, tuple[int, int]]) -> None:
        self._started = self._said = self._moved = monotonic()
        self._rows = 0
        self._left = {part: end - start for part, (start, end) in spans.items() if end > start}
        self._spans = spans
        self._all = max(1, sum(self._left.values()))

    def at(self, part: Any, offset: int, rows: int) -> None:
        """Count a page."""
        left = max(0, self._spans[part][1] - offset)
        if left < self._left[part]:  # an empty answer is no progress
            self._moved = monotonic()
        self._rows += rows
        self._left[part] = left

    def watch(self, stall_s: float) -> None:
        """Say how far it is, now and then.

        Raises:
            BrokerError: nothing came for too long.
        """
        now = monotonic()
        if now - self._moved > stall_s:
            names = ", ".join(f"{part.topic}-{part.partition}" for part, n in sorted(self._left.items()) if n)
            raise BrokerError(
                f"restore stalled for {stall_s:.0f} s at {names}",
                hint="look at the brokers' logs, then start again",
            )
        if now - self._said > PROGRESS_S:
            self._said = now
            seconds = now - self._started
            done = 1 - sum(self._left.values()) / self._all  # of offsets: compacted ones pass at once
            log.info(
                "restoring",
                rows=self._rows,
                rows_per_s=round(self._rows / seconds),
                done=f"{done:.0%}",
                seconds=round(seconds, 1),
                seconds_left=round(seconds / done * (1 - done), 1) if done else None,
                partitions_left=sum(n > 0 for n in self._left.values()),
            )


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
        await let_go(reader)


async def let_go(reader: Any) -> None:
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
        KafkaError: a batch is corrupt, or the log was cut meanwhile.
        BrokerError: no page for `restore_stall_s`.
    """
    topic = TopicNames.of(settings).changelog
    parts = [TopicPartition(topic, number) for number in tables]
    restored = {number: Restored() for number in tables}
    end = await reader.end_offsets(parts)
    beginning = await reader.beginning_offsets(parts)
    spans = {part: (beginning[part], end[part]) for part in parts}
    progress = _Progress(spans)
    async for page in read_log(reader._client, spans, wait_s=min(1.0, settings.restore_stall_s)):
        if page is not None:
            _load(tables[page.part.partition], restored[page.part.partition], page)
            progress.at(page.part, page.next_offset, len(page.keys))
        progress.watch(settings.restore_stall_s)
        await asyncio.sleep(0)  # heartbeats and /livez are of this loop
    _give_back()
    return restored


def _give_back() -> None:
    """Return to the system the memory that pages and outgrown indexes left free, where libc can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _load(table: Table, restored: Restored, page: Page) -> None:
    keys, values = page.keys, page.values
    while POSITION_KEY in keys:  # one per transaction, so few; the last one counts
        at = keys.index(POSITION_KEY)
        restored.position = Position.decode(values[at])
        del keys[at], values[at]
    table.load(keys, values)
    restored.n_rows += len(keys)


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
