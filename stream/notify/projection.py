"""One Alertmanager is shown the book: what changed at once, all of it before it would time out.

Nothing is remembered but the version that it has got, and what it refused: after any failure, and after a
restart of either side, it is shown everything again. An alert that is refused for itself holds up no other:
it becomes a dead letter, and is shown again alone.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import structlog

from stream.clock import Clock
from stream.notify.alertmanager import Alertmanager, Away, Refused
from stream.notify.book import Book, Entry
from stream.notify.dispatch import DEAD_LETTERS
from stream.notify.ledger import projected
from stream.notify.ports import Journal
from stream.notify.retry import Backoff
from stream.notify.shape import Shape, post
from stream.notify.silences import Plan, plan

__all__ = ["Projection", "Timing"]

log = structlog.get_logger(__name__)

PATIENT = Backoff(first_ms=500, cap_ms=30_000)
BATCH = 500
"""Alerts in one request."""
TOO_LARGE = 413
ABOUT_ONE = frozenset({400, TOO_LARGE, 422})
"""Answers that may be about one alert, or about how many there are; other ones are about all of them."""


@dataclass(frozen=True, slots=True)
class Timing:
    """When an Alertmanager is shown what, in seconds.

    Attributes:
        repost_s: everything is shown so often; a third of `resolve_s`, so that two may fail.
        resolve_s: what is not shown for so long is over for Alertmanager.
        look_s: changes are shown at most so much later.
        backoff: waits after failures.
    """

    repost_s: float
    resolve_s: float
    look_s: float = 0.5
    backoff: Backoff = PATIENT


class Projection:
    """Runs until cancelled.

    Args:
        name: for logs and metrics.
        server: to be shown the book.
        book: fed by somebody else.
        shape: makes the references of silences.
        journal: for dead letters.
        timing: when.
        clock: the wall's.
        chance: for jitter.
        counted: told of (outcome, how many alerts) of each request.
    """

    def __init__(
        self,
        name: str,
        server: Alertmanager,
        book: Book,
        shape: Shape,
        journal: Journal,
        timing: Timing,
        *,
        clock: Clock,
        chance: Random,
        counted: Callable[[str, int], None],
    ) -> None:
        self.name = name
        self.failures = 0
        self._server, self._book, self._shape, self._timing = server, book, shape, timing
        self._journal, self._clock, self._chance, self._counted = journal, clock, chance, counted
        self._batch = BATCH
        self._refused: dict[frozenset[tuple[str, str]], int] = {}  # and at which version of the entry
        self._has = 0
        self._all_at_ms = 0

    async def run(self) -> None:
        """Show the book again and again; failures are waited out, never raised."""
        while True:
            again_s = await self.turn()
            await asyncio.sleep(again_s)

    async def turn(self) -> float:
        """Show what must be shown now.

        Returns:
            seconds until the next turn.
        """
        now_ms, version = self._clock(), self._book.version
        ago_ms = now_ms - self._all_at_ms  # below 0: the clock was put back
        all_due = not self._has or not 0 <= ago_ms < self._timing.repost_s * 1000
        entries = self._book.shown(now_ms, 0 if all_due else self._has)
        if not entries and not all_due:
            return self._timing.look_s
        try:
            look = all_due or self._book.snoozes > self._has
            silences, blind = await self._silences() if look else (Plan(), None)
            if blind is not None:  # whose silence may be missing is not shown: some routes wait for nobody
                entries = [each for each in entries if each.ends_ms is not None or each.alert.snooze is None]
            # Before its alert is shown, and after it is over: some routes wait for nobody.
            refused = await _each(self._server.make_silence, silences.make)
            await self._show(entries)
            refused = await _each(self._server.expire_silence, silences.expire) or refused
            if (answer := blind or refused) is not None:
                raise answer
        except Away as error:
            return self._failed(error, len(entries))
        if self.failures:
            log.info("alertmanager is back", url=self.name, alerts=len(entries))
        self.failures = 0
        self._has = version
        if all_due:
            self._all_at_ms = now_ms
            there = set(map(_identity, entries)) if self._refused else set()
            self._refused = {each: at for each, at in self._refused.items() if each in there}
        return self._timing.look_s

    def _failed(self, error: Away, n_alerts: int) -> float:
        self.failures += 1
        self._has = 0  # whatever it has, it is shown everything
        self._counted("retry", n_alerts)
        wait_s = self._timing.backoff.wait_ms(self.failures, self._chance.random()) / 1000
        log.warning(
            "alertmanager did not take alerts", url=self.name, reason=str(error), again_s=round(wait_s, 1)
        )
        return max(wait_s, self._timing.look_s)

    async def _show(self, entries: list[Entry]) -> None:
        """All of them, those that were refused as they are now after the others."""
        suspect = [each for each in entries if self._refused.get(_identity(each)) == each.version]
        if suspect:
            entries = [each for each in entries if self._refused.get(_identity(each)) != each.version]
        start = 0
        while start < len(entries):
            batch = entries[start : start + self._batch]
            await self._offer(batch)
            start += len(batch)
            await asyncio.sleep(0)  # others are served between two batches
        for each in suspect:
            await self._offer([each])

    async def _offer(self, batch: list[Entry]) -> bool:
        """Show some; of those that are refused together each half, until one is refused alone.

        Returns:
            whether they were taken as they are.
        """
        try:
            await self._server.post_alerts(post(batch, self._clock(), int(self._timing.resolve_s * 1000)))
        except Refused as error:
            if error.status not in ABOUT_ONE:
                raise
            half = len(batch) // 2
            if not half:
                await self._give_up(batch[0], error)
                return False
            taken = [await self._offer(part) for part in (batch[:half], batch[half:])]
            if error.status == TOO_LARGE and all(taken):  # not one of them was too large, they were too many
                self._batch = min(self._batch, half)
            return False
        self._counted("delivered", len(batch))
        for each in batch if self._refused else ():
            self._refused.pop(_identity(each), None)
        return True

    async def _give_up(self, entry: Entry, error: Refused) -> None:
        """One alert is refused alone: a dead letter, once for each of its transitions."""
        await self._server.post_alerts([])  # raises, if it is not about this alert
        identity = _identity(entry)
        if self._refused.get(identity) == entry.version:
            return
        self._counted("refused", 1)
        log.error(
            "alertmanager refuses an alert: dead letter",
            url=self.name,
            reason=str(error),
            alert=entry.alert.alert_id,
        )
        if self._book.knows(entry.alert.dedup_key):  # else it was deleted, and nothing is kept of it
            row = projected(self.name, entry.partition, entry.alert, str(error))
            await self._journal.write(DEAD_LETTERS, [row])
        self._refused[identity] = entry.version

    async def _silences(self) -> tuple[Plan, Refused | None]:
        """What is to be done about silences; nothing, if the server refuses to tell of them."""
        snoozed = [
            (alert, self._shape.reference(alert))
            for alert in self._book.alerts()
            if alert.snooze is not None  # also while it recovers
        ]
        try:
            there = await self._server.silences()
        except Refused as error:
            return Plan(), error
        return plan(snoozed, there, self._shape.installation, self._clock()), None


def _identity(entry: Entry) -> frozenset[tuple[str, str]]:
    return frozenset(entry.labels.items())


async def _each(ask: Callable[[Any], Awaitable[None]], things: Sequence[Any]) -> Refused | None:
    """Ask for all; what is refused is not about the others."""
    refused: Refused | None = None
    for each in things:
        try:
            await ask(each)
        except Refused as error:
            refused = error
    return refused
