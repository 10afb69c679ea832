"""Every record counts once, in every output, whatever happens to the workers. An oracle judges."""

import asyncio
import random
import signal
from pathlib import Path

from stream.config import Settings
from tests.integration.engine.oracle import findings
from tests.integration.engine.process import WorkerProcess
from tests.integration.engine.traffic import feed_numbers, wait_drained


async def test_every_record_is_scored_once_and_a_stop_is_clean(settings: Settings, log: Path) -> None:
    """A backlog, then live records, then SIGTERM: exact, exit 0, and no fault on the way."""
    await feed_numbers(settings, 20_000)
    with WorkerProcess(settings, log) as worker:
        await asyncio.to_thread(worker.wait_ready)
        await feed_numbers(settings, 5_000, per_s=5_000, seed=2)
        await wait_drained(settings)
        assert worker.metric("kizuna_events_total") == 25_000
        assert worker.metric("kizuna_partition_resets_total") == 0
        assert worker.metric("kizuna_gaps_total") == 0
        await asyncio.to_thread(worker.wait_lag_gone)
        assert await asyncio.to_thread(worker.stop) == 0
    assert await findings(settings) == []


async def test_sigkill_in_the_middle_of_work_loses_and_doubles_nothing(settings: Settings, log: Path) -> None:
    """Two kills while transactions are in flight; the successor fences, restores and goes on."""
    traffic = asyncio.create_task(feed_numbers(settings, 45_000, per_s=2_500))
    chance = random.Random(3)
    for _ in range(2):
        with WorkerProcess(settings, log) as worker:
            await asyncio.to_thread(worker.wait_ready)
            await asyncio.sleep(1 + chance.random())
            worker.kill()
    with WorkerProcess(settings, log) as worker:
        await traffic
        await wait_drained(settings)
        await asyncio.to_thread(worker.wait_ready)  # on a busy machine the one before may have done all
        assert worker.metric("kizuna_restored_rows_total") > 0
        assert await asyncio.to_thread(worker.stop) == 0
    assert await findings(settings) == []


async def test_workers_that_join_and_leave_hand_over_exactly(settings: Settings, log: Path) -> None:
    """One, two, one worker under load: two partitions move, none is counted twice or left behind."""
    traffic = asyncio.create_task(feed_numbers(settings, 40_000, per_s=2_500))
    with WorkerProcess(settings, log) as first:
        await asyncio.to_thread(first.wait_ready)
        with WorkerProcess(settings, log.with_name("second.log")) as second:
            await asyncio.to_thread(second.wait_metric, "kizuna_partitions_ready", 2)
            await asyncio.to_thread(first.wait_metric, "kizuna_rebalances_total", 2)
            await asyncio.sleep(2)
            assert second.metric("kizuna_events_total") > 0
            assert (first.metric("kizuna_partitions_owned"), second.metric("kizuna_partitions_owned")) == (
                2,
                2,
            )
            assert await asyncio.to_thread(second.stop, signal.SIGINT) == 130
        await traffic
        await wait_drained(settings)
        await asyncio.to_thread(first.wait_metric, "kizuna_partitions_owned", 4)
        assert first.metric("kizuna_partition_resets_total") == 0
        assert await asyncio.to_thread(first.stop) == 0
    assert await findings(settings) == []
