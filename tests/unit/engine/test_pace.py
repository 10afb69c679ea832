"""A step is as large as can be computed in about a second."""

from hypothesis import given
from hypothesis import strategies as st

from stream.engine.pace import LEAST, SLOW_S, Pace

MOST = 40_000


def test_steps_of_a_starved_machine_shrink_until_they_are_quick() -> None:
    """At a tenth of a millisecond each, 40,000 records take four seconds: a quarter is enough."""
    pace = Pace(MOST)
    for _ in range(10):
        pace.took(pace.records, pace.records * 1e-4)
    assert pace.records == 10_000


def test_steps_grow_again_when_the_machine_is_free() -> None:
    """Up to what the settings allow."""
    pace = Pace(MOST)
    for _ in range(20):
        pace.took(pace.records, 10.0)
    assert pace.records == LEAST
    for _ in range(20):
        pace.took(pace.records, 0.01)
    assert pace.records == MOST


def test_small_steps_teach_nothing_about_large_ones() -> None:
    """Few records done quickly are no reason to take more at once."""
    pace = Pace(MOST)
    pace.took(MOST, 2 * SLOW_S)
    pace.took(10, 0.001)
    assert pace.records == MOST // 2


@given(st.lists(st.tuples(st.integers(0, MOST), st.floats(0.0, 100.0))), st.integers(1, MOST))
def test_it_stays_within_its_bounds(steps: list[tuple[int, float]], most: int) -> None:
    """Whatever steps took: never nothing, never more than allowed."""
    pace = Pace(most)
    for n_records, seconds in steps:
        pace.took(n_records, seconds)
        assert min(LEAST, most) <= pace.records <= most
