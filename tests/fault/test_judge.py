"""The judge can fail: whatever one plants into an exact result is found, and called by its name."""

import asyncio
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.codec import decode_alert, decode_score, encode
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.reader import read_topic
from stream.engine.topics import COMMANDS
from stream.state.position import POSITION_KEY
from tests import calm
from tests.fault.history import history
from tests.fault.judge import OUTPUTS, SOURCES, Topics, compare, read
from tests.fault.people import People
from tests.integration.engine.process import REAL, WorkerProcess
from tests.integration.engine.traffic import wait_drained

pytestmark = pytest.mark.fault

Plant = Callable[[Topics], None]
COMMANDED = 300  # of the history, each event with a command beside it


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


def of(topic: str, letter: Any) -> bool:
    """Whether a dead letter is of this topic, by its registry name."""
    return bool(dict(letter.headers)["kizuna.topic"].decode().endswith(topic))


def letter_invented(topics: Topics) -> None:
    """The source does not have the record that was refused."""
    letters = fullest(topics, "dead-letters")
    letter = next(letter for letter in letters if of("interactions", letter))
    records = topics["interactions"][letter.partition]
    records[:] = [r for r in records if r.offset != int(dict(letter.headers)["kizuna.offset"])]


def answer_dropped(topics: Topics) -> None:
    """A command was refused, and nobody says so."""
    letters = fullest(topics, "dead-letters")
    letters.remove(next(letter for letter in letters if of(COMMANDS, letter)))


def answer_repeated(topics: Topics) -> None:
    """A command was refused twice."""
    letters = fullest(topics, "dead-letters")
    letters.append(next(letter for letter in letters if of(COMMANDS, letter)))


def moved(topics: Topics) -> tuple[list[Any], int]:
    """The log of a partition, and where a command moved an alert in it."""
    records = fullest(topics, "alert-log")
    return records, next(i for i, r in enumerate(records) if decode_alert(r.value).command_id is not None)


def move_dropped(topics: Topics) -> None:
    """A command was lost: it moved nothing, nobody refused it, and the position is past it."""
    records, at = moved(topics)
    del records[at]


def move_repeated(topics: Topics) -> None:
    """A command moved its alert twice, and the transitions are numbered without a gap."""
    records, at = moved(topics)
    alert = decode_alert(records[at].value)
    records.insert(at + 1, records[at])
    for i, record in enumerate(records):
        other = decode_alert(record.value)
        if i > at and other.dedup_key == alert.dedup_key:
            again = dataclasses.replace(record, value=encode(replace(other, seq=other.seq + 1)))
            records[i] = again


def refused_too(topics: Topics) -> None:
    """A command that moved an alert is also in a dead letter."""
    records, at = moved(topics)
    name = decode_alert(records[at].value).command_id
    commands, letters = topics[COMMANDS][records[at].partition], fullest(topics, "dead-letters")
    command = next(r for r in commands if r.value is not None and (name or "").encode() in r.value)
    letter = next(letter for letter in letters if of(COMMANDS, letter))
    headers = dict(letter.headers) | {"kizuna.offset": b"%d" % command.offset}
    topics["dead-letters"][command.partition].append(
        dataclasses.replace(letter, key=command.key, value=command.value, headers=tuple(headers.items()))
    )


def unheard(topics: Topics) -> None:
    """A command of the source that nobody heard, the position past it."""
    records, at = moved(topics)
    name = (decode_alert(records[at].value).command_id or "").encode()
    commands = topics[COMMANDS][records[at].partition]
    at = next(i for i, r in enumerate(commands) if r.value is not None and name in r.value)
    value = commands[at].value.replace(name, b"other")
    commands.insert(at, dataclasses.replace(commands[at], value=value))


def command_invented(topics: Topics) -> None:
    """An alert was moved by a command that the source does not have."""
    records, at = moved(topics)
    name = (decode_alert(records[at].value).command_id or "").encode()
    commands = topics[COMMANDS][records[at].partition]
    commands[:] = [r for r in commands if r.value is None or name not in r.value]


def override_hidden(topics: Topics) -> None:
    """A score does not show what a person decided."""
    records = fullest(topics, "scores")
    found = [decode_score(record.value) for record in records]
    at = next(i for i, score in enumerate(found) if score.override is not None)
    records[at] = dataclasses.replace(records[at], value=encode(replace(found[at], override=None)))


def override_forgotten(topics: Topics) -> None:
    """The last decision about a customer is not in the source: scores and a row still have it."""
    scores = fullest(topics, "scores")
    shown = next(record for record in scores if decode_score(record.value).override is not None)
    records = topics[COMMANDS][shown.partition]
    records[:] = [r for r in records if r.key != shown.key or b'"override"' not in (r.value or b"")]


def commands_behind(topics: Topics) -> None:
    """The position names commands that were not read yet."""
    last = fullest(topics, COMMANDS)[-1]
    fullest(topics, COMMANDS).append(dataclasses.replace(last, offset=last.offset + 1))


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
    "the position is behind the commands": (commands_behind, ("position",)),
    "a command was lost": (move_dropped, ("command",)),
    "a command was lost whose answer was a dead letter": (answer_dropped, ("command",)),
    "a command was passed over": (unheard, ("command",)),
    "a command was refused twice": (answer_repeated, ("command",)),
    "a command moved an alert twice": (move_repeated, ("command",)),
    "a command moved an alert and was refused": (refused_too, ("command",)),
    "a command that is not in the source moved an alert": (command_invented, ("command",)),
    "an override is not shown": (override_hidden, ("score",)),
    "an override is shown that nobody decided": (override_forgotten, ("score",)),
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
    messages, people = history(customers=60, days=120, seed=5), People(seed=5)
    first, rest = messages[:-COMMANDED], messages[-COMMANDED:]
    with WorkerProcess(settings, log, REAL, KIZUNA_RULES=str(calm.written(log.parent))) as worker:
        await asyncio.to_thread(worker.wait_ready)
        async with open_feed(settings) as sender:
            for number, (key, value) in enumerate(first):
                await sender.send(key, value)
                if number % 200 == 0:  # several transactions
                    await sender.flush()
                    await asyncio.sleep(0.1)
        # Not the lag: the worker's own view of it is a second old, and knows only what was fetched.
        await asyncio.to_thread(worker.wait_metric, "kizuna_events_total", len(first))
        for record in await read_topic(settings, "alerts"):
            people.see(decode_alert(record.value))
        async with open_feed(settings, COMMANDS) as sender, open_feed(settings) as more:
            for command, event in zip(people.messages(), rest, strict=False):  # both topics in one step
                await sender.send(*command)
                await more.send(*event)
                await asyncio.sleep(0.01)
                await sender.post()
                await more.post()
        await wait_drained(settings)
        assert await asyncio.to_thread(worker.stop) == 0
    topics = await read(settings)
    exact = compare(settings, copied(topics))
    assert exact.differences == []
    assert min(len(fullest(topics, name)) for name in (*SOURCES, *OUTPUTS)) > 1
    assert set(exact.answers) > {"applied", "superseded", "stale_command", "forged_author", "unknown_alert"}
    missed = []
    for error, (plant, subjects) in PLANTED.items():
        planted = copied(topics)
        plant(planted)
        if not compare(settings, planted).of(*subjects):
            missed.append(error)
    assert missed == []
