"""A fetch unpacked by whole batches is what aiokafka unpacks one by one; damage is named."""

import gc
import struct
import weakref

import pytest
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED, PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from stream.engine.fetched import FetchedRecords, unpack_by_batches
from stream.errors import DataError

TP = TopicPartition("interactions", 3)
ABORT = struct.pack(">hh", 0, 0)
COMMIT = struct.pack(">hh", 0, 1)
CONTROL = 1 << 5


def batch(first: int, values: list[bytes], producer: int = -1, *, marker: bytes | None = None) -> bytes:
    """One record batch as it is in the log: plain, of a transaction (producer >= 0), or its end marker."""
    builder = DefaultRecordBatchBuilder(2, 0, int(producer >= 0), producer, 0, 0, 1 << 20)
    if marker is not None:
        builder.append(0, 1_000, marker, struct.pack(">hi", 0, 0), [])
    for i, value in enumerate(values):
        builder.append(i, 1_000 + i, b"k%d" % i, value, [("h", b"1"), ("n", None)] if i == 1 else [])
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, first)
    if marker is not None:
        attributes = struct.unpack_from(">h", data, 21)[0] | CONTROL
        struct.pack_into(">h", data, 21, attributes)
    return bytes(data)


LOG = b"".join(
    [
        batch(0, [b"a", b"b", b"c"]),
        batch(3, [b"aborted", b"too"], producer=7),
        batch(5, [b"kept"], producer=8),
        batch(6, [], producer=7, marker=ABORT),
        batch(7, [b"after"], producer=7),
        batch(8, [], producer=8, marker=COMMIT),
        batch(9, [], producer=7, marker=COMMIT),
        batch(12, [b"after a gap"]),
    ]
)


def unpacked(kind: type[PartitionRecords], isolation: int, first: int, log: bytes = LOG) -> PartitionRecords:
    aborted = [(7, 3)] if isolation == READ_COMMITTED else None
    records = PartitionRecords(TP, MemoryRecords(log), aborted, first, None, None, False, isolation)
    records.__class__ = kind
    return records


@pytest.mark.parametrize("isolation", [READ_COMMITTED, READ_UNCOMMITTED])
@pytest.mark.parametrize("first", [0, 1, 4, 5, 6, 12])
def test_batches_hold_what_aiokafka_hands_over_one_by_one(isolation: int, first: int) -> None:
    """The same records with the same fields, wherever a fetch begins, and the same offset to go on from."""
    ours, theirs = (unpacked(kind, isolation, first) for kind in (FetchedRecords, PartitionRecords))
    names = ("topic", "partition", "offset", "timestamp", "key", "value")
    expected = [[*(getattr(r, name) for name in names), list(r.headers)] for r in theirs]
    assert [[*(getattr(r, name) for name in names), list(r.headers)] for r in ours] == expected
    assert ours.next_fetch_offset == theirs.next_fetch_offset == 13


def test_aborted_records_are_seen_by_nobody_who_reads_committed() -> None:
    """Those of the aborted transaction are gone, those of the same producer's next one are not."""
    values = [record.value for record in unpacked(FetchedRecords, READ_COMMITTED, 0)]
    assert values == [b"a", b"b", b"c", b"kept", b"after", b"after a gap"]


def test_a_wrong_checksum_names_the_batch() -> None:
    """Bytes that changed in the log or on the way are no record: where, and how to get past them."""
    log = bytearray(batch(40, [b"x", b"y"]))
    log[-2] ^= 0xFF
    records = PartitionRecords(TP, MemoryRecords(bytes(log)), None, 41, None, None, True, READ_COMMITTED)
    records.__class__ = FetchedRecords
    with pytest.raises(DataError, match="interactions, partition 3, offset 41 cannot be parsed") as caught:
        list(records)
    assert "kafka-delete-records" in str(caught.value.hint)


def test_what_was_read_is_let_go_of_without_the_garbage_collector() -> None:
    """Fetched bytes that wait for a collection are megabytes a second: under load the whole backlog."""
    gc.disable()
    try:
        records = unpacked(PartitionRecords, READ_COMMITTED, 0)
        unpack_by_batches(records)
        assert len(list(records)) == 6
        alive = weakref.ref(records)
        del records
        assert alive() is None
    finally:
        gc.enable()
