"""A log from offset to offset in large pages, read committed, without an object per record.

aiokafka's consumer makes a `ConsumerRecord` of every record in Python, which costs more than all else in a
restore. This reads with the same client and the same parser of batches, and keeps keys and values only. The
next page of a partition is asked for before the last one is handed out.

Read committed, as Kafka's protocol has it: the broker answers up to the last stable offset and names the
aborted transactions of the page; their batches are skipped from the first offset named to the abort marker.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, OffsetOutOfRangeError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.control_record import ABORT_MARKER, ControlRecord
from aiokafka.record.memory_records import MemoryRecords

__all__ = ["FETCH_BYTES", "Page", "parse", "read_log"]

log = structlog.get_logger(__name__)

FETCH_BYTES = 2 * 1024 * 1024
AT_ONCE = 2  # partitions read side by side; what pages took stays with the process for good
WAIT_MS = 100
RETRY_S = 0.1
READ_COMMITTED = 1


@dataclass(slots=True)
class Page:
    """Records of one partition, ascending; what no transaction committed is left out.

    Attributes:
        part: topic and partition.
        keys: of the records.
        values: of the records, None is a tombstone.
        n_bytes: as fetched.
        next_offset: where the next page begins.
    """

    part: TopicPartition
    keys: list[bytes] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    n_bytes: int = 0
    next_offset: int = 0


async def read_log(
    client: Any, spans: Mapping[TopicPartition, tuple[int, int]], wait_s: float
) -> AsyncIterator[Page | None]:
    """Pages until every partition is at the end of its span, in the order in which they arrive.

    Args:
        client: a started aiokafka client that knows the topics.
        spans: first offset, and offset at which to stop, by partition.
        wait_s: None is yielded when nothing came for so long.

    Raises:
        CorruptRecordException: a batch's checksum is wrong.
        OffsetOutOfRangeError: the log no longer begins where it did.
    """
    waiting = [part for part, (start, end) in spans.items() if start < end]
    running: dict[asyncio.Task[tuple[bytes, list[tuple[int, int]]]], tuple[TopicPartition, int]] = {}

    def ask(part: TopicPartition, offset: int) -> None:
        running[asyncio.create_task(_fetch(client, part, offset))] = part, offset

    try:
        while running or waiting:
            while waiting and len(running) < AT_ONCE:
                part = waiting.pop(0)
                ask(part, spans[part][0])
            done, _ = await asyncio.wait(running, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                yield None
            for task in done:
                part, start = running.pop(task)
                data, aborted = task.result()
                page, batches = _batches(part, start, data)
                if page.next_offset < spans[part][1]:
                    ask(part, page.next_offset)
                    await asyncio.sleep(0)  # the request goes out before the page is worked on
                parse(page, start, batches, aborted)
                yield page
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _fetch(client: Any, part: TopicPartition, offset: int) -> tuple[bytes, list[tuple[int, int]]]:
    """Bytes of the log from an offset on, and (producer, first offset) of the aborted transactions in them.

    Waits and asks again while the partition has no leader or Kafka is away; the caller bounds the wait.
    """
    while True:
        node = client.cluster.leader_for_partition(part)
        request = FetchRequest(
            WAIT_MS, 1, FETCH_BYTES, READ_COMMITTED, [(part.topic, [(part.partition, offset, FETCH_BYTES)])]
        )
        try:
            if node is None or node == -1:
                await client.force_metadata_update()
            else:
                answer = await client.send(node, request)
                _number, code, _highwater, *rest = answer.topics[0][1][0]
                if code == OffsetOutOfRangeError.errno:
                    raise OffsetOutOfRangeError({part: offset})
                if code == 0:
                    data, aborted = rest[-1], rest[2 if answer.API_VERSION >= 11 else -2]
                    return bytes(data or b""), list(aborted or [])
                log.warning(
                    "log cannot be read, asking again", partition=str(part), reason=for_code(code).__name__
                )
                await client.force_metadata_update()
        except OffsetOutOfRangeError:
            raise
        except KafkaError as error:
            log.warning("log cannot be read, asking again", partition=str(part), reason=repr(error))
        await asyncio.sleep(RETRY_S)


def _batches(part: TopicPartition, start: int, data: bytes) -> tuple[Page, list[Any]]:
    records, batches = MemoryRecords(data), []
    while records.has_next():
        batches.append(records.next_batch())
    page = Page(part, n_bytes=len(data), next_offset=batches[-1].next_offset if batches else start)
    return page, batches


def parse(page: Page, start: int, batches: list[Any], aborted: list[tuple[int, int]]) -> None:
    """Add the committed records of the batches to a page.

    Args:
        page: added to.
        start: records before this offset are left out; a batch may begin earlier.
        batches: of the log, ascending.
        aborted: (producer, first offset) of aborted transactions.
    """
    coming = sorted(aborted, key=lambda entry: entry[1], reverse=True)
    aborting: set[int] = set()
    for batch in batches:
        if not batch.validate_crc():
            raise CorruptRecordException(f"wrong checksum in {page.part} at offset {batch.base_offset}")
        while coming and coming[-1][1] <= batch.base_offset:
            aborting.add(coming.pop()[0])
        if batch.is_control_batch:
            marker = next(batch, None)
            if marker is not None and ControlRecord.parse(marker.key) == ABORT_MARKER:
                aborting.discard(batch.producer_id)
        elif not (batch.is_transactional and batch.producer_id in aborting):
            records = (
                list(batch)
                if batch.base_offset >= start
                else [each for each in batch if each.offset >= start]
            )
            page.keys += [record.key for record in records]
            page.values += [record.value for record in records]
