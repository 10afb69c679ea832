"""Fetched bytes -> records, a batch at a time.

aiokafka hands records over one by one, each with twelve attributes, at 2 us each, a quarter of what an event
cost in all. Here a batch becomes a list at once, of records with what the pipeline reads: half a microsecond.
"""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords

from stream.errors import DataError

__all__ = ["FetchedRecords", "SourceRecord", "unpack_by_batches"]


class SourceRecord(msgspec.Struct, gc=False):
    """A record of a source; what each field is stands in `pipeline.record.Record`."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def unpack_by_batches(records: PartitionRecords) -> None:
    """Make aiokafka's unread records ours.

    Its iterator goes: unread as it stays, it and the records would hold each other, and with them the fetched
    bytes, until the garbage collector comes, which is seldom (`bootstrap.py`) and counts objects, not bytes.
    """
    records.__class__ = FetchedRecords
    records._records_iterator = None


class FetchedRecords(PartitionRecords):
    """What one fetch brought of one partition. Read it to its end at once: the position is only right there.

    Not constructed: `unpack_by_batches` turns aiokafka's objects into these.
    """

    next_fetch_offset: int

    def __iter__(self) -> Iterator[SourceRecord]:
        """All records that a reader of this isolation level may see.

        Raises:
            DataError: bytes that are no Kafka record, or a header's name that is not UTF-8; says where.
        """
        return chain.from_iterable(self._batches())

    def _batches(self) -> Iterator[list[SourceRecord]]:
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise self._unreadable(
                    max(batch.base_offset, self.next_fetch_offset), "its checksum is wrong"
                )
            if self._visible(batch):
                yield self._unpacked(batch)
            # Also past a batch whose last records were compacted away, and past markers.
            self.next_fetch_offset = batch.next_offset

    def _visible(self, batch: Any) -> bool:
        """False for markers, and under read committed for what was aborted."""
        if self._isolation_level == READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch:
                if self._contains_abort_marker(batch):
                    self._aborted_producers.discard(batch.producer_id)
            elif batch.is_transactional and batch.producer_id in self._aborted_producers:
                return False
        return not batch.is_control_batch

    def _unpacked(self, batch: Any) -> list[SourceRecord]:
        topic, partition, first = self._tp.topic, self._tp.partition, self.next_fetch_offset
        found: list[SourceRecord] = []
        try:
            found.extend(  # keeps what came before an exception
                SourceRecord(
                    topic,
                    partition,
                    record.offset,
                    record.timestamp,
                    record.key,
                    record.value,
                    record.headers,
                )
                for record in batch
                if record.offset >= first  # a fetch may begin inside a batch
            )
        except Exception as error:  # whatever the parser says, it says it at every attempt
            at = found[-1].offset + 1 if found else max(batch.base_offset, first)
            raise self._unreadable(at, repr(error)) from error
        return found

    def _unreadable(self, offset: int, why: str) -> DataError:
        topic, partition = self._tp
        return DataError(
            f"the record at {topic}, partition {partition}, offset {offset} cannot be parsed: {why}",
            hint="look at it with Kafka's own tools; to go on without it and all before it, move the log's"
            f" start to {offset + 1} with kafka-delete-records, then start again",
        )
