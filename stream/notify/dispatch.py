"""One sink is told what waits in its outbox: tried, written to the ledger, and only then forgotten."""

import asyncio
from collections.abc import Callable, Sequence
from random import Random

import structlog

from schemas.codec import encode
from stream.clock import Clock
from stream.notify import ledger
from stream.notify.outbox import Outbox, Settled, Waiting
from stream.notify.ports import Journal
from stream.notify.sink import Outcome, Retry, Sink

__all__ = ["DEAD_LETTERS", "LEDGER", "Dispatcher"]

log = structlog.get_logger(__name__)

LEDGER = "notify-ledger"
DEAD_LETTERS = "notify-dead-letters"
BATCH = 32
"""Tried between two writes to the ledger: so many may be told twice after a kill."""
LOOK_S = 0.1


class Dispatcher:
    """Runs until cancelled; told by whom it may act for through `allow`.

    Args:
        sink: to be told.
        outbox: its own.
        journal: where rows and letters go.
        clock: the wall's.
        chance: for jitter.
        counted: told of (outcome, how many).
    """

    def __init__(
        self,
        sink: Sink,
        outbox: Outbox,
        journal: Journal,
        *,
        clock: Clock,
        chance: Random,
        counted: Callable[[str, int], None],
    ) -> None:
        self.sink, self.outbox = sink, outbox
        self._journal, self._clock, self._chance, self._counted = journal, clock, chance, counted
        self._allowed: frozenset[int] = frozenset()
        self._busy = asyncio.Lock()

    def allow(self, partitions: frozenset[int]) -> None:
        """Only alerts of these partitions are told from now on."""
        self._allowed = partitions

    async def at_rest(self) -> None:
        """Until what is being tried now is settled."""
        async with self._busy:
            pass

    async def run(self) -> None:
        """Try what is due, again and again."""
        while True:
            async with self._busy:
                tried = await self.turn()
            if not tried:
                await asyncio.sleep(LOOK_S)

    async def turn(self) -> int:
        """Ask the sink to take one batch; how many it tried. Those that wait for a limit were not."""
        batch = self.outbox.due(self._allowed, self._clock(), BATCH)
        if not batch:
            return 0
        outcomes = await self.sink.deliver([each.notification for each in batch])
        settled = [
            done
            for waiting, outcome in zip(batch, outcomes, strict=True)
            if (done := self._answered(waiting, outcome)) is not None and self.outbox.holds(waiting)
        ]
        await self._write(settled)
        return sum(not isinstance(each, Retry) or each.counts for each in outcomes)

    def _answered(self, waiting: Waiting, outcome: Outcome) -> Settled | None:
        done = self.outbox.answered(waiting, outcome, self._clock(), self._chance.random())
        if done is not None:
            self._counted(done.cause or "delivered", 1)
            if done.cause is not None:
                log.error(
                    "a sink will never be told: dead letter",
                    sink=self.sink.name,
                    cause=done.cause,
                    reason=done.reason,
                    alert=waiting.notification.alert.alert_id,
                )
        elif isinstance(outcome, Retry):
            self._counted("retry" if outcome.counts else "waited", 1)
        return done

    async def _write(self, settled: Sequence[Settled]) -> None:
        """Letters before marks: a kill in between makes a second letter, never none."""
        letters = [
            (
                done.waiting.partition,
                done.waiting.notification.alert.dedup_key.encode(),
                encode(done.waiting.notification.alert),
                ledger.letter(self.sink.name, done),
            )
            for done in settled
            if done.cause is not None
        ]
        if letters:
            await self._journal.write(DEAD_LETTERS, letters)
        rows = [(done.waiting.partition, *ledger.mark_row(self.sink.name, done), ()) for done in settled]
        if rows:
            await self._journal.write(LEDGER, rows)
        for done in settled:
            if self.outbox.holds(done.waiting):  # else deleted meanwhile, or known from its row already
                alert = done.waiting.notification.alert
                self.outbox.learn(done.waiting.partition, alert.dedup_key, done.mark)
