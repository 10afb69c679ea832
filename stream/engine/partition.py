"""One partition's life: runs are queued, a step takes them all, one transaction writes what the step wants.

Laws:
- Between taking the queue and having the effects nothing is awaited: no other task sees half a step.
- Memory is never more than one step ahead of the log. `ahead` is true from the step until its commit
  returned; who
  leaves in between, by whatever exception or cancellation, leaves it true, and the partition must be
  restored.
- While a transaction is in flight runs are only queued. `room` bounds the queue; nobody fetches without it.
- A run that starts after the end of the queue is a gap: refused and sought again. What starts before is cut.
- A run of another epoch is dropped. The epoch grows whenever queued and fetched runs stop being the next
  ones.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog

from stream.clock import now_ms
from stream.config import Settings
from stream.engine.backlog import TIMESTAMP, StepClock
from stream.engine.contract import Pipeline
from stream.engine.held import HeldBack
from stream.engine.pace import Pace
from stream.engine.run import Run
from stream.engine.sweep import SweepClock
from stream.engine.topics import COMMANDS
from stream.engine.transaction import Ledger
from stream.metrics import Metrics
from stream.pipeline import Effects
from stream.state.layout import LAYOUT_VERSION
from stream.state.position import Position

__all__ = ["Partition"]

log = structlog.get_logger(__name__)

DUE_EVERY_S = 1.0
OnFailure = Callable[["Partition", Exception], None]


class Partition:
    """Queue, memory, writer and loop of one source partition.

    Args:
        number: of the partition, in every topic.
        settings: of the process.
        pipeline: the pure core.
        metrics: counted into after each commit, never before.
        worker: version written into the position row.
        on_failure: called once by the loop when it ends with an error; it must not raise.
    """

    def __init__(
        self,
        number: int,
        settings: Settings,
        pipeline: Pipeline,
        metrics: Metrics,
        worker: str,
        on_failure: OnFailure,
    ) -> None:
        self.number = number
        self.ledger = Ledger(settings, number)
        self.table: Any = pipeline.new_table()
        self.epoch = 0
        self.ready = False
        self.ahead = True
        self.durable: dict[str, int] = {}
        self.moved_at = monotonic()
        self.last_timestamp_ms = 0
        self._settings = settings
        self._pipeline = pipeline
        self._commands = settings.topic(COMMANDS)
        self._metrics = metrics
        self._worker = worker
        self._on_failure = on_failure
        self._queue: deque[Run] = deque()
        self._n_queued = 0
        self._n_fetched = 0
        self._stepping = False
        self._next: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._clock = StepClock()
        self._pace = Pace(settings.max_uncommitted)
        self._held = HeldBack(number)
        self._sweep = SweepClock(settings.sweep_interval_s, settings.sweep_slice_rows)
        self._due_at = monotonic() + DUE_EVERY_S
        self._task: asyncio.Task[None] | None = None

    # --- what the transport sees ---------------------------------------------------------------------------

    @property
    def room(self) -> bool:
        """True if more records may be fetched for this partition: less than a whole step is on its way."""
        return self._n_fetched < self._settings.max_uncommitted

    @property
    def on_their_way(self) -> int:
        """Records fetched and not yet in a step."""
        return self._n_fetched

    @property
    def pending(self) -> int:
        """Records queued and not yet in a step."""
        return self._n_queued

    @property
    def idle(self) -> bool:
        """No record is fetched, queued or in a step that is not yet committed."""
        return self._n_fetched == 0 and not self._stepping

    @property
    def oldest_ms(self) -> int | None:
        """Broker timestamp of the oldest queued record."""
        return next((int(run.records[0].timestamp) for run in self._queue if run.records), None)

    def fetched(self, n_records: int) -> None:
        """Count records that are on their way to `accept`."""
        self._n_fetched += n_records

    def accept(self, run: Run) -> int | None:
        """Queue a run. Never waits, never raises.

        Returns:
            None if taken or stale; on a gap the offset of the run's topic to seek.
        """
        if not self.ready or run.epoch != self.epoch:
            self._metrics.stale_runs += 1
            return None
        expected = self._next[run.topic]
        if run.start > expected:
            self._metrics.gaps += 1
            self._n_fetched -= len(run.records)
            log.error(
                "gap in the source",
                topic=run.topic,
                partition=self.number,
                start=run.start,
                expected=expected,
            )
            return expected
        if run.start < expected:
            fresh = [record for record in run.records if record.offset >= expected]
            self._n_fetched -= len(run.records) - len(fresh)
            run.records = fresh
            if run.end <= expected:
                return None
        self._next[run.topic] = run.end
        self._n_queued += len(run.records)
        self._queue.append(run)
        self._wake.set()
        return None

    # --- life -----------------------------------------------------------------------------------------------

    def begin(self) -> dict[str, int]:
        """Start, or go on after a rebalance, from the durable position. Memory must not be ahead.

        Returns:
            offset to seek in each source topic.
        """
        assert not self.ahead
        self.drop()
        self._stepping = False
        self._next = dict(self.durable)
        self.moved_at = monotonic()
        self.ready = True
        self._wake.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._live(), name=f"partition-{self.number}")
        return dict(self.durable)

    def drop(self) -> None:
        """Stop taking records and forget those not yet in a step; they stay in the log."""
        self.ready = False
        self.epoch += 1
        self._queue.clear()
        self._n_queued = self._n_fetched = 0

    def abandon(self) -> None:
        """Another worker may have written: nobody waits for the transaction in flight, nothing is kept."""
        self.drop()
        self.ahead = True
        if self._task is not None:
            self._task.cancel()

    async def settle(self) -> None:
        """Wait until no transaction is in flight. The caller bounds the wait."""
        await self._idle.wait()

    async def close(self) -> None:
        """End the loop and let go of the writer; a transaction in flight is left to the fence. Idempotent."""
        self.drop()
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self.ledger.close()

    # --- the loop -------------------------------------------------------------------------------------------

    async def _live(self) -> None:
        interval_s = self._settings.commit_interval_ms / 1000
        began = monotonic()
        try:
            while True:
                await self._wait(began + interval_s)
                began = monotonic()
                if self.ready and self._queue:
                    await self._step()
                elif self.ready and not self._clock.behind:
                    await self._rest()
        except Exception as error:  # whatever it is, memory may be ahead of the log
            self.ready = False
            self._on_failure(self, error)

    async def _wait(self, earliest: float) -> None:
        """Until there is work: runs and the interval over, a full step, a sweep, or alerts to look at."""
        while not (self.ready and (self._queue or self._time_left() <= 0.0)):
            await self._woken(self._time_left() if self.ready else None)
        while (left := earliest - monotonic()) > 0 and self._n_queued < self._pace.records:
            await self._woken(left)

    def _time_left(self) -> float:
        """Seconds until time alone is work: a slice of a sweep, or alerts that are due."""
        return min(self._sweep.seconds_left(), self._due_at - monotonic())

    async def _woken(self, limit_s: float | None) -> None:
        self._wake.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), limit_s)

    async def _step(self) -> None:
        self._stepping = True
        runs, records = self._take()
        commands = [record for run in runs if run.topic == self._commands for record in run.records]
        events = [record for record in records if record.topic != self._commands] if commands else records
        wall = now_ms()
        aside = commands and not events
        now = self._clock.aside_ms(wall) if aside else self._clock.step_ms(events, wall)
        self.ahead = True
        began = monotonic()
        effects = self._pipeline.step(self.table, events, now, wall_ms=wall, commands=commands)
        self._pace.took(len(records), monotonic() - began)
        if not self._clock.behind:  # in this transaction: one more would keep the next records waiting
            effects.also(self._time_passes())
        offsets = self.durable | {run.topic: run.end for run in runs}
        await self._write(effects, offsets)
        self._stepping = False
        if not aside:
            self._clock.done()
        self.moved_at = monotonic()
        if records:
            self.last_timestamp_ms = int(records[-1].timestamp)
        self._metrics.committed(effects, list(map(TIMESTAMP, records)), now_ms())

    async def _rest(self) -> None:
        """No event came: write what time alone has moved, if it has."""
        self.ahead = True
        effects = self._time_passes()
        if effects.changelog or effects.scores or effects.alerts or effects.alert_log or effects.dead_letters:
            await self._write(effects, self.durable)
            self._metrics.committed(effects, [], now_ms())
        else:
            self.ahead = False

    def _time_passes(self) -> Effects:
        """What no event asks for: alerts that are due, once a second, and a slice of a sweep."""
        effects, now = Effects(), now_ms()
        if monotonic() >= self._due_at:
            effects.also(self._pipeline.due(self.table, now))
            self._due_at = monotonic() + DUE_EVERY_S
        if (rows := self._sweep.slice(self.table.n_rows)) is not None:
            start, stop = rows
            began = monotonic()
            effects.also(self._pipeline.sweep(self.table, start, stop, now))
            if self._sweep.done(start, stop, self.table.n_rows, monotonic() - began):
                self._metrics.sweeps += 1
            self._metrics.swept_rows += stop - start
        return effects

    def _take(self) -> tuple[list[Run], list[Any]]:
        """All queued runs up to the step's limit; the one that reaches beyond it is cut."""
        runs: list[Run] = []
        n_records = 0
        while self._queue and n_records < self._pace.records:
            run, rest = self._queue.popleft().split(self._pace.records - n_records)
            if rest is not None:
                self._queue.appendleft(rest)
            runs.append(run)
            n_records += len(run.records)
        self._n_queued -= n_records
        self._n_fetched = max(0, self._n_fetched - n_records)
        records = (
            list(runs[0].records) if len(runs) == 1 else [record for run in runs for record in run.records]
        )
        return runs, records

    async def _write(self, effects: Effects, offsets: dict[str, int]) -> None:
        position = Position(
            offsets=offsets,
            watermark_ms=self.table.watermark_ms,
            statistics=self._pipeline.statistics,
            layout=LAYOUT_VERSION,
            worker=self._worker,
            customers=len(self.table),
            storm=self.table.storm,
            rules=self.table.rules,
        )
        began = monotonic()
        self._idle.clear()
        try:
            await self.ledger.write(effects, position.encode(), now_ms())
            self.durable = offsets
            self.ahead = False
            self._held.note(effects.suppressed, monotonic())
        finally:
            self._idle.set()
        self._metrics.transaction(monotonic() - began)
