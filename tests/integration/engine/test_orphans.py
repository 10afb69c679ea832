"""A transaction that ended without its marker, built by hand; and one of somebody else, left open."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from stream.clock import now_ms
from stream.config import Settings
from stream.engine.orphans import cover_orphans, find_orphans
from stream.engine.reader import read_topic
from stream.engine.restore import log_reader
from stream.engine.transaction import Ledger
from stream.pipeline import Effects
from stream.state.layout import LAYOUT_VERSION
from stream.state.position import POSITION_KEY, Position
from tests.integration.engine.counting import MAGIC, ROW, SCORE
from tests.integration.engine.oracle import findings
from tests.integration.engine.process import WorkerProcess
from tests.integration.engine.tampering import Written, ends, plant_orphan, producer
from tests.integration.engine.traffic import feed_numbers, wait_drained

GHOST: Written = (b"ghost", b"row")


@pytest.fixture
async def ledger(settings: Settings) -> AsyncIterator[Ledger]:
    """The writer of partition 0, not yet open."""
    ledger = Ledger(settings, 0)
    yield ledger
    await ledger.close()


async def values(settings: Settings, topic: str) -> list[bytes]:
    return [record.value for record in await read_topic(settings, topic)]


async def test_without_the_sweep_the_next_commit_would_show_the_orphan(
    settings: Settings, ledger: Ledger
) -> None:
    """The danger itself: fenced, invisible, and then committed by the marker of another transaction."""
    await plant_orphan(settings, 0, {"scores": GHOST})
    await ledger.open()
    assert await values(settings, "scores") == []
    await ledger.write(Effects(scores=[(b"k", b"score")]), b"position", now_ms())
    await ledger.open()
    assert await values(settings, "scores") == [b"row", b"score"]


async def test_with_the_sweep_no_commit_ever_shows_it(settings: Settings, ledger: Ledger) -> None:
    """Covered in each topic that has one, and two more transactions later still not to be seen."""
    await plant_orphan(settings, 0, {"scores": GHOST, "customers-changelog": GHOST})
    await ledger.open()
    async with log_reader(settings) as reader:
        assert await cover_orphans(reader, settings, {0: ledger}) == 2
        assert await find_orphans(reader, settings, [0]) == []
    for score in (b"first", b"second"):
        await ledger.write(Effects(scores=[(b"k", score)]), b"position", now_ms())
        await ledger.open()
    assert await values(settings, "scores") == [b"first", b"second"]
    assert await values(settings, "customers-changelog") == [b"position", b"position"]


async def test_a_worker_does_the_work_of_an_orphan_again_and_shows_it_once(
    settings: Settings, log: Path
) -> None:
    """Rows, scores and a position that were never committed count for nothing, before and after a restart."""
    await feed_numbers(settings, 3_000)
    topic = settings.topic("interactions")
    far = Position({topic: 500}, 0, "counting", LAYOUT_VERSION, "lost").encode()
    rows: list[dict[str, Written]] = [
        {"customers-changelog": (b"k1", ROW.pack(MAGIC, 99, 99)), "scores": (b"k1", SCORE.pack(0, 99, 99))},
        {"customers-changelog": (POSITION_KEY, far), "alert-log": GHOST, "dead-letters": GHOST},
    ]
    for number in range(2):
        await plant_orphan(settings, 0, rows[number])
        await feed_numbers(settings, 500, seed=number)
        with WorkerProcess(settings, log) as worker:
            await asyncio.to_thread(worker.wait_ready)
            await wait_drained(settings)
            assert worker.metric("kizuna_orphans_total") == len(rows[number])
            assert "transaction without marker found and aborted" in worker.said
            assert await asyncio.to_thread(worker.stop) == 0
        assert await findings(settings) == []


async def test_a_foreign_transaction_in_the_changelog_is_waited_for_then_named(
    settings: Settings, log: Path
) -> None:
    """It hides the end of our rows: nothing is processed behind it; when it has ended all is exact."""
    name = settings.topic("customers-changelog")
    await feed_numbers(settings, 2_000)
    async with producer(settings, transactional_id=settings.app_id + "-stranger") as stranger:
        await stranger.begin_transaction()
        await stranger.send_and_wait(name, b"row", key=b"k", partition=1)
        with WorkerProcess(settings, log, KIZUNA_RESTORE_STALL_S="1") as worker:
            assert await asyncio.to_thread(worker.exit_code) == 1
            assert f"another producer's open transaction hides the end of {name}-1" in worker.said
            assert "kafka-transactions" in worker.said
        assert not any((await ends(settings, "read_committed")).values())
        with WorkerProcess(settings, log) as worker:
            await asyncio.sleep(4)
            assert worker.status("/readyz")[0] == 503
            await stranger.abort_transaction()
            await asyncio.to_thread(worker.wait_ready)
            await wait_drained(settings)
            assert await asyncio.to_thread(worker.stop) == 0
    assert await findings(settings) == []


async def test_a_foreign_transaction_in_another_output_is_said_and_holds_up_nothing(
    settings: Settings, log: Path
) -> None:
    """Readers of the scores wait for the stranger, the worker does not."""
    await feed_numbers(settings, 2_000)
    async with producer(settings, transactional_id=settings.app_id + "-stranger") as stranger:
        await stranger.begin_transaction()
        await stranger.send_and_wait(settings.topic("scores"), b"row", key=b"k", partition=1)
        with WorkerProcess(settings, log) as worker:
            await asyncio.to_thread(worker.wait_ready)
            await wait_drained(settings)
            assert "another producer's transaction is open in our topics" in worker.said
            assert await asyncio.to_thread(worker.stop) == 0
        await stranger.abort_transaction()
    assert await findings(settings) == []
