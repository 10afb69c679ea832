"""A flood of damaged records at full speed: the worker never stops, and every record is accounted for."""

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

from stream.alerts import rules
from stream.clock import now_ms
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.reader import read_topic
from stream.model import parameters
from stream.pipeline import FileRecord, Pipeline
from stream.state.position import POSITION_KEY
from tests.integration.engine.process import REAL, WorkerProcess
from tests.integration.engine.traffic import wait_drained
from tests.mutations import damaged, order_of_faults
from tests.oracles import Oracle, table_differences
from tests.strategies import history, record

N_GOOD = N_DAMAGED = 100_000
N_LARGE = 6
SEED = 20261125


def flood() -> list[FileRecord]:
    """Good and damaged records in an order of chance, and a few that are larger than a record may be."""
    chance = Random(SEED)
    bodies = history(SEED, N_GOOD + N_DAMAGED, customers=20_000, days=200)
    mark = set(chance.sample(range(len(bodies)), N_DAMAGED))
    made = [damaged(body, 0, chance) if i in mark else record(body) for i, body in enumerate(bodies)]
    for size in range(N_LARGE):
        body = bodies[chance.randrange(len(bodies))] | {"note": "x" * (2**20 - 300 + 300_000 * size)}
        made.insert(chance.randrange(len(made)), record(body))
    return made


async def send(settings: Settings, records: list[FileRecord]) -> None:
    async with open_feed(settings) as feed:
        for each in records:
            await feed.send(each.key, each.value, headers=list(each.headers))  # type: ignore[arg-type] # null values, on purpose


async def judged(settings: Settings) -> tuple[Counter[str], dict[tuple[int, int], tuple[str, Any]]]:
    """Every row against the oracle's.

    Returns:
        outcomes, and each refused record with its cause by partition and offset.
    """
    source = await read_topic(settings, "interactions")
    changelog = await read_topic(settings, "customers-changelog")
    outcomes: Counter[str] = Counter()
    refused = {}
    for number in range(settings.partitions):
        oracle = Oracle(parameters.load(), rules.load())
        for each in source:
            if each.partition == number:
                cause = oracle.feed(each, now_ms())
                if cause not in ("scored", "duplicate"):
                    refused[number, each.offset] = cause, each
        outcomes += oracle.outcomes
        table = Pipeline(parameters.load(), rules.load()).new_table()
        rows = [each for each in changelog if each.partition == number and each.key != POSITION_KEY]
        table.load([each.key for each in rows], [each.value for each in rows])
        assert table_differences(oracle, table) == []
    return outcomes, refused


async def test_a_hundred_thousand_damaged_records_among_good_ones_stop_nothing(
    settings: Settings, log: Path
) -> None:
    """No reset; scored, duplicate and refused add up, each refused one has its letter, rows are exact."""
    records = flood()
    with WorkerProcess(settings, log, REAL) as worker:
        await asyncio.to_thread(worker.wait_ready)
        await send(settings, records)
        await wait_drained(settings)
        count = {
            outcome: worker.metric(f'kizuna_events_total{{outcome="{outcome}"')
            for outcome in ("scored", "duplicate", "invalid")
        }
        assert worker.metric("kizuna_partition_resets_total") == 0
        assert worker.metric("kizuna_gaps_total") == 0
        assert await asyncio.to_thread(worker.stop) == 0
    with WorkerProcess(settings, log, REAL) as worker:  # the state counts its customers: it is whole
        await asyncio.to_thread(worker.wait_ready)
        assert await asyncio.to_thread(worker.stop) == 0
    outcomes, refused = await judged(settings)
    assert sum(count.values()) == len(records) == N_GOOD + N_DAMAGED + N_LARGE
    assert count == {
        "scored": outcomes["scored"],
        "duplicate": outcomes["duplicate"],
        "invalid": len(refused),
    }
    letters: Counter[tuple[int, int]] = Counter()
    for letter in await read_topic(settings, "dead-letters"):
        said = dict(letter.headers)
        place = letter.partition, int(said["kizuna.offset"])
        letters[place] += 1
        cause, origin = refused[place]
        assert (letter.key, letter.value) == (origin.key, origin.value)
        assert said["kizuna.topic"] == settings.topic("interactions").encode()
        own = said["kizuna.cause"].decode()
        assert own == cause or order_of_faults(own, cause), (own, cause, origin.value)
    assert letters == Counter(refused.keys())
    assert len(refused) > N_DAMAGED / 2
    assert "too_large" in outcomes
