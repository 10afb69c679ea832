"""Logistic regression with prior, offset and signs: the optimum, its errors, what it may not do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from stream.offline.hazard import Prior, fit_hazard

INF = np.inf


def prior(k: int, mean: float = 0.0, deviation: float = 10.0, low: float = -INF, high: float = INF) -> Prior:
    return Prior(*(np.full(k, value) for value in (mean, deviation, low, high)))


def test_known_weights_are_found_within_their_standard_errors() -> None:
    """Twenty samples of a known hazard: errors are honest, 2 of them hold 95 % and 3.5 all."""
    weights = np.array([-2.0, 0.7, -0.4])
    away = []
    for seed in range(20):
        chance = np.random.default_rng(seed)
        design = np.column_stack([np.ones(3_000), chance.normal(size=3_000), chance.random(3_000) < 0.3])
        ended = chance.random(3_000) < expit(0.5 + design @ weights)
        found = fit_hazard(design, ended, np.full(3_000, 0.5), prior(3))
        away.append((found.weights - weights) / found.errors)
    assert np.abs(away).max() < 3.5
    assert np.mean(np.abs(away) < 2.0) > 0.88


@given(seed=st.integers(0, 2**32), mean=st.floats(-2, 2))
def test_the_optimum_has_no_slope(seed: int, mean: float) -> None:
    """Where no bound holds a weight the penalised score is zero."""
    chance = np.random.default_rng(seed)
    design, ended = chance.normal(size=(60, 3)), chance.random(60) < 0.4
    found = fit_hazard(design, ended, np.zeros(60), prior(3, mean, 0.7))
    slope = design.T @ (expit(design @ found.weights) - ended) + (found.weights - mean) / 0.49
    assert np.abs(slope).max() < 1e-3


@given(seed=st.integers(0, 2**32))
def test_signs_are_kept(seed: int) -> None:
    """Whatever the data say, a weight stays on its side; one that is held has no standard error."""
    chance = np.random.default_rng(seed)
    design, ended = chance.normal(size=(80, 2)), chance.random(80) < 0.5
    found = fit_hazard(design, ended, np.zeros(80), prior(2, 0.0, 1.0, low=0.0))
    assert (found.weights >= 0.0).all()
    assert (np.isnan(found.errors) == (found.weights <= 1e-9)).all()


def test_a_column_of_zeros_keeps_its_declared_weight() -> None:
    """What never happened is not unlearnt."""
    design = np.column_stack([np.ones(100), np.zeros(100)])
    found = fit_hazard(design, np.arange(100) < 30, np.zeros(100), prior(2, 1.7, 2.0))
    assert found.weights[1] == pytest.approx(1.7, abs=1e-6)


@pytest.mark.parametrize("ended", [True, False])
def test_one_outcome_alone_stays_finite(ended: bool) -> None:
    """All ended or none: the prior holds the weights within a few of its deviations."""
    found = fit_hazard(np.ones((500, 1)), np.full(500, ended), np.zeros(500), prior(1, 0.0, 1.0))
    assert 0.0 < (1 if ended else -1) * found.weights[0] < 6.0


def test_huge_log_odds_do_not_overflow() -> None:
    """An offset of a thousand is no number to fear."""
    found = fit_hazard(np.ones((4, 1)), np.array([True, False, True, False]), np.full(4, 1e3), prior(1))
    assert np.isfinite(found.weights).all()
    assert np.isfinite(found.log_likelihood)
