"""The judge can fail: whatever one plants into an exact result is found, and called by its name."""

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stream.config import Settings
from stream.engine.feed import open_feed
from stream.state.position import POSITION_KEY
from tests import calm
from tests.fault.history import history
from tests.fault.judge import OUTPUTS, Topics, compare, read
from tests.integration.engine.process import REAL, WorkerProcess

pytestmark = pytest.mark.fault

Plant = Callable[[Topics], None]


def fullest(topics: Topics, name: str) -> list[Any]:
    """The records of the partition that has most."""
    return max(topics[name].values(), key=len)


def dropped(name: str, which: int) -> Plant:
    """One record of the topic is missing."""

    def plant(topics: Topics) -> None:
        del fullest(topics, name)[which]

    return plant


def repeated(name: str, which: int) -> Plant:
    """One record of the topic is there twice."""

    def plant(topics: Topics) -> None:
        records = fullest(topics, name)
        records.insert(which % len(records) + 1, records[which])

    return plant


def swapped(topics: Topics) -> None:
    """Two scores of one customer change places."""
    records = fullest(topics, "scores")
    first = next(i for i, record in enumerate(records) if sum(r.key == record.key for r in records) > 1)
    second = next(i for i in range(first + 1, len(records)) if records[i].key == records[first].key)
    records[first], records[second] = records[second], records[first]


def last_row_dropped(topics: Topics) -> None:
    """A customer's last row is not in the changelog: the one before it is restored."""
    records = fullest(topics, "customers-changelog")
    keys = [record.key for record in records]
    twice = next(key for key in reversed(keys) if key != POSITION_KEY and keys.count(key) > 1)
    del records[len(keys) - 1 - keys[::-1].index(twice)]


def only_row_dropped(topics: Topics) -> None:
    """A customer has no row at all."""
    records = fullest(topics, "customers-changelog")
    key = next(record.key for record in records if record.key != POSITION_KEY)
    records[:] = [record for record in records if record.key != key]


def last_position_dropped(topics: Topics) -> None:
    """The position is the transaction's before."""
    records = fullest(topics, "customers-changelog")
    keys = [record.key for record in records]
    del records[len(keys) - 1 - keys[::-1].index(POSITION_KEY)]


def letter_altered(topics: Topics) -> None:
    """A dead letter holds other bytes than its origin."""
    letters = fullest(topics, "dead-letters")
    letters[0] = dataclasses.replace(letters[0], value=b"other")


def letter_invented(topics: Topics) -> None:
    """The source does not have the record that was refused."""
    refused = dict(fullest(topics, "dead-letters")[0].headers)["kizuna.offset"]
    for records in topics["interactions"].values():
        records[:] = [record for record in records if record.offset != int(refused)]


def is_purchase(value: bytes | None) -> bool:
    return value is not None and b'"type":"purchase"' in value and value.endswith(b"}")


def too_much_counted(topics: Topics) -> None:
    """A row has an event that the source does not have."""
    records = fullest(topics, "interactions")
    values = [record.value for record in records]
    del records[next(i for i, value in enumerate(values) if is_purchase(value) and values.count(value) == 1)]


def uncounted(topics: Topics) -> None:
    """An event of the source that no row has, the position past it."""
    records = fullest(topics, "interactions")
    at = next(i for i, record in enumerate(records) if is_purchase(record.value))
    value = records[at].value.replace(b'"event_id":"', b'"event_id":"other-')
    records.insert(at, dataclasses.replace(records[at], value=value))


PLANTED: dict[str, tuple[Plant, tuple[str, ...]]] = {
    "a score is missing": (dropped("scores", 5), ("score",)),
    "the last score is missing": (dropped("scores", -1), ("score", "row")),
    "a score is there twice": (repeated("scores", 5), ("score",)),
    "two scores changed places": (swapped, ("score",)),
    "an alert is missing": (dropped("alert-log", 0), ("alert",)),
    "an alert is there twice": (repeated("alert-log", 0), ("alert",)),
    "the last alert is missing": (dropped("alert-log", -1), ("alert", "row")),
    "an alert's latest state is missing": (dropped("alerts", -1), ("alert",)),
    "a dead letter is missing": (dropped("dead-letters", 0), ("dead letter",)),
    "a dead letter is there twice": (repeated("dead-letters", 0), ("dead letter",)),
    "a dead letter is of a record that is not in the source": (letter_invented, ("dead letter",)),
    "a dead letter was altered": (letter_altered, ("dead letter",)),
    "a row is that of an earlier transaction": (last_row_dropped, ("row",)),
    "a row is missing": (only_row_dropped, ("row",)),
    "the position is behind": (last_position_dropped, ("position",)),
    "an event was counted that is not in the source": (
        too_much_counted,
        ("row",),
    ),
    "an event was not counted": (uncounted, ("row",)),
}


def copied(topics: Topics) -> Topics:
    return {name: {number: list(records) for number, records in by.items()} for name, by in topics.items()}


async def test_the_judge_finds_every_planted_error_and_nothing_in_an_exact_result(
    settings: Settings, log: Path
) -> None:
    """What a worker wrote is exact; with one record dropped, repeated, moved or altered it is not."""
    messages = history(customers=60, days=120, seed=5)
    with WorkerProcess(settings, log, REAL, KIZUNA_RULES=str(calm.written(log.parent))) as worker:
        await asyncio.to_thread(worker.wait_ready)
        async with open_feed(settings) as sender:
            for number, (key, value) in enumerate(messages):
                await sender.send(key, value)
                if number % 200 == 0:  # several transactions
                    await sender.flush()
                    await asyncio.sleep(0.1)
        # Not the lag: the worker's own view of it is a second old, and knows only what was fetched.
        await asyncio.to_thread(worker.wait_metric, "kizuna_events_total", len(messages))
        assert await asyncio.to_thread(worker.stop) == 0
    topics = await read(settings)
    exact = compare(settings, copied(topics))
    assert exact.differences == []
    assert min(len(fullest(topics, name)) for name in OUTPUTS) > 1
    missed = []
    for error, (plant, subjects) in PLANTED.items():
        planted = copied(topics)
        plant(planted)
        if not compare(settings, planted).of(*subjects):
            missed.append(error)
    assert missed == []
