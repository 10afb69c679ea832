"""The shifted-beta-geometric: published numbers, a known population found again, degenerate data named."""

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from stream.model.columns import Floats
from stream.offline.sbg import ALIKE, fit_sbg, log_likelihood

HIGH_END = (1.0, 0.869, 0.743, 0.653, 0.593, 0.551, 0.517, 0.491)  # Fader & Hardie (2007), table 1
REGULAR = (1.0, 0.631, 0.468, 0.382, 0.326, 0.289, 0.262, 0.241)


class Watched(NamedTuple):
    """The arguments of `fit_sbg`."""

    t: Floats
    h: Floats
    ended: NDArray[np.bool_]
    weight: Floats


def cohort(surviving: tuple[float, ...], n: float = 1_000.0) -> Watched:
    """A cohort watched from its start, period by period."""
    left = np.array(surviving) * n
    t = np.arange(len(left) - 1.0)
    ended = np.repeat([True, False], len(t))
    return Watched(np.tile(t, 2), np.ones(2 * len(t)), ended, np.concatenate([-np.diff(left), left[1:]]))


@pytest.mark.parametrize(("surviving", "alpha", "beta"), [(HIGH_END, 0.668, 3.806), (REGULAR, 0.704, 1.182)])
def test_published_parameters_are_found(surviving: tuple[float, ...], alpha: float, beta: float) -> None:
    """Fader & Hardie (2007): both segments of their example, to the third digit."""
    found = fit_sbg(*cohort(surviving))
    assert (round(found.alpha, 3), round(found.beta, 3)) == (alpha, beta)
    assert not found.degenerate
    assert found.log_likelihood > found.geometric + 20.0


def test_published_likelihood_is_found() -> None:
    """High End at alpha = beta = 1: -2.115 for each customer of the cohort."""
    assert log_likelihood(*cohort(HIGH_END, 1.0), 1.0, 1.0) == pytest.approx(-2.1155, abs=1e-4)


def test_likelihood_is_that_of_the_distribution_of_lifetimes() -> None:
    """Month by month, conditional on surviving, is P(T = t) = B(a + 1, b + t - 1) / B(a, b) and S(n) (B3)."""
    left = np.array(REGULAR) * 1_000.0
    alpha, beta = 0.9, 2.3
    p, survival, whole = alpha / (alpha + beta), 1.0, 0.0
    for t in range(1, len(left)):
        whole += (left[t - 1] - left[t]) * np.log(p)
        survival -= p
        p *= (beta + t - 1) / (alpha + beta + t)
    whole += left[-1] * np.log(survival)
    assert log_likelihood(*cohort(REGULAR), alpha, beta) == pytest.approx(whole, rel=1e-9)


def test_a_known_population_is_found_within_its_standard_errors() -> None:
    """Ten populations drawn from Beta(0.8, 12), looked at late and watched for a while: within 3 errors."""
    away = []
    for seed in range(10):
        chance = np.random.default_rng(seed)
        theta = chance.beta(0.8, 12.0, 4_000)
        life = chance.geometric(np.maximum(theta, 1e-12)).astype(np.float64)
        seen = chance.integers(0, 30, len(life)).astype(np.float64)
        there = life > seen
        t, h = seen[there], np.full(int(there.sum()), 6.0)
        found = fit_sbg(t, h, life[there] <= t + 6.0, np.ones(len(t)))
        away += [
            np.log(found.alpha / 0.8) / found.se_log[0],
            np.log(found.beta / 12.0) / found.se_log[1],
        ]
    assert np.abs(away).max() < 3.0
    assert np.mean(np.abs(away) < 2.0) >= 0.8


def test_customers_who_are_all_alike_get_one_hazard() -> None:
    """Nothing in tenure: the geometric with its own hazard, and the reason is said."""
    theta = 0.07
    left = 5_000.0 * (1.0 - theta) ** np.arange(13.0)
    found = fit_sbg(*cohort(tuple(left / 5_000.0), 5_000.0))
    assert "one hazard for all" in found.degenerate
    assert found.alpha + found.beta == pytest.approx(ALIKE)
    assert found.alpha / (found.alpha + found.beta) == pytest.approx(theta, abs=1e-6)


def test_a_hazard_that_rises_is_met_with_one_for_all() -> None:
    """Leaving late rather than early is outside the model's world: a constant hazard, and it is said."""
    assert fit_sbg(*cohort((1.0, 0.99, 0.97, 0.9, 0.75, 0.5, 0.2))).degenerate


def test_leavers_at_once_and_stayers_for_ever_are_named() -> None:
    """All that leave do so in the first period: the shape runs to its limit, finite and named."""
    found = fit_sbg(*cohort((1.0, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6)))
    assert "never" in found.degenerate
    assert found.alpha / (found.alpha + found.beta) == pytest.approx(0.4, abs=0.01)
    assert np.isfinite(found.log_likelihood)
