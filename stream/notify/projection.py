"""One Alertmanager is shown the book: what changed at once, all of it before it would time out.

Nothing is remembered but the version that it has got: after any failure, and after a restart of either side,
it is shown everything again.
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
from stream.notify.retry import Backoff
from stream.notify.shape import Shape, post
from stream.notify.silences import Plan, plan

__all__ = ["Projection", "Timing"]

log = structlog.get_logger(__name__)

PATIENT = Backoff(first_ms=500, cap_ms=30_000)
BATCH = 500
"""Alerts in one request."""


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
        timing: Timing,
        *,
        clock: Clock,
        chance: Random,
        counted: Callable[[str, int], None],
    ) -> None:
        self.name = name
        self.failures = 0
        self._server, self._book, self._shape, self._timing = server, book, shape, timing
        self._clock, self._chance, self._counted = clock, chance, counted
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
            silences = await self._silences() if look else Plan()
            # Before its alert is shown, and after it is over: some routes wait for nobody.
            refused = await _each(self._server.make_silence, silences.make)
            await self._show(entries)
            refused = await _each(self._server.expire_silence, silences.expire) or refused
            if refused is not None:
                raise refused
        except Away as error:
            return self._failed(error, len(entries))
        if self.failures:
            log.info("alertmanager is back", url=self.name, alerts=len(entries))
        self.failures = 0
        self._has = version
        if all_due:
            self._all_at_ms = now_ms
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
        resolve_ms = int(self._timing.resolve_s * 1000)
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            await self._server.post_alerts(post(batch, self._clock(), resolve_ms))
            self._counted("delivered", len(batch))
            await asyncio.sleep(0)  # others are served between two batches

    async def _silences(self) -> Plan:
        snoozed = [
            (alert, self._shape.reference(alert))
            for alert in self._book.alerts()
            if alert.snooze is not None  # also while it recovers
        ]
        return plan(snoozed, await self._server.silences(), self._clock())


async def _each(ask: Callable[[Any], Awaitable[None]], things: Sequence[Any]) -> Refused | None:
    """Ask for all; what is refused is not about the others."""
    refused: Refused | None = None
    for each in things:
        try:
            await ask(each)
        except Refused as error:
            refused = error
    return refused
