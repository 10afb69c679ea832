"""Every row is swept once per interval, in order, in slices that are short and spread over the interval."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.engine.sweep import SLICE_S, SweepClock


class Ticks:
    """Monotonic seconds by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def sweep_once(sweep: SweepClock, clock: Ticks, n_rows: int, row_s: float) -> list[tuple[float, int, int]]:
    """Slices of the next sweep with the time of each; a row takes `row_s`."""
    slices = []
    over = False
    while not over:
        clock.now += sweep.seconds_left()
        rows = sweep.slice(n_rows)
        assert rows is not None
        slices.append((clock.now, *rows))
        took_s = (rows[1] - rows[0]) * row_s
        clock.now += took_s
        over = sweep.done(*rows, n_rows, took_s)
    return slices


@given(st.integers(1, 3000), st.integers(1, 400), st.floats(0, 1e-3))
def test_a_sweep_covers_every_row_once(n_rows: int, most: int, row_s: float) -> None:
    """Slices join without gap or overlap; none is larger than asked for."""
    clock = Ticks()
    sweep = SweepClock(60, most, clock)
    covered: list[int] = []
    for _at, start, stop in sweep_once(sweep, clock, n_rows, row_s):
        assert 0 < stop - start <= most
        covered.extend(range(start, stop))
    assert covered == list(range(n_rows))


def test_nothing_is_due_before_the_interval_and_once_after() -> None:
    """The first sweep waits one interval; the next is due one interval after the start of the last."""
    clock = Ticks()
    sweep = SweepClock(60, 100, clock)
    assert (sweep.active, sweep.slice(10), sweep.seconds_left()) == (False, None, 60)
    clock.now = 61.0
    assert sweep.active
    assert sweep.slice(10) == (0, 10)
    assert sweep.done(0, 10, 10, 0.001)
    assert (sweep.active, sweep.slice(10), sweep.seconds_left()) == (False, None, 60)


def test_of_no_rows_there_is_no_sweep() -> None:
    """An empty partition is asked again after the interval."""
    clock = Ticks()
    sweep = SweepClock(60, 100, clock)
    clock.now = 60.0
    assert (sweep.slice(0), sweep.active, sweep.seconds_left()) == (None, False, 60)


def test_rows_that_arrive_during_a_sweep_are_swept_with_it() -> None:
    """The end is where the rows end, not where they ended at the start."""
    clock = Ticks()
    sweep = SweepClock(60, 10, clock)
    clock.now = 60.0
    assert sweep.slice(10) == (0, 10)
    assert not sweep.done(0, 10, 15, 0.001)
    clock.now += sweep.seconds_left()
    assert sweep.slice(15) == (10, 15)
    assert sweep.done(10, 15, 15, 0.001)


def test_a_table_that_shrank_ends_its_sweep() -> None:
    """A partition restored in the middle of a sweep may have fewer rows than were swept."""
    clock = Ticks()
    sweep = SweepClock(60, 10, clock)
    clock.now = 60.0
    assert sweep.slice(100) == (0, 10)
    assert not sweep.done(0, 10, 100, 0.001)
    clock.now += sweep.seconds_left()
    assert sweep.slice(5) is None
    assert sweep.seconds_left() > 50


@pytest.mark.parametrize("row_s", [1e-6, 4e-6, 1e-4])
def test_slices_are_short_and_spread_over_the_interval(row_s: float) -> None:
    """However long a row takes: no slice takes much longer than it should, and no two follow at once."""
    clock = Ticks()
    sweep = SweepClock(60, 5_000, clock)
    sweep_once(sweep, clock, 250_000, row_s)  # learns how long a row takes
    slices = sweep_once(sweep, clock, 250_000, row_s)
    assert max((stop - start) * row_s for _at, start, stop in slices) <= 1.5 * SLICE_S
    began, last = slices[0][0], slices[-1][0]
    assert 45 <= last - began <= 60
    gaps = [later[0] - earlier[0] for earlier, later in pairwise(slices)]
    assert min(gaps) >= (slices[0][2] - slices[0][1]) * row_s
