"""A changelog that lost rows or holds foreign ones stops the worker, says where, and stays as it is."""

import asyncio
from hashlib import sha256
from pathlib import Path

import pytest

from stream.clock import now_ms
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.topics import create_topics
from stream.engine.transaction import Ledger, Row
from stream.pipeline import Effects
from stream.state.layout import LAYOUT_VERSION
from stream.state.position import POSITION_KEY, Position
from tests.integration.engine.counting import MAGIC, ROW
from tests.integration.engine.oracle import findings, read_positions, read_truth, state_findings
from tests.integration.engine.process import WorkerProcess
from tests.integration.engine.tampering import (
    delete_before,
    delete_topic,
    ends,
    write_rows,
)
from tests.integration.engine.traffic import feed_numbers, wait_drained

CHANGELOG = "customers-changelog"


async def worked(settings: Settings, log: Path, wait_s: float = 0) -> None:
    """A worker has read some records and was stopped, after a wait."""
    await feed_numbers(settings, 1_000)
    with WorkerProcess(settings, log) as worker:
        await wait_drained(settings)
        await asyncio.sleep(wait_s)
        assert await asyncio.to_thread(worker.stop) == 0


async def refused(settings: Settings, log: Path) -> str:
    """What a worker says that ends by itself, at the first try, and writes nothing: not even a marker."""
    before = await ends(settings)
    with WorkerProcess(settings, log) as worker:
        assert await asyncio.to_thread(worker.exit_code) == 1
        said = worker.said
    assert await ends(settings) == before
    assert said.count("worker stops") == 1
    assert "partition reset" not in said
    assert "Traceback" not in said
    return said


def hashed(key: bytes) -> str:
    return sha256(key).hexdigest()[:12]


DAMAGED: dict[str, tuple[tuple[bytes, bytes | None], str]] = {
    "torn": ((b"k7", ROW.pack(MAGIC, 1, 1)[:-3]), "another layout"),
    "torn position": ((POSITION_KEY, b'{"offsets":{"t'), "position row cannot be read"),
}


@pytest.mark.parametrize("kind", DAMAGED)
async def test_a_row_that_cannot_be_read_is_named_by_place_and_hash(
    settings: Settings, log: Path, kind: str
) -> None:
    """Topic, partition, offset, a hash of the key, never the key; more kinds in `tests/unit/engine`."""
    (key, value), reason = DAMAGED[kind]
    await write_rows(settings, 2, [(b"k1", ROW.pack(MAGIC, 1, 1)), (key, value)])
    said = await refused(settings, log)
    assert f"{settings.topic(CHANGELOG)}, partition 2, offset 1" in said
    assert hashed(key) in said
    assert reason in said
    assert "k7" not in said


async def test_a_changelog_whose_first_records_were_deleted_stops_the_start(
    settings: Settings, log: Path
) -> None:
    """Compaction never moves the start of a log: rows are missing. The next step that is named leads on."""
    await worked(settings, log)
    await delete_before(settings, CHANGELOG, {1: 50, 3: 1})
    said = await refused(settings, log)
    assert f"records of {settings.topic(CHANGELOG)} were deleted" in said
    assert "partition 1 before offset 50, partition 3 before offset 1" in said
    assert "rebuild from the sources under another KIZUNA_APP_ID" in said
    other = settings.model_copy(update={"app_id": settings.app_id + "-2"})
    await asyncio.to_thread(create_topics, other)
    with WorkerProcess(other, log) as worker:
        await wait_drained(other)
        assert await asyncio.to_thread(worker.stop) == 0
    assert await state_findings(other, await read_truth(other)) == []


async def test_a_changelog_that_is_cut_under_a_running_worker_stops_it(settings: Settings, log: Path) -> None:
    """Memory is whole, the next restore would not be: said within seconds, not at that restore."""
    await feed_numbers(settings, 1_000)
    with WorkerProcess(settings, log) as worker:
        await wait_drained(settings)
        await delete_before(settings, CHANGELOG, {2: 20})
        assert await asyncio.to_thread(worker.exit_code) == 1
        assert "partition 2 before offset 20" in worker.said


async def test_another_number_of_customers_than_was_counted_stops_the_start(
    settings: Settings, log: Path
) -> None:
    """A row that somebody deleted, or added: the position row counted the customers."""
    ledger = Ledger(settings, 0)
    await ledger.open()
    rows = [(b"k%d" % i, ROW.pack(MAGIC, 1, 1)) for i in range(3)]
    source = settings.topic("interactions")
    position = Position({source: 0}, 0, "counting", LAYOUT_VERSION, "test", customers=len(rows))
    await ledger.write(Effects(changelog=rows), position.encode(), now_ms())
    await ledger.open()  # the markers are written
    await ledger.close()
    for row, n_customers in (((b"k1", None), 2), ((b"new", rows[0][1]), 3), ((b"more", rows[0][1]), 4)):
        await write_rows(settings, 0, [row])
        if n_customers != len(rows):
            said = await refused(settings, log)
            assert f"partition 0 holds {n_customers} customers, its position row counted 3" in said


async def test_a_changelog_that_is_empty_though_work_was_done_stops_the_start(
    settings: Settings, log: Path
) -> None:
    """Deleted and created anew: going on from the group's offsets would forget every customer in silence."""
    await worked(settings, log, wait_s=3.5)  # the group's offsets are committed every three seconds
    await delete_topic(settings, CHANGELOG)
    await asyncio.to_thread(create_topics, settings)
    said = await refused(settings, log)
    assert "has no position, though the group's offsets say that it had one" in said
    assert "kafka-consumer-groups --delete" in said


async def test_a_changelog_without_customers_is_restored(settings: Settings, log: Path) -> None:
    """Only dead letters so far: a position row alone is a whole state."""
    async with open_feed(settings) as feed:
        await feed.send(b"k", b"bad", partition=1)
    for _ in range(2):
        with WorkerProcess(settings, log) as worker:
            await asyncio.to_thread(worker.wait_ready)
            await wait_drained(settings)
            assert await asyncio.to_thread(worker.stop) == 0
    assert await read_positions(settings) == {(settings.topic("interactions"), 1): 1}
    assert await findings(settings) == []


async def test_a_half_written_changelog_is_restored_to_its_last_commit(settings: Settings, log: Path) -> None:
    """Killed between rows and commit, twice over: aborted rows and markers at the end count for nothing."""
    half = Ledger(settings, 0)
    rows: list[Row] = [(b"k%d" % i, ROW.pack(MAGIC, 7, 7), []) for i in range(50)]
    rows.append((POSITION_KEY, b"torn", []))
    for _ in range(2):
        await half.open()
        await half._producer.begin_transaction()
        await half._send_all((settings.topic(CHANGELOG), rows), now_ms=now_ms())
        await feed_numbers(settings, 500)
        with WorkerProcess(settings, log) as worker:
            await wait_drained(settings)
            assert await asyncio.to_thread(worker.stop) == 0
        assert await findings(settings) == []
    await half.close()
