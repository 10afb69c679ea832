"""Evidence in landmark units: exact sums in any order, half after a half-life."""

import math
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.model.evidence import LANDMARK_MS, growth, quantise, shrink, split_value

WEIGHTS = st.floats(0.05, 10.0)
DAYS = st.integers(0, 20 * 30)


@given(terms=st.lists(st.tuples(WEIGHTS, DAYS), min_size=1, max_size=60), order=st.randoms())
def test_sums_have_the_same_bits_in_any_order(terms: list[tuple[float, int]], order: Random) -> None:
    """Within 20 half-lives sums of quantised terms are exact: shuffled or cut, the same bits."""
    weight, day = np.array([w for w, _ in terms]), np.array([d for _, d in terms])
    values = growth(weight, LANDMARK_MS + day * MS_PER_DAY, 30.0 * MS_PER_DAY).tolist()
    shuffled = list(values)
    order.shuffle(shuffled)
    cut = order.randint(0, len(values))
    assert sum(values) == sum(shuffled) == sum(shuffled[:cut]) + sum(shuffled[cut:]) == math.fsum(values)


@given(st.floats(1e-300, 1e300))
def test_quantised_keeps_twenty_digits(value: float) -> None:
    """The error is at most 2^-20 of the value, and quantising again changes nothing."""
    rounded = quantise(np.array([value]))
    assert abs(rounded[0] - value) <= value * 2.0**-20
    assert quantise(rounded)[0] == rounded[0]


@given(
    weight=WEIGHTS, day=st.integers(0, 40_000), half_life=st.floats(30.0, 3650.0), wait=st.floats(0.0, 20.0)
)
def test_half_is_left_after_a_half_life(weight: float, day: int, half_life: float, wait: float) -> None:
    """From 1990 to 2100 and for every half-life of the domain, what is read is w 2^(-age/h)."""
    half_life_ms = half_life * MS_PER_DAY
    then = EPOCH_1990_MS + day * MS_PER_DAY
    now = then + int(wait * half_life_ms)
    stored = growth(np.array([weight]), np.array([then]), half_life_ms)
    assert np.isfinite(stored).all()
    left = float(stored[0] * shrink(now, half_life_ms))
    assert left == pytest.approx(weight * 2.0 ** (-(now - then) / half_life_ms), rel=2.0**-19)


@given(st.floats(-1.0, 1.0))
def test_shares_of_a_grade_sum_to_one(value: float) -> None:
    """Every grade splits into two non-negative shares."""
    good, bad = split_value(np.array([value]))
    assert good[0] + bad[0] == 1.0
    assert min(good[0], bad[0]) >= 0.0


@pytest.mark.parametrize(("a_day", "half_life"), [(1.0, 30.0), (0.2, 180.0)])
def test_steady_evidence_settles_at_rate_times_half_life_over_ln_2(a_day: float, half_life: float) -> None:
    """However long it goes on: r + s -> q h / ln 2, so that uncertainty stays above W / (W + q h / ln 2)."""
    day = np.arange(0.0, 20.0 * half_life, 1.0 / a_day)
    now = LANDMARK_MS + int(day[-1] * MS_PER_DAY)
    times = (LANDMARK_MS + day * MS_PER_DAY).astype(np.int64)
    each = growth(np.ones(len(day)), times, half_life * MS_PER_DAY)
    total = float(each.sum() * shrink(now, half_life * MS_PER_DAY))
    assert total == pytest.approx(a_day * half_life / math.log(2.0) + 0.5, rel=2e-3)
