"""Ridge logistic regression with signs: at its minimum, and nothing of the wrong sign."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from stream.model.columns import Floats
from stream.offline.logistic import fit_logistic


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), penalty=st.floats(0.1, 50.0))
def test_it_ends_at_the_minimum(seed: int, penalty: float) -> None:
    """A general minimiser of the same loss finds the same coefficients."""
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(80, 3)) * [1.0, 20.0, 0.1] + [5.0, 0.0, -3.0]
    happened = chance.random(80) < 1.0 / (1.0 + np.exp(-inputs[:, 0] + 5.0))
    weight = chance.uniform(0.2, 3.0, 80)
    found = fit_logistic(inputs, happened, weight, penalty, np.zeros(3, np.int64))
    standard = (inputs - found.mean) / found.spread

    def loss(theta: Floats) -> float:
        odds = theta[0] + standard @ theta[1:]
        return float(
            weight @ (np.logaddexp(0.0, odds) - happened * odds) + 0.5 * penalty * theta[1:] @ theta[1:]
        )

    best = minimize(loss, np.zeros(4), method="BFGS", options={"gtol": 1e-7})
    assert found.intercept == pytest.approx(best.x[0], abs=1e-4)
    assert found.coefficients * found.spread == pytest.approx(best.x[1:], abs=1e-4)
    assert weight @ (happened - 1.0 / (1.0 + np.exp(-found.log_odds(inputs)))) == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), signs=st.tuples(*[st.sampled_from([-1, 0, 1])] * 4))
def test_no_coefficient_has_the_wrong_sign(seed: int, signs: tuple[int, ...]) -> None:
    """Those that would have it are out, and are named."""
    chance = np.random.default_rng(seed)
    inputs = chance.normal(size=(60, 4))
    happened = np.arange(60) % 3 == 0
    found = fit_logistic(inputs, happened, np.ones(60), 1.0, np.array(signs))
    assert (np.array(signs) * found.coefficients >= 0.0).all()
    assert all(found.coefficients[k] == 0.0 for k in found.dropped)


def test_ridge_pulls_to_nothing() -> None:
    """Without data's say the coefficients are 0; with much they are the data's."""
    chance = np.random.default_rng(2)
    inputs = chance.normal(size=(4000, 2))
    happened = chance.random(4000) < 1.0 / (1.0 + np.exp(-0.5 * inputs[:, 0]))
    free = np.zeros(2, np.int64)
    held = fit_logistic(inputs, happened, np.full(4000, 1e-6), 10.0, free)
    assert held.coefficients == pytest.approx(np.zeros(2), abs=1e-3)
    said = fit_logistic(inputs, happened, np.ones(4000), 10.0, free)
    assert said.coefficients == pytest.approx([0.5, 0.0], abs=0.1)


def test_constant_input_says_nothing() -> None:
    """All customers alike in something: its coefficient is 0, the intercept is the log-odds of the rate."""
    happened = np.arange(40) < 10
    found = fit_logistic(np.ones((40, 2)), happened, np.ones(40), 10.0, np.zeros(2, np.int64))
    assert found.coefficients.tolist() == [0.0, 0.0]
    assert found.intercept == pytest.approx(np.log(1 / 3))


def test_separated_outcomes_stay_finite() -> None:
    """The ridge holds coefficients that would run away."""
    inputs = np.linspace(-1, 1, 50)[:, None]
    found = fit_logistic(inputs, inputs[:, 0] > 0, np.ones(50), 10.0, np.zeros(1, np.int64))
    assert np.isfinite(found.coefficients).all()
