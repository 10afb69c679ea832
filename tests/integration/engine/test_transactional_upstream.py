"""A source written in transactions ends in a marker that is no record: there is nothing to wait for."""

import asyncio
from pathlib import Path

from aiokafka import AIOKafkaProducer

from stream.config import Settings
from stream.engine.reader import read_topic
from tests.integration.engine.process import WorkerProcess

STALL_S = 2.0


async def send_transactions(settings: Settings) -> None:
    """One record in three partitions each, and after it in one of them a record that is aborted."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap, transactional_id=settings.app_id + "-up"
    )
    await producer.start()
    topic = settings.topic("interactions")
    try:
        for partitions, commits in (((0, 1, 2), True), ((1,), False)):
            await producer.begin_transaction()
            for partition in partitions:
                await producer.send_and_wait(topic, b"5", key=b"k%d" % partition, partition=partition)
            await (producer.commit_transaction() if commits else producer.abort_transaction())
    finally:
        await producer.stop()


async def test_a_transactional_upstream_leaves_no_lag_and_causes_no_reset(
    settings: Settings, log: Path
) -> None:
    """Markers at the ends of idle partitions are neither lag nor a stall, also after a restart."""
    await send_transactions(settings)
    for _ in range(2):
        with WorkerProcess(settings, log, KIZUNA_STALL_LIMIT_S=str(STALL_S)) as worker:
            await asyncio.to_thread(worker.wait_ready)
            await asyncio.to_thread(worker.wait_lag_gone)
            await asyncio.sleep(3 * STALL_S)
            assert worker.metric("kizuna_lag_records") == 0
            assert worker.metric("kizuna_partition_resets_total") == 0
            assert await asyncio.to_thread(worker.stop) == 0
    assert len(await read_topic(settings, "scores")) == 3
