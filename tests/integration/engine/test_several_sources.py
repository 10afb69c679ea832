"""Three co-partitioned sources, one state: exact, together on one worker, and none waits for another."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from stream.config import Settings
from stream.engine.topics import create_topics
from tests.integration.engine.oracle import findings, read_positions
from tests.integration.engine.process import Assignment, WorkerProcess
from tests.integration.engine.tampering import add_partitions, delete_topic
from tests.integration.engine.test_refusals import ending
from tests.integration.engine.traffic import feed_numbers, wait_drained

SOURCES = ("interactions", "tickets", "surveys")
N_PARTITIONS = 8


@pytest.fixture
async def settings(bare_settings: Settings) -> Settings:
    """Three sources of eight partitions."""
    made = bare_settings.model_copy(update={"sources": SOURCES, "partitions": N_PARTITIONS})
    await asyncio.to_thread(create_topics, made)
    return made


async def feed_all(
    settings: Settings, n: int, per_s: int | None = None, until: asyncio.Event | None = None
) -> None:
    """The same 500 customers in all three sources at once."""
    await asyncio.gather(
        *(
            feed_numbers(settings, n, per_s=per_s, seed=i, topic=topic, until=until)
            for i, topic in enumerate(SOURCES)
        )
    )


def needed(before: Sequence[frozenset[int]], members: int) -> int:
    """The fewest partitions that must move from who had them to who shall, whatever the dealer does.

    Args:
        before: what each member owns that stays; empty for who joins.
        members: how many there are now.
    """
    least, larger = divmod(N_PARTITIONS, members)
    quotas = [least + 1] * larger + [least] * (members - larger)
    sizes = sorted((len(owned) for owned in before), reverse=True)
    return N_PARTITIONS - sum(min(pair) for pair in zip(sizes, quotas, strict=True))


async def settled(workers: Sequence[WorkerProcess], after: int) -> list[Assignment]:
    """The assignments of the first generation after this one in which all partitions are ready."""
    for _ in range(300):
        last = [worker.assignments()[-1:] for worker in workers]
        found = [each[0] for each in last if each]
        generations = {each.generation for each in found}
        if len(found) == len(workers) and len(generations) == 1 and max(generations) > after:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError([worker.said for worker in workers])


async def test_workers_that_come_and_go_move_and_restore_only_what_they_must(
    settings: Settings, tmp_path: Path
) -> None:
    """1-2-3-2-1 workers under load: exact, moved = needed each time, what is kept is not restored again."""
    enough = asyncio.Event()
    traffic = asyncio.create_task(feed_all(settings, 500_000, per_s=800, until=enough))
    workers: list[WorkerProcess] = []
    owned: dict[WorkerProcess, frozenset[int]] = {}
    generation = 0
    try:
        for n_workers in (1, 2, 3, 2, 1):
            if n_workers > len(workers):
                workers.append(WorkerProcess(settings, tmp_path / f"worker{len(workers)}.log"))
                owned[workers[-1]] = frozenset()
            else:
                leaver = workers.pop(0)  # the eldest, which also leads the group
                assert await asyncio.to_thread(leaver.stop) == 0
                del owned[leaver]
            now = await settled(workers, generation)
            generation = now[0].generation
            assert sorted(number for each in now for number in each.partitions) == list(range(N_PARTITIONS))
            gained = [each.partitions - owned[worker] for worker, each in zip(workers, now, strict=True)]
            assert [each.restored for each in now] == gained
            assert sum(map(len, gained)) == needed(list(owned.values()), n_workers)
            owned = {worker: each.partitions for worker, each in zip(workers, now, strict=True)}
            await asyncio.sleep(0.5)
        enough.set()
        await traffic
        await wait_drained(settings)
        assert workers[0].metric("kizuna_partition_resets_total") == 0
        assert workers[0].metric("kizuna_gaps_total") == 0
        assert await asyncio.to_thread(workers[0].stop) == 0
    finally:
        traffic.cancel()
        for worker in workers:
            worker.kill()
    assert await findings(settings) == []


async def test_idle_sources_hold_up_nobody_and_wake_when_fed(settings: Settings, log: Path) -> None:
    """A backlog in one source beside two empty ones, then one record in each of those."""
    await feed_numbers(settings, 60_000)
    with WorkerProcess(settings, log) as worker:
        await asyncio.to_thread(worker.wait_ready)
        await wait_drained(settings, limit_s=40)
        assert worker.metric("kizuna_lag_records") == 0
        for topic in SOURCES[1:]:
            await feed_numbers(settings, 1, topic=topic)
        await wait_drained(settings, limit_s=10)
        assert worker.metric("kizuna_events_total") == 60_002
        assert await asyncio.to_thread(worker.stop) == 0
    assert await findings(settings) == []


async def test_a_static_member_restarts_without_a_rebalance(settings: Settings, tmp_path: Path) -> None:
    """SIGTERM, then SIGKILL, each back within the session: the other worker hears nothing, all is exact."""
    enough = asyncio.Event()
    traffic = asyncio.create_task(feed_all(settings, 500_000, per_s=600, until=enough))

    def static(name: str) -> WorkerProcess:
        log = tmp_path / f"{name}.log"
        return WorkerProcess(settings, log, KIZUNA_INSTANCE_ID=name, KIZUNA_SESSION_TIMEOUT_S="30")

    with static("stays") as stays:
        await settled([stays], 0)
        with static("leaves") as leaves:
            first = await settled([stays, leaves], 1)
            assert await asyncio.to_thread(leaves.stop) == 0
        with static("leaves") as leaves:
            again = await settled([leaves], 0)
            assert again[0] == first[1]._replace(restored=first[1].partitions)
            await asyncio.sleep(0.5)
        with static("leaves") as leaves:  # the block before ended with SIGKILL
            again = await settled([leaves], 0)
            assert again[0] == first[1]._replace(restored=first[1].partitions)
            enough.set()
            await traffic
            await wait_drained(settings)
            assert len(stays.assignments()) == 2
            assert stays.metric("kizuna_rebalances_total") == 2
            for worker in (leaves, stays):
                assert worker.metric("kizuna_partition_resets_total") == 0
                assert await asyncio.to_thread(worker.stop) == 0
    assert await findings(settings) == []


async def test_a_source_that_is_taken_away_goes_on_where_it_was_when_it_comes_back(
    settings: Settings, log: Path
) -> None:
    """Its position is kept meanwhile: nothing is counted again, and nothing sent in between is lost."""
    fewer = settings.model_copy(update={"sources": SOURCES[:2]})
    for configured in (settings, fewer, settings):
        await feed_all(settings, 500)
        with WorkerProcess(configured, log) as worker:
            await asyncio.to_thread(worker.wait_ready)
            await wait_drained(configured)
            assert await asyncio.to_thread(worker.stop) == 0
    assert await findings(settings) == []
    assert {topic for topic, _ in await read_positions(settings)} == {settings.topic(s) for s in SOURCES}


async def test_sources_that_are_missing_or_unequal_are_all_listed(settings: Settings, log: Path) -> None:
    """Before anything starts: first what is missing, then whose partitions differ."""
    await delete_topic(settings, "surveys")
    await delete_topic(settings, "tickets")
    code, said = await asyncio.to_thread(ending, settings, log)
    assert code == 1
    assert f": {settings.topic('tickets')}, {settings.topic('surveys')}" in said
    await asyncio.to_thread(create_topics, settings)
    await add_partitions(settings, "tickets", 9)
    await add_partitions(settings, "surveys", 12)
    code, said = await asyncio.to_thread(ending, settings, log)
    assert code == 1
    assert f"{settings.topic('tickets')} has 9, not 8; {settings.topic('surveys')} has 12, not 8" in said
