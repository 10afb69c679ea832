"""Every row is swept once per interval, in order, in slices."""

from hypothesis import given
from hypothesis import strategies as st

from stream.engine.sweep import SweepClock


class Ticks:
    """Monotonic seconds by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(st.integers(0, 50), st.integers(1, 20))
def test_a_sweep_covers_every_row_once(n_rows: int, slice_rows: int) -> None:
    """Slices join without gap or overlap; none is larger than asked for."""
    clock = Ticks()
    sweep = SweepClock(60, slice_rows, clock)
    clock.now = 60.0
    covered: list[int] = []
    while (rows := sweep.slice(n_rows)) is not None:
        start, stop = rows
        assert 0 < stop - start <= slice_rows
        covered.extend(range(start, stop))
        sweep.done(stop, n_rows)
    assert covered == list(range(n_rows))


def test_nothing_is_due_before_the_interval_and_once_after() -> None:
    """The first sweep waits one interval; the next is due one interval after the start of the last."""
    clock = Ticks()
    sweep = SweepClock(60, 100, clock)
    assert (sweep.slice(10), sweep.seconds_left()) == (None, 60)
    clock.now = 61.0
    assert sweep.active
    assert sweep.slice(10) == (0, 10)
    assert sweep.seconds_left() == 0
    assert sweep.done(10, 10)
    assert (sweep.active, sweep.slice(10), sweep.seconds_left()) == (False, None, 60)


def test_rows_that_arrive_during_a_sweep_are_swept_with_it() -> None:
    """The end is where the rows end, not where they ended at the start."""
    clock = Ticks()
    sweep = SweepClock(60, 10, clock)
    clock.now = 60.0
    assert sweep.slice(10) == (0, 10)
    assert not sweep.done(10, 15)
    assert sweep.slice(15) == (10, 15)
    assert sweep.done(15, 15)
