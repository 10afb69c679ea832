"""The shifted-beta-geometric by maximum likelihood, from contracts watched over a while.

Conventions:
    Each of n contracts had survived t months when it was first looked at, and was watched for h months more;
    it ended in (t, t + h] or not. What was before t is conditioned on, so contracts that ended before anybody
    looked are not missed. float64.

Fader & Hardie (2007), appendix B, equation B3, is the case of one cohort: all watched from 0, month by month.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import psi

from stream.model.columns import Floats
from stream.model.contract import log_survival_ratio

__all__ = ["Sbg", "fit_sbg", "log_likelihood"]

STARTS = ((0.5, 2.0), (1.0, 20.0), (5.0, 100.0), (0.2, 50.0))  # (alpha, beta): much and little alike
LOG_LIMITS = (np.log(1e-3), np.log(1e4))
LEAST_GAIN = 2.0  # of log-likelihood over one hazard for all: below that the shape is chance
ALIKE = 1e4  # alpha + beta of customers who are all alike: the geometric, within 1e-4 of its hazard


@dataclass(frozen=True, slots=True)
class Sbg:
    """What was found.

    Attributes:
        alpha: shape of those who leave, per month.
        beta: shape of those who stay.
        log_likelihood: at these.
        geometric: log-likelihood of the best single hazard for all.
        se_log: standard errors of log alpha and log beta; nan where the likelihood is flat.
        degenerate: why the shape was not taken from the data; empty if it was.
    """

    alpha: float
    beta: float
    log_likelihood: float
    geometric: float
    se_log: tuple[float, float]
    degenerate: str = ""


def log_likelihood(
    t: Floats, h: Floats, ended: NDArray[np.bool_], weight: Floats, alpha: float, beta: float
) -> float:
    """Sum of weight x log P(what happened in (t, t + h] | survived t)."""
    stays = log_survival_ratio(t, h, alpha, beta)
    return float(weight @ np.where(ended, np.log(-np.expm1(stays)), stays))


def fit_sbg(t: Floats, h: Floats, ended: NDArray[np.bool_], weight: Floats) -> Sbg:
    """Maximum likelihood over several starts; one hazard for all where the data show no more than that.

    Args:
        t: (n,) months survived.
        h: (n,) months watched, > 0.
        ended: (n,) ended while watched; some did, some did not.
        weight: (n,) how many contracts each row stands for.
    """
    rate, geometric = _geometric(h, ended, weight)

    def loss(log_shape: Floats) -> tuple[float, Floats]:
        alpha, beta = np.exp(log_shape)
        value = log_likelihood(t, h, ended, weight, alpha, beta)
        return -value, -np.exp(log_shape) * _slope(t, h, ended, weight, alpha, beta)

    found = [
        minimize(loss, np.log(start), jac=True, method="L-BFGS-B", bounds=[LOG_LIMITS] * 2)
        for start in STARTS
    ]
    best = min(found, key=lambda each: float(each.fun))
    alpha, beta = (float(value) for value in np.exp(best.x))
    gain = -float(best.fun) - geometric
    if gain < LEAST_GAIN or alpha + beta >= ALIKE:
        theta = -np.expm1(-rate)
        why = (
            f"tenure tells nothing beyond chance (log-likelihood + {max(gain, 0.0):.2f}): one hazard for all"
        )
        alpha, beta = ALIKE * theta, ALIKE * (1.0 - theta)
        value = log_likelihood(t, h, ended, weight, alpha, beta)
        return Sbg(alpha, beta, value, geometric, (np.nan, np.nan), why)
    why = "some leave at once and the rest never: the shape is at its limit" if alpha + beta < 0.01 else ""
    return Sbg(alpha, beta, -float(best.fun), geometric, _standard_errors(loss, best.x), why)


def _slope(
    t: Floats, h: Floats, ended: NDArray[np.bool_], weight: Floats, alpha: float, beta: float
) -> Floats:
    """Derivative of the log-likelihood by alpha and beta."""
    stays = log_survival_ratio(t, h, alpha, beta)
    with np.errstate(over="ignore"):  # where nobody stays the slope is 0
        outer = weight * np.where(ended, -1.0 / np.expm1(-stays), 1.0)
    both = psi(alpha + beta + t) - psi(alpha + beta + t + h)
    return np.array([outer @ both, outer @ (both + psi(beta + t + h) - psi(beta + t))])


def _geometric(h: Floats, ended: NDArray[np.bool_], weight: Floats) -> tuple[float, float]:
    """The best constant hazard per month, and its log-likelihood; by Newton on its log."""
    log_rate = np.log((weight @ ended) / (weight @ h))
    for _ in range(50):
        x = np.exp(log_rate) * h
        with np.errstate(over="ignore"):
            leaves = x / np.expm1(x)  # of log(1 - e^-x) by log rate
        gradient = weight @ np.where(ended, leaves, -x)
        curve = weight @ np.where(ended, leaves * (1.0 - x - leaves), -x)
        step = float(np.clip(-gradient / curve, -1.0, 1.0))  # the log-likelihood is concave in log rate
        log_rate += step
        if abs(step) < 1e-12:
            break
    x = np.exp(log_rate) * h
    return float(np.exp(log_rate)), float(weight @ np.where(ended, np.log(-np.expm1(-x)), -x))


def _standard_errors(loss: object, at: Floats) -> tuple[float, float]:
    """From the inverse of the Hessian, by central differences of the analytic gradient."""
    assert callable(loss)
    step = 1e-5
    hessian = np.array([(loss(at + d)[1] - loss(at - d)[1]) / (2 * step) for d in step * np.eye(2)])
    hessian = (hessian + hessian.T) / 2.0
    if not (np.isfinite(hessian).all() and np.linalg.eigvalsh(hessian).min() > 0.0):
        return np.nan, np.nan
    first, second = np.sqrt(np.diag(np.linalg.inv(hessian)))
    return float(first), float(second)
