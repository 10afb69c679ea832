"""The writer: all or nothing, one at a time, and a refused record takes its transaction with it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from stream.clock import now_ms
from stream.config import Settings
from stream.engine.orphans import find_orphans
from stream.engine.reader import read_topic
from stream.engine.restore import log_reader
from stream.engine.transaction import Ledger, Row
from stream.pipeline import DeadLetter, Effects
from tests.integration.engine.oracle import findings
from tests.integration.engine.process import WorkerProcess
from tests.integration.engine.traffic import feed_numbers, wait_drained

NOW_MS = now_ms()  # Kafka deletes what is older than its topic's retention, in the middle of a test too


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """The open writer of partition 2."""
    ledger = Ledger(settings, 2)
    await ledger.open()
    yield ledger
    await ledger.close()


async def test_everything_of_a_step_appears_at_once_in_its_own_partition(
    settings: Settings, ledger: Ledger
) -> None:
    """Each output has its record in the source's partition; the position row is the changelog's last."""
    effects = Effects(
        changelog=[(b"k", b"row")],
        scores=[(b"k", b"score")],
        alerts=[(b"k|r", b"alert")],
        alert_log=[(b"k|r", b"opened")],
        dead_letters=[DeadLetter(None, None, [("kizuna.cause", b"empty_value")])],
    )
    await ledger.write(effects, b"position", NOW_MS)
    await ledger.open()  # Kafka writes the markers after a commit has returned; opening waits for them
    outputs: dict[str, list[bytes | None]] = {
        "customers-changelog": [b"row", b"position"],
        "scores": [b"score"],
        "alerts": [b"alert"],
        "alert-log": [b"opened"],
        "dead-letters": [None],
    }
    for topic, wanted in outputs.items():
        records = await read_topic(settings, topic)
        assert [(record.partition, record.value) for record in records] == [(2, value) for value in wanted]
        assert {record.timestamp for record in records} == {NOW_MS}


async def test_a_transaction_larger_than_a_batch_keeps_its_order(settings: Settings, ledger: Ledger) -> None:
    """Many batches of one topic, and dead letters each larger than a batch."""
    rows = [(b"%d" % i, bytes(1000)) for i in range(3_000)]
    big = [DeadLetter(b"k", bytes([i]) * 5_000_000, [("kizuna.cause", b"too_large")]) for i in range(2)]
    await ledger.write(Effects(changelog=rows, dead_letters=big), b"position", NOW_MS)
    await ledger.open()
    keys = [record.key for record in await read_topic(settings, "customers-changelog")]
    assert keys[:-1] == [key for key, _ in rows]
    assert [record.value for record in await read_topic(settings, "dead-letters")] == [
        letter.value for letter in big
    ]


async def test_a_refused_record_is_never_committed_around(settings: Settings, ledger: Ledger) -> None:
    """Aiokafka would commit the rest; after the refusal nothing of the transaction is visible, ever."""
    too_large = (b"k", bytes(2_000_000))
    with pytest.raises(KafkaError):
        await ledger.write(Effects(changelog=[(b"k", b"row")], scores=[too_large]), b"position", NOW_MS)
    await ledger.open()
    await ledger.write(Effects(changelog=[(b"k", b"good")]), b"position", NOW_MS)
    await ledger.open()
    values = [record.value for record in await read_topic(settings, "customers-changelog")]
    assert values == [b"good", b"position"]


async def test_the_next_owner_fences_the_last(settings: Settings, ledger: Ledger) -> None:
    """Two workers that both believe they own a partition: only the later one writes."""
    await ledger.write(Effects(changelog=[(b"k", b"first")]), b"position", NOW_MS)
    successor = Ledger(settings, 2)
    await successor.open()
    await successor.write(Effects(changelog=[(b"k", b"second")]), b"position", NOW_MS)
    with pytest.raises(KafkaError):
        await ledger.write(Effects(changelog=[(b"k", b"zombie")]), b"position", NOW_MS)
    await successor.open()
    await successor.close()
    values = [record.value for record in await read_topic(settings, "customers-changelog")]
    assert values == [b"first", b"position", b"second", b"position"]


async def test_rows_of_a_dead_workers_open_transaction_stay_invisible(settings: Settings, log: Path) -> None:
    """A worker that died between send and commit: its successor aborts that work and does it again."""
    dead = Ledger(settings, 0)
    await dead.open()
    await dead._producer.begin_transaction()
    rows: list[Row] = [(b"ghost", b"row", [])]
    topics = [settings.topic("customers-changelog"), settings.topic("scores")]
    await dead._send_all(*((topic, rows) for topic in topics), now_ms=NOW_MS)
    async with log_reader(settings) as reader:
        assert [part.topic for part in await find_orphans(reader, settings, [0])] == topics
    await feed_numbers(settings, 2_000)
    with WorkerProcess(settings, log) as worker:
        await asyncio.to_thread(worker.wait_ready)
        await wait_drained(settings)
        assert await asyncio.to_thread(worker.stop) == 0
    assert await findings(settings) == []
    await dead.close()


async def test_covering_an_orphan_leaves_nothing_to_read(settings: Settings, ledger: Ledger) -> None:
    """The covering record is aborted itself; what follows is read as if it had never been."""
    await ledger.cover([settings.topic("scores")], NOW_MS)
    await ledger.write(Effects(scores=[(b"k", b"score")]), b"position", NOW_MS)
    await ledger.open()
    assert [record.value for record in await read_topic(settings, "scores")] == [b"score"]
    async with log_reader(settings) as reader:
        assert await find_orphans(reader, settings, [2]) == []
