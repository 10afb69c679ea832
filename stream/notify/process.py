"""The whole process: the topic is read, every Alertmanager is shown the book, every sink is told what waits.

alerts, ledger --> Book --> one Projection per Alertmanager
              `--> Outbox --> Dispatcher, per sink, for the partitions that are ours
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress
from time import monotonic

import structlog

from schemas.codec import DECODE_ERRORS, decode_alert
from stream.clock import Clock
from stream.notify import ledger
from stream.notify.book import Book
from stream.notify.counts import Counts
from stream.notify.dispatch import LEDGER, Dispatcher
from stream.notify.ports import Feed, Journal, Member, Record, Row
from stream.notify.projection import Projection

__all__ = ["ALERTS", "Notifier"]

log = structlog.get_logger(__name__)

ALERTS = "alerts"
LOOK_S = 0.2
COUNT_S = 1.0
SLICE = 100


class Notifier:
    """Parts that were made elsewhere, run together.

    Args:
        feed: of the ledger and the alerts.
        book: shown to the projections.
        projections: one per Alertmanager.
        dispatchers: one per other sink.
        journal: for the ledger; the dispatchers' own.
        counts: for /metrics.
        clock: the wall's.
        stop_limit_s: for what is being sent when asked to stop.
    """

    def __init__(
        self,
        feed: Feed,
        book: Book,
        projections: Sequence[Projection],
        dispatchers: Sequence[Dispatcher],
        journal: Journal,
        counts: Counts,
        *,
        clock: Clock,
        stop_limit_s: float,
    ) -> None:
        self._feed, self._book, self._journal, self._counts = feed, book, journal, counts
        self._projections, self._dispatchers = projections, dispatchers
        self._outboxes = {each.sink.name: each.outbox for each in dispatchers}
        self._clock, self._stop_limit_s = clock, stop_limit_s
        self.caught_up = asyncio.Event()
        self._allowed: frozenset[int] = frozenset()

    async def run(self, member: Member, stop: asyncio.Event) -> None:
        """Until `stop`, or until a part fails: then its error is raised."""
        look = asyncio.create_task(self._look(member))
        tasks = [asyncio.create_task(self.follow()), look]
        if self._dispatchers:
            tasks.append(asyncio.create_task(member.run()))
        tasks += [asyncio.create_task(self._later(each.run)) for each in self._projections]
        tasks += [asyncio.create_task(self._later(each.run)) for each in self._dispatchers]
        stopped = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait([*tasks, stopped], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                task.result()
            look.cancel()  # or it would take over again what we let go
            await self.lost()
        finally:
            for task in (*tasks, stopped):
                task.cancel()
            await asyncio.gather(*tasks, stopped, return_exceptions=True)
            for each in self._dispatchers:
                await each.sink.close()

    async def catch_up(self) -> None:
        """Read to the end as of now, and no further: for those who only look."""
        async with aclosing(self._feed.pages()) as pages:
            async for page in pages:
                await self._take(page.records)
                if not any(page.left.values()):
                    return

    async def follow(self) -> None:
        """Read what comes, without end; `caught_up` once the end as of the start is reached."""
        async with aclosing(self._feed.pages()) as pages:
            async for page in pages:
                await self._take(page.records)
                self._counts.lag_records = dict(page.left)
                if not self.caught_up.is_set() and not any(page.left.values()):
                    self._book.live = self._counts.ready = True
                    self.caught_up.set()
                    log.info("alerts read to their end", open=len(self._book))

    async def lost(self) -> None:
        """Nothing is ours any more: what is being sent is settled first, within the limit of a stop."""
        self._allow(frozenset())
        with suppress(TimeoutError):
            async with asyncio.timeout(self._stop_limit_s):
                await asyncio.gather(*(each.at_rest() for each in self._dispatchers))

    async def _later(self, run: Callable[[], Awaitable[None]]) -> None:
        await self.caught_up.wait()
        await run()

    async def _take(self, records: Mapping[str, Iterable[Record]]) -> None:
        for record in records.get(LEDGER, ()):
            shown = self._book.alerts(record.partition)
            if not ledger.read_row(self._outboxes, record.partition, record.key or b"", record.value, shown):
                self._unreadable(record)
        gone: list[Row] = []
        for number, record in enumerate(records.get(ALERTS, ()), start=1):
            gone.extend(self._alert(record))
            if number % SLICE == 0:
                await asyncio.sleep(0)  # texts take time, and others have their turn
        if gone:
            await self._journal.write(LEDGER, gone)

    def _alert(self, record: Record) -> Iterable[Row]:
        """Take one record; rows of the ledger that it makes."""
        if record.value is None:
            return self._deleted(record.partition, record.key or b"")
        try:
            alert = decode_alert(record.value)
        except DECODE_ERRORS:
            self._unreadable(record)
            return ()
        if self._book.take(record.partition, alert, self._clock()):
            for outbox in self._outboxes.values():
                outbox.take(record.partition, record.offset, alert)
        return ()

    def _deleted(self, partition: int, key: bytes) -> Iterable[Row]:
        dedup_key = key.decode(errors="replace")
        self._book.forget(dedup_key, self._clock())
        for name, outbox in self._outboxes.items():
            if outbox.forget(partition, dedup_key):
                yield from ((partition, *row, ()) for row in ledger.forget_rows(name, dedup_key))

    def _unreadable(self, record: Record) -> None:
        self._counts.unreadable[record.topic] += 1
        log.error(
            "a record cannot be read and is left out",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
        )

    async def _look(self, member: Member) -> None:
        """Take over what the group gives us; keep the numbers."""
        counted_s = 0.0
        while True:
            self._counts.loop_seen_s = monotonic()
            if self.caught_up.is_set() and self._dispatchers:
                await self._own(member)
            if monotonic() - counted_s >= COUNT_S:
                counted_s = monotonic()
                self._count()
            await asyncio.sleep(LOOK_S)

    async def _own(self, member: Member) -> None:
        owned = member.owned
        kept = self._allowed & owned
        if kept != self._allowed:
            self._allow(kept)
        gained = owned - kept
        if not gained:
            return
        await self._reach(await self._feed.ends(LEDGER))
        for number in sorted(gained):
            if member.owned is owned:  # else lost meanwhile; ours again, another's rows are read first
                await self._begin(number)
            if member.owned is owned:
                self._allow(self._allowed | {number})

    async def _reach(self, ends: Mapping[int, int]) -> None:
        """Until we know what whoever owned them told until now."""
        at = self._feed.positions
        while any(at[LEDGER, n] < end for n, end in ends.items()):  # noqa: ASYNC110 - moves page by page
            await asyncio.sleep(LOOK_S / 2)

    async def _begin(self, number: int) -> None:
        """A sink that never told anything of this partition begins with what is open now."""
        for name, outbox in self._outboxes.items():
            if number not in outbox.baselines:
                offset = self._feed.positions[ALERTS, number]
                outbox.begin(number, offset, self._book.alerts(number))
                await self._journal.write(LEDGER, [(number, *ledger.baseline_row(name, offset), ())])

    def _allow(self, partitions: frozenset[int]) -> None:
        self._allowed = partitions
        for each in self._dispatchers:
            each.allow(partitions)

    def _count(self) -> None:
        counts = self._counts
        counts.open = Counter(alert.severity for alert in self._book.alerts())
        counts.failures = {each.name: each.failures for each in self._projections}
        counts.partitions = len(self._allowed)
        counts.waiting = {name: len(outbox) for name, outbox in self._outboxes.items()}
        now_ms = self._clock()
        for name, outbox in self._outboxes.items():
            oldest = outbox.oldest_ms(self._allowed)
            counts.oldest_s[name] = 0.0 if oldest is None else max(0, now_ms - oldest) / 1000
