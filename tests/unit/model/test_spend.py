"""Gamma-Gamma against published numbers and its own definition."""

import numpy as np
import pytest

from stream.model.spend import GammaGamma, expected_mean, gradient, log_likelihood

CDNOW = GammaGamma(p=6.25, q=3.74, gamma=15.44)  # Fader & Hardie 2013, note 025
# Repeat purchases and their mean of the first ten customers of the worksheet, with E(M | x, m).
X = np.array([2, 1, 0, 0, 0, 7, 1, 0, 2, 0], np.float64)
MEAN = np.array([22.352, 11.77, 0, 0, 0, 73.74, 11.77, 0, 25.55, 0])
EXPECTED = np.array([24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17])


def test_published_expectations() -> None:
    """The first ten customers of Hardie's worksheet to .1; with nothing bought again the mean of all."""
    assert expected_mean(X, MEAN, CDNOW) == pytest.approx(EXPECTED, abs=0.1)
    assert expected_mean(np.zeros(1), np.zeros(1), CDNOW)[0] == pytest.approx(6.25 * 15.44 / 2.74)


def test_expectation_is_a_weighted_mean() -> None:
    """E(M | x, m) = (1-w) p gamma/(q-1) + w m with w = p x/(p x + q - 1)."""
    w = CDNOW.p * X / (CDNOW.p * X + CDNOW.q - 1.0)
    prior = CDNOW.p * CDNOW.gamma / (CDNOW.q - 1.0)
    assert expected_mean(X, MEAN, CDNOW) == pytest.approx((1.0 - w) * prior + w * MEAN, rel=1e-12)


def test_likelihood_is_a_density() -> None:
    """Over all means it integrates to 1, for one purchase and for many."""
    grid = np.geomspace(1e-4, 1e7, 200_001)
    for x in (1.0, 5.0):
        density = np.exp(log_likelihood(np.full(len(grid), x), grid, CDNOW))
        assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=1e-5)


def test_gradient_is_the_slope() -> None:
    """Each derivative equals a difference quotient; a thousand purchases overflow nowhere."""
    x, mean, values = np.array([1.0, 7.0, 1000.0]), np.array([3.0, 73.74, 20.0]), np.array([6.0, 4.0, 15.0])
    slope = gradient(x, mean, GammaGamma(*values))
    for j, value in enumerate(values):
        step = np.zeros(3)
        step[j] = 1e-5 * value
        up, down = (log_likelihood(x, mean, GammaGamma(*(values + s * step))) for s in (1, -1))
        assert slope[:, j] == pytest.approx((up - down) / (2 * step[j]), rel=1e-5)
