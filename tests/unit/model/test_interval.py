"""Laws of credible intervals: the exact one is the Beta's, the fast one is within its stated error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.stats import beta as beta_distribution

from stream.model.interval import LEAST, MAX_ERROR, MOST, exact_interval, interval
from stream.model.parameters import Trust, load

SHIPPED = load().trust
SHAPE = st.floats(0.05, 2 * MOST)


def prior(base_rate: float, prior_weight: float, mass: float) -> Trust:
    """The shipped parameters with another prior."""
    return replace(SHIPPED, base_rate=base_rate, prior_weight=prior_weight, credible_mass=mass)


@given(alpha=SHAPE, beta=SHAPE, mass=st.sampled_from([0.5, 0.9, 0.95]))
def test_exact_interval_is_the_betas(alpha: float, beta: float, mass: float) -> None:
    """Low and high are the quantiles of Beta(alpha, beta), as another implementation has them."""
    found = exact_interval(np.array([alpha]), np.array([beta]), mass)
    expected = 100.0 * np.array(beta_distribution.interval(mass, alpha, beta))
    assert found[:, 0] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("mass", [0.5, 0.95, 0.99])
@pytest.mark.parametrize(
    ("base_rate", "prior_weight"), [(0.5, 2.0), (0.2, 2.0), (0.9, 4.0), (0.5, 2 * LEAST)]
)
def test_fast_interval_is_within_its_stated_error(base_rate: float, prior_weight: float, mass: float) -> None:
    """All over its domain, corners included, and beyond it."""
    parameters = prior(base_rate, prior_weight, mass)
    rng = np.random.default_rng(5)
    least = base_rate * prior_weight, (1.0 - base_rate) * prior_weight
    alpha, beta = (np.exp(rng.uniform(np.log(low), np.log(2 * MOST), 30_000)) for low in least)
    alpha[:4], beta[:4] = [least[0], least[0], MOST, MOST], [least[1], MOST, least[1], MOST]
    found = interval(alpha, beta, parameters)
    assert np.abs(found - exact_interval(alpha, beta, mass)).max() <= MAX_ERROR


def test_a_prior_too_small_for_the_grid_is_computed_exactly() -> None:
    """Where quantiles vanish nothing is interpolated."""
    parameters = prior(0.01, 2.0, 0.95)
    alpha, beta = np.array([0.02, 3.0]), np.array([1.98, 1.98])
    assert (interval(alpha, beta, parameters) == exact_interval(alpha, beta, 0.95)).all()


@given(extra=st.tuples(st.floats(0.0, 1e4), st.floats(0.0, 1e4)))
def test_interval_contains_trust(extra: tuple[float, float]) -> None:
    """What is published as the interval holds what is published as trust, rounding included."""
    alpha = np.array([SHIPPED.base_rate * SHIPPED.prior_weight + extra[0]])
    beta = np.array([(1.0 - SHIPPED.base_rate) * SHIPPED.prior_weight + extra[1]])
    low, high = interval(alpha, beta, SHIPPED)
    trust = 100.0 * alpha / (alpha + beta)
    assert (np.round(low, 2) <= np.round(trust, 2)).all()
    assert (np.round(trust, 2) <= np.round(high, 2)).all()
