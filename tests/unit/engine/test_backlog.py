"""Whose now a step is of."""

import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from stream.alerts import rules
from stream.engine import backlog
from stream.engine.backlog import StepClock
from stream.model import parameters
from stream.pipeline import Pipeline

WALL = 1_800_000_000_000
DAY_MS = 86_400_000


def records(*timestamps: int) -> list[Any]:
    return [SimpleNamespace(timestamp=timestamp) for timestamp in timestamps]


def test_live_records_are_judged_by_the_wall() -> None:
    """A few seconds on the way are no backlog, and no records at all are none either."""
    clock = StepClock()
    assert clock.step_ms(records(WALL - 9_000, WALL - 3_000), WALL) == WALL
    assert clock.step_ms([], WALL + 5) == WALL + 5
    assert not clock.behind


def test_a_backlog_is_judged_by_the_time_of_its_records_and_never_back() -> None:
    """Days old: the newest record of the step says when; a later step with older records changes nothing."""
    clock = StepClock()
    assert clock.step_ms(records(WALL - 3 * DAY_MS, WALL - 2 * DAY_MS), WALL) == WALL - 2 * DAY_MS
    assert clock.behind
    assert clock.step_ms(records(WALL - 3 * DAY_MS), WALL + 1) == WALL - 2 * DAY_MS
    assert clock.step_ms(records(WALL), WALL + 2) == WALL + 2
    assert not clock.behind


@pytest.mark.parametrize("timestamp", [-1, 0, WALL - 500 * DAY_MS, WALL + DAY_MS])
def test_a_timestamp_that_cannot_be_believed_is_not(timestamp: int) -> None:
    """Missing, a producer's zero, years old, or ahead of the wall."""
    assert StepClock().step_ms(records(timestamp), WALL) == WALL


def test_a_backlog_is_over_when_nothing_late_came_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps may go on although no live record ever follows."""
    clock = StepClock()
    clock.step_ms(records(WALL - DAY_MS), WALL)
    assert clock.behind
    monkeypatch.setattr(backlog, "REST_S", 0.0)
    assert not clock.behind


def test_a_slow_step_is_no_pause_between_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest counts from the end of the commit, or every long commit would let a sweep into the backlog."""
    clock, seconds = StepClock(), [100.0]
    monkeypatch.setattr(backlog, "monotonic", lambda: seconds[0])
    clock.step_ms(records(WALL - DAY_MS), WALL)
    seconds[0] += 5 * backlog.REST_S
    clock.done()
    assert clock.behind
    seconds[0] += backlog.REST_S / 2
    assert clock.behind
    seconds[0] += backlog.REST_S
    assert not clock.behind


@pytest.mark.parametrize(("wall_ms", "n_letters"), [(None, 1), (WALL, 0), (WALL - 3 * DAY_MS, 1)])
def test_the_limit_on_events_ahead_is_the_walls(wall_ms: int | None, n_letters: int) -> None:
    """An event of today, read while a backlog of three days ago is, lies in nobody's future."""
    pipeline = Pipeline(parameters.load(), rules.load())
    event = {
        "type": "purchase",
        "event_id": "e1",
        "customer_id": "c1",
        "occurred_at": datetime.fromtimestamp(WALL / 1000, UTC).isoformat(),
        "amount": 10.0,
        "currency": "EUR",
    }
    record = SimpleNamespace(
        topic="t",
        partition=0,
        offset=0,
        timestamp=WALL,
        key=b"c1",
        value=json.dumps(event).encode(),
        headers=(),
    )
    effects = pipeline.step(pipeline.new_table(), [record], WALL - 3 * DAY_MS, wall_ms=wall_ms)
    assert len(effects.dead_letters) == n_letters


def test_a_step_of_commands_alone_ends_no_backlog() -> None:
    """It is judged where the backlog is, and by the wall when there is none; neither moves the clock."""
    clock = StepClock()
    assert clock.aside_ms(WALL) == WALL
    assert clock.step_ms(records(WALL - 2 * DAY_MS), WALL) == WALL - 2 * DAY_MS
    assert clock.aside_ms(WALL) == WALL - 2 * DAY_MS
    assert clock.behind
    assert clock.step_ms(records(WALL - DAY_MS), WALL) == WALL - DAY_MS
