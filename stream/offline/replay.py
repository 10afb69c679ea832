"""A history through the live code: the same `Pipeline.step`, one table, no Kafka.

The event clock is used: silence is scored at the times at which it was silent, and the result depends on the
file and on T alone, not on when it is computed.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from schemas.interaction import LATEST
from stream.errors import ConfigError
from stream.pipeline import DeadLetter, Effects, FileRecord, Pipeline, Record
from stream.state.table import CustomerTable

__all__ = ["BATCH", "Replay", "replay", "scores_at"]

BATCH = 5_000
"""Records of one step; the scores at the end do not depend on it."""

LATEST_MS = int(LATEST.timestamp() * 1000)

SLICE = 50_000  # encoded at a time


@dataclass(slots=True)
class Replay:
    """A replay's account. Every line is scored, a duplicate, a dead letter, or later than T.

    Attributes:
        table: every customer as of `as_of_ms`.
        as_of_ms: T, or the last event time of the file; 0 for a file without events.
        n_records: lines taken, those later than T included.
        n_later: lines whose event time is after T; not applied.
        outcomes: events by (type, outcome).
        causes: dead letters by cause.
        opened: alerts opened by severity.
        resolved: alerts resolved by severity.
        n_scores: scores published on the way.
        promises_given_up: open promises counted as broken because a customer had more than a row may hold.
    """

    table: CustomerTable
    as_of_ms: int = 0
    n_records: int = 0
    n_later: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)
    resolved: Counter[str] = field(default_factory=Counter)
    n_scores: int = 0
    promises_given_up: int = 0

    def count(self, outcome: str) -> int:
        """Events of every type with this outcome: scored, duplicate or invalid."""
        return sum(n for (_type, what), n in self.outcomes.items() if what == outcome)

    def add(self, effects: Effects) -> None:
        """Count what one step or sweep did."""
        self.outcomes.update(effects.outcomes)
        self.causes.update(effects.causes)
        self.opened.update(effects.opened)
        self.resolved.update(effects.resolved)
        self.n_scores += len(effects.scores)
        self.promises_given_up += effects.promises_given_up


def replay(
    pipeline: Pipeline,
    records: Iterable[FileRecord],
    *,
    now_ms: int,
    until_ms: int | None = None,
    on_dead: Callable[[Sequence[DeadLetter]], None] = lambda _letters: None,
    on_alerts: Callable[[Sequence[tuple[bytes, bytes]]], None] = lambda _alerts: None,
    on_time: Callable[[CustomerTable], None] = lambda _table: None,
    on_progress: Callable[[int], None] = lambda _n_records: None,
    people: Callable[[int], Sequence[Record]] | None = None,
    batch: int = BATCH,
) -> Replay:
    """Run a history up to T.

    Args:
        pipeline: with the event clock.
        records: in any order; event time as `timestamp`.
        now_ms: wall time, for the limit on events ahead of it.
        until_ms: T; the last event time if None.
        on_dead: receives the refused records of each step.
        on_alerts: receives the transitions of each step or sweep, as they are written to the alert log.
        on_time: called with the table after each step and sweep, as event time goes by.
        on_progress: called with the number of records so far.
        people: called with the time at the first event and after each sweep; the commands that it returns are
            done at once.
        batch: records of one step, at most.

    Raises:
        ConfigError: T is later than any event may be.
    """
    assert pipeline.clock == "event"
    if until_ms is not None and until_ms >= LATEST_MS:
        raise ConfigError(
            f"T is not before {LATEST:%Y-%m-%d}, and no event may be later",
            hint="give an earlier time, for example --as-of 2026-11-22",
        )
    account = Replay(pipeline.new_table())
    table, every_ms, seen = account.table, pipeline.sweep_every_ms, 0

    def took(effects: Effects) -> None:
        account.add(effects)
        if effects.dead_letters:
            on_dead(effects.dead_letters)
        if effects.alert_log:
            on_alerts(effects.alert_log)
        on_time(table)

    def act() -> None:
        nonlocal seen
        if people is not None and table.watermark_ms // every_ms > seen:
            seen = table.watermark_ms // every_ms
            if commands := people(table.watermark_ms):
                took(pipeline.step(table, (), now_ms, commands=commands))

    for run in _runs(records, batch):
        account.n_records += len(run)
        chosen = run if until_ms is None else [record for record in run if record.timestamp <= until_ms]
        account.n_later += len(run) - len(chosen)
        for part in _to_sweeps(chosen, table, every_ms, with_it=people is not None):
            took(pipeline.step(table, part, now_ms))
            act()
        on_progress(account.n_records)
    account.as_of_ms = table.watermark_ms if until_ms is None else until_ms
    for effects in _silence(pipeline, table, account.as_of_ms, now_ms):
        took(effects)
        act()
    return account


def scores_at(pipeline: Pipeline, table: CustomerTable, time_ms: int) -> Iterator[bytes]:
    """ScoreV1 of every customer at a time, as JSON, in the order in which customers first appeared."""
    rows = table.live(0, table.n_rows)
    for start in range(0, len(rows), SLICE):
        yield from pipeline.score_records(table, rows[start : start + SLICE], time_ms)


def _runs(records: Iterable[FileRecord], size: int) -> Iterator[list[FileRecord]]:
    iterator = iter(records)
    while run := list(islice(iterator, size)):
        yield run


def _to_sweeps(
    run: Sequence[FileRecord], table: CustomerTable, every_ms: int, *, with_it: bool
) -> Iterator[Sequence[FileRecord]]:
    """Parts cut where a record makes a sweep due, so that what is looked at in between is seen in time.

    The table's clock moves on between the parts. `with_it`: that record ends its part, so that people act
    right after it; else it begins the next, where the step would have cut by itself.
    """
    start = 0
    for place, record in enumerate(run):
        reached_ms = table.watermark_ms if with_it else max(table.watermark_ms, run[start].timestamp)
        if record.timestamp // every_ms > reached_ms // every_ms:
            yield run[start : place + with_it]
            start = place + with_it
    if start < len(run):
        yield run[start:]


def _silence(pipeline: Pipeline, table: CustomerTable, until_ms: int, now_ms: int) -> Iterator[Effects]:
    """The sweeps between the last event and T, so that alerts of silence open when they were due."""
    if not len(table):
        return
    every_ms = pipeline.sweep_every_ms
    turn = table.watermark_ms // every_ms + 1
    while turn * every_ms < until_ms:
        table.watermark_ms = turn * every_ms
        yield pipeline.sweep(table, 0, table.n_rows, now_ms)
        turn += 1
    table.watermark_ms = max(table.watermark_ms, until_ms)
    yield pipeline.sweep(table, 0, table.n_rows, now_ms)
