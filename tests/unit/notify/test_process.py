"""The process as a whole, with stand-ins for Kafka alone: nothing is told for a partition that is lost."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from schemas.alert import AlertV1
from schemas.codec import encode
from stream.clock import now_ms
from stream.notify import ledger
from stream.notify.book import Book
from stream.notify.counts import Counts
from stream.notify.dispatch import BATCH, LEDGER, Dispatcher
from stream.notify.outbox import Outbox, Settled, Waiting
from stream.notify.ports import Row
from stream.notify.process import ALERTS, Notifier
from stream.notify.sink import Delivered, Notification, Outcome
from tests.alerts import alert

PARTITIONS = range(2)


@dataclass
class Record:
    """As Kafka's client gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Page:
    """Records by topic; nothing is left."""

    records: dict[str, list[Record]]
    left: dict[str, int] = field(default_factory=dict)


class Feed:
    """Gives what is put into it."""

    def __init__(self) -> None:
        self.positions = {(topic, n): 0 for topic in (LEDGER, ALERTS) for n in PARTITIONS}
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()
        self.ledger_end = 0
        self._pages: asyncio.Queue[Page] = asyncio.Queue()
        self._next = [0 for _ in PARTITIONS]

    def put(self, *alerts: AlertV1, partition: int = 0) -> None:
        """Records of alerts, in one page."""
        records = []
        for each in alerts:
            offset = self._next[partition]
            records.append(Record(ALERTS, partition, offset, each.dedup_key.encode(), encode(each)))
            self._next[partition] += 1
        self._pages.put_nowait(Page({ALERTS: records}))

    def delete(self, each: AlertV1) -> None:
        """The alert's tombstone."""
        offset = self._next[0]
        self._pages.put_nowait(Page({ALERTS: [Record(ALERTS, 0, offset, each.dedup_key.encode(), None)]}))
        self._next[0] += 1

    def put_row(self, key: bytes, value: bytes | None) -> None:
        """The last row of the ledger."""
        self._pages.put_nowait(Page({LEDGER: [Record(LEDGER, 0, self.ledger_end - 1, key, value)]}))

    async def pages(self) -> AsyncGenerator[Page, None]:
        while True:
            page = await self._pages.get()
            for record in (each for records in page.records.values() for each in records):
                self.positions[record.topic, record.partition] = record.offset + 1
            yield page

    async def ends(self, _topic: str) -> Mapping[int, int]:
        ends = {0: self.ledger_end}
        self.asked.set()
        await self.answer.wait()
        return ends


class Member:
    """Owns what the test says."""

    owned: frozenset[int] = frozenset()

    async def run(self) -> None:
        await asyncio.Event().wait()


class Journal:
    """Takes its time where the test says so."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.writing = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def write(self, _topic: str, rows: Sequence[Row]) -> None:
        self.writing.set()
        await self.go_on.wait()
        self.rows += rows


class Crm:
    """A sink that takes everything, when the test lets it answer."""

    name = "crm"

    def __init__(self) -> None:
        self.told: list[str] = []
        self.answers = asyncio.Event()
        self.answers.set()

    async def deliver(self, notifications: Sequence[Notification]) -> Sequence[Outcome]:
        self.told += [each.key for each in notifications]
        await self.answers.wait()
        return [Delivered() for _ in notifications]

    async def close(self) -> None:
        """Nothing is open."""


class Run:
    """A notifier that runs until the end of the block."""

    def __init__(self) -> None:
        self.feed, self.member, self.journal, self.sink = Feed(), Member(), Journal(), Crm()
        book = Book(lambda _: {}, lambda _: {}, 1)
        self.outbox = Outbox(lambda _: "0123456789abcdef", 3)
        dispatcher = Dispatcher(
            self.sink,
            self.outbox,
            self.journal,
            clock=now_ms,
            chance=Random(1),
            counted=lambda _outcome, _number: None,
        )
        self.notifier = Notifier(
            self.feed, book, (), [dispatcher], self.journal, Counts("1"), clock=now_ms, stop_limit_s=1.0
        )
        self.stop = asyncio.Event()

    async def __aenter__(self) -> "Run":
        self._task = asyncio.create_task(self.notifier.run(self.member, self.stop))
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.stop.set()
        self.journal.go_on.set()
        self.feed.answer.set()
        async with asyncio.timeout(5):
            await self._task

    async def lose(self) -> None:
        """As the group does before partitions go to another member."""
        self.member.owned = frozenset()
        await self.notifier.lost()


def told(each: AlertV1) -> tuple[bytes, bytes | None]:
    """The row that says so."""
    waiting = Waiting(0, 0, Notification(f"{each.dedup_key}:{each.seq}", each, "opened", ""))
    return ledger.mark_row("crm", Settled(waiting))


async def until_told(run: Run, n: int) -> None:
    async with asyncio.timeout(5):
        while len(run.sink.told) < n:  # noqa: ASYNC110 - no part of a sink says so
            await asyncio.sleep(0.01)


async def test_what_is_ours_is_told() -> None:
    """What was open at the first start, and what comes; of other partitions nothing."""
    async with Run() as run:
        run.feed.put(alert("a"))
        run.feed.put(alert("z"), partition=1)
        run.member.owned = frozenset({0})
        await until_told(run, 1)
        run.feed.put(alert("b"))
        await until_told(run, 2)
        assert run.sink.told == ["a|trust_low:1", "b|trust_low:1"]


async def test_what_is_lost_while_it_is_taken_over_is_not_told() -> None:
    """The baseline is being written when the partition goes to another member, who tells what waits."""
    async with Run() as run:
        run.feed.put(alert("a"))
        run.journal.go_on.clear()
        run.member.owned = frozenset({0})
        await run.journal.writing.wait()
        await run.lose()
        run.journal.go_on.set()
        await asyncio.sleep(0.5)
        assert run.sink.told == []


async def test_what_another_member_told_between_two_takings_over_is_known_first() -> None:
    """Lost and ours again while we ask how far the ledger goes: it is asked again, and read so far."""
    async with Run() as run:
        run.outbox.begin(0, 0, ())
        run.feed.put(alert("a"))
        run.feed.answer.clear()
        run.member.owned = frozenset({0})
        await run.feed.asked.wait()
        await run.lose()
        run.feed.ledger_end = 1  # another member told of it
        run.member.owned = frozenset({0})
        run.feed.answer.set()
        await asyncio.sleep(0.5)
        assert run.sink.told == []
        run.feed.put_row(*told(alert("a")))
        run.feed.put(alert("b"))
        await until_told(run, 1)
        assert run.sink.told == ["b|trust_low:1"]


async def test_an_alert_that_is_deleted_while_it_is_noted_leaves_no_row_and_no_memory() -> None:
    """Its row, which names a customer, is deleted after it; and an alert of the same name is told again."""
    async with Run() as run:
        run.outbox.begin(0, 0, ())
        run.journal.go_on.clear()
        run.feed.put(alert("a"))
        run.member.owned = frozenset({0})
        await run.journal.writing.wait()
        run.feed.delete(alert("a"))
        await asyncio.sleep(0.3)
        run.journal.go_on.set()
        run.feed.put(alert("b"))
        await until_told(run, 2)
        assert [row[2] for row in run.journal.rows if row[1] == b"crm|a|trust_low"][-1] is None
        run.feed.put(alert("a"))
        await until_told(run, 3)
        assert run.sink.told == ["a|trust_low:1", "b|trust_low:1", "a|trust_low:1"]


async def test_whoever_takes_over_in_the_middle_of_a_first_start_tells_the_rest() -> None:
    """Another copy began, told one of three and died; this one had read all three before it knew of that."""
    async with Run() as run:
        run.feed.put(alert("a"), alert("b"), alert("c"))
        await asyncio.sleep(0.1)
        run.feed.put_row(*ledger.baseline_row("crm", 2))
        run.feed.put_row(*told(alert("a")))
        await asyncio.sleep(0.1)
        run.member.owned = frozenset({0})
        await until_told(run, 2)
        await asyncio.sleep(0.2)
        assert sorted(run.sink.told) == ["b|trust_low:1", "c|trust_low:1"]


async def test_a_stop_settles_what_is_being_told_and_begins_nothing() -> None:
    """What is told after that could not be noted any more, and would be told again by the next process."""
    async with Run() as run:
        run.outbox.begin(0, 0, ())
        run.feed.put(*(alert(f"c-{number}") for number in range(2 * BATCH)))
        run.sink.answers.clear()
        run.member.owned = frozenset({0})
        await until_told(run, BATCH)
        run.stop.set()
        await asyncio.sleep(0.5)
        run.sink.answers.set()
    assert len(run.sink.told) == len(run.journal.rows) == BATCH
