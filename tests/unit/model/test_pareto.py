"""Pareto/NBD by quadrature: against adaptive integration, published values, and where 2F1 overflows."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln

from stream.model.pareto import (
    Pareto,
    expected_purchases,
    log_likelihood,
    log_p_alive,
    p_no_purchase,
    with_gradient,
)
from tests.unit.model.test_btyd import columns

CDNOW = Pareto(r=0.553, alpha=10.578, s=0.606, beta=11.669)  # Fader, Hardie & Lee 2005, table 2
HISTORIES = [(0, 0, 38.86), (1, 1.71, 38.86), (7, 29.43, 38.86), (26, 30.86, 31), (40, 5, 200), (0, 0, 5)]


def by_hand(x: float, t_x: float, age: float, m: Pareto) -> float:
    """The definition: alive to the end, or dropped out at any moment since the last purchase."""
    scale = (m.alpha + t_x) ** (m.r + x)  # keeps the integrand near 1
    integral, _ = quad(
        lambda u: scale * (m.alpha + u) ** -(m.r + x) * (m.beta + u) ** -(m.s + 1),
        t_x,
        age,
        epsrel=1e-12,
        epsabs=0.0,
        limit=500,
    )
    alive = scale * (m.alpha + age) ** -(m.r + x) * (m.beta + age) ** -m.s
    whole = gammaln(m.r + x) - gammaln(m.r) + m.r * np.log(m.alpha) + m.s * np.log(m.beta) - np.log(scale)
    return float(whole + np.log(alive + m.s * integral))


@pytest.mark.parametrize("m", [CDNOW, Pareto(2.0, 3.0, 0.2, 50.0), Pareto(0.3, 40.0, 4.0, 1.0)])
@pytest.mark.parametrize(("x", "t_x", "age"), HISTORIES)
def test_likelihood_is_its_definition(x: float, t_x: float, age: float, m: Pareto) -> None:
    """Fixed quadrature in log space agrees with adaptive integration to nine digits."""
    found = log_likelihood(*columns(x, t_x, age), m)[0]
    assert found == pytest.approx(by_hand(x, t_x, age, m), rel=1e-9)


def test_published_customer() -> None:
    """The BTYD walkthrough: 26 purchases, the last at 30.86 of 31 weeks: P(alive) .9979, 25.46 in a year."""
    history = columns(26, 30.86, 31)
    assert np.exp(log_p_alive(*history, CDNOW))[0] == pytest.approx(0.9979, abs=5e-5)
    assert expected_purchases(*history, 52.0, CDNOW)[0] == pytest.approx(25.46, abs=0.01)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("x", "t_x", "age"), [(1000, 30, 31), (1000, 30, 300), (1e5, 0, 5000), (0, 0, 0)])
def test_extreme_histories_stay_finite(x: float, t_x: float, age: float) -> None:
    """A thousand purchases, or none at all, overflow nowhere."""
    history = columns(x, t_x, age)
    assert np.isfinite(log_likelihood(*history, CDNOW)).all()
    assert 0.0 <= p_no_purchase(*history, 39.0, CDNOW)[0] <= 1.0
    assert np.isfinite(expected_purchases(*history, 39.0, CDNOW)).all()


@pytest.mark.parametrize(("x", "t_x", "age"), HISTORIES)
def test_gradient_is_the_slope(x: float, t_x: float, age: float) -> None:
    """Each derivative equals a difference quotient."""
    history, values = columns(x, t_x, age), np.array([0.6, 9.0, 0.7, 11.0])
    height, slope = with_gradient(*history, Pareto(*values))
    assert height == pytest.approx(log_likelihood(*history, Pareto(*values)), rel=1e-12)
    for j, value in enumerate(values):
        step = np.zeros(4)
        step[j] = 1e-5 * value
        up, down = (log_likelihood(*history, Pareto(*(values + sign * step)))[0] for sign in (1, -1))
        assert slope[0, j] == pytest.approx((up - down) / (2 * step[j]), rel=1e-5, abs=1e-8)


def test_expectation_is_continuous_at_s_of_one() -> None:
    """At s = 1 the formula is 0/0; its limit is used."""
    history = columns(3, 20, 30)
    near, at = (expected_purchases(*history, 26.0, Pareto(0.5, 9.0, s, 11.0))[0] for s in (1.0 + 1e-4, 1.0))
    assert at == pytest.approx(near, rel=1e-3)
