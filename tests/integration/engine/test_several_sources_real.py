"""The shipped worker on three sources, against the slow oracle.

In which order a partition's sources are merged is the worker's to choose, and the oracle cannot know it. So
of the scores on the way only the chain is judged; of the last ones and of the rows, which no order may
change, everything.
"""

import asyncio
import random
from collections import Counter, defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from schemas.codec import decode_score
from stream.alerts import rules
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.reader import read_topic
from stream.engine.topics import create_topics
from stream.model import parameters
from stream.offline.generate import generate
from stream.pipeline import Pipeline
from stream.state.position import POSITION_KEY
from tests.integration.engine.process import REAL, WorkerProcess
from tests.integration.engine.traffic import wait_drained
from tests.oracles import Oracle, table_differences

SOURCES = ("interactions", "tickets", "surveys")
OF_TYPE = {"ticket": "tickets", "survey": "surveys", "review": "surveys", "delivery": "surveys"}
END_MS = 1_793_491_200_000  # 1 November 2026


async def feed_history(settings: Settings) -> int:
    """A history split over the sources by the type of event, one record in a hundred followed by a torn one.

    Returns:
        records sent.
    """
    chance = random.Random(7)
    n_sent = 0
    async with AsyncExitStack() as stack:
        feeds = {source: await stack.enter_async_context(open_feed(settings, source)) for source in SOURCES}
        for event in generate(950, 120, 7, END_MS).events:
            key, value = event.customer_id.encode(), msgspec.json.encode(event)
            feed = feeds[OF_TYPE.get(str(event.__struct_config__.tag), "interactions")]
            values = [value, value[: len(value) // 2]] if chance.random() < 0.01 else [value]
            for each in values:
                await feed.send(key, each)
            n_sent += len(values)
            if n_sent % 40 == 0:
                await asyncio.gather(*(each.post() for each in feeds.values()))
                await asyncio.sleep(0.02)
    return n_sent


async def by_partition(settings: Settings, *topics: str) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for topic in topics:
        for record in await read_topic(settings, topic):
            found[record.partition].append(record)
    return found


def score_faults(oracle: Oracle, published: list[Any]) -> list[str]:
    """Chains that do not join, and last scores that are not the oracle's."""
    found = []
    chains: defaultdict[str, list[Any]] = defaultdict(list)
    for record in published:
        score = decode_score(record.value)
        chains[score.customer_id].append(score)
    for who, chain in chains.items():
        if [score.seq for score in chain] != list(range(1, len(chain) + 1)):
            found.append(f"{who}: the chain of scores breaks")
        counts = [score.events for score in chain]
        if counts != sorted(counts) or counts[-1] != len(oracle.events[who]):
            found.append(f"{who}: scores after {counts} events of {len(oracle.events[who])}")
        for score in chain:
            if score.events == len(oracle.events[who]):
                expected = oracle.score_of(score)
                if (score.trust, score.churn_risk) != (expected.trust, expected.churn_risk):
                    found.append(f"{who}: {score.trust}, {score.churn_risk}, not {expected}")
    if chains.keys() != oracle.events.keys():
        found.append("customers without a score")
    return found


async def test_a_customer_in_three_topics_is_one_customer(bare_settings: Settings, log: Path) -> None:
    """Purchases, tickets, surveys of the same people, a kill in the middle: rows and last scores exact."""
    settings = bare_settings.model_copy(update={"sources": SOURCES})
    await asyncio.to_thread(create_topics, settings)
    traffic = asyncio.create_task(feed_history(settings))
    with WorkerProcess(settings, log, REAL) as worker:
        await asyncio.to_thread(worker.wait_metric, "kizuna_events_total", 1_000)
        worker.kill()
    with WorkerProcess(settings, log, REAL) as worker:
        n_sent = await traffic
        await wait_drained(settings)
        assert await asyncio.to_thread(worker.stop) == 0

    sources = await by_partition(settings, *SOURCES)
    outputs = {topic: await by_partition(settings, topic) for topic in ("customers-changelog", "scores")}
    refused: Counter[tuple[str, int, int]] = Counter()
    for number, records in sources.items():
        oracle = Oracle(parameters.load(), rules.load())
        for record in records:
            if oracle.feed(record, record.timestamp) != "scored":
                refused[record.topic, number, record.offset] += 1
        table = Pipeline(parameters.load(), rules.load()).new_table()
        rows = [each for each in outputs["customers-changelog"][number] if each.key != POSITION_KEY]
        table.load([row.key for row in rows], [row.value for row in rows])
        assert table_differences(oracle, table) == []
        assert score_faults(oracle, outputs["scores"][number]) == []
    assert sum(map(len, sources.values())) == n_sent
    assert len({record.topic for records in sources.values() for record in records}) == len(SOURCES)
    letters: Counter[tuple[str, int, int]] = Counter()
    for letter in await read_topic(settings, "dead-letters"):
        said = {name: value.decode() for name, value in letter.headers}
        letters[said["kizuna.topic"], letter.partition, int(said["kizuna.offset"])] += 1
    assert letters == refused
    assert len(refused) > 20
