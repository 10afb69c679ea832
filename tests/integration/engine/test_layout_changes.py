"""Topics that change under a running worker, or before it starts: it stops and says what changed."""

import asyncio
from pathlib import Path

from stream.config import Settings
from stream.engine.topics import create_topics
from tests.integration.engine.oracle import findings
from tests.integration.engine.process import WorkerProcess
from tests.integration.engine.tampering import add_partitions, delete_topic, ends
from tests.integration.engine.traffic import feed_numbers, wait_drained


async def test_partitions_that_are_added_stop_the_worker_and_its_next_start(
    settings: Settings, log: Path
) -> None:
    """Noticed within seconds, what it did until then is whole; the next start names every such topic."""
    await feed_numbers(settings, 1_000)
    source, changelog = settings.topic("interactions"), settings.topic("customers-changelog")
    with WorkerProcess(settings, log) as worker:
        await wait_drained(settings)
        await add_partitions(settings, "interactions", 6)
        assert await asyncio.to_thread(worker.exit_code) == 1
        assert f"partitions were added: {source} has 6, not 4" in worker.said
        assert "--topic-prefix" in worker.said
    assert await findings(settings) == []
    await add_partitions(settings, "customers-changelog", 5)
    before = await ends(settings)
    with WorkerProcess(settings, log) as worker:
        assert await asyncio.to_thread(worker.exit_code) == 1
        assert f"{source} has 6, not 4" in worker.said
        assert f"{changelog} has 5, not 4" in worker.said
    assert await ends(settings) == before


async def test_a_source_that_begins_anew_stops_the_worker_and_its_next_start(
    settings: Settings, log: Path
) -> None:
    """Deleted and created: other events under known offsets are neither skipped nor counted twice."""
    await feed_numbers(settings, 2_000)
    with WorkerProcess(settings, log) as worker:
        await wait_drained(settings)
        await delete_topic(settings, "interactions")
        await asyncio.to_thread(create_topics, settings)
        await feed_numbers(settings, 400)
        assert await asyncio.to_thread(worker.exit_code, 60) == 1
        assert "it was created anew or lost records" in worker.said
    before = await ends(settings)
    with WorkerProcess(settings, log) as worker:
        assert await asyncio.to_thread(worker.exit_code) == 1
        assert "it was created anew or lost records" in worker.said
    assert await ends(settings) == before


async def test_a_source_that_is_deleted_stops_the_worker(settings: Settings, log: Path) -> None:
    """It does not idle as if there were nothing to read."""
    await feed_numbers(settings, 100)
    with WorkerProcess(settings, log) as worker:
        await wait_drained(settings)
        await delete_topic(settings, "interactions")
        assert await asyncio.to_thread(worker.exit_code, 60) == 1
        assert f"topics are gone: {settings.topic('interactions')}" in worker.said
