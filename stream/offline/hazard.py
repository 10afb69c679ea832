"""Logistic regression for hazards: with an offset, a prior for each weight, and signs that it may not change.

Conventions:
    n rows, k weights; log-odds = offset + design @ weights. float64.

The penalty is half the squared distance of each weight from its prior mean in units of its prior deviation:
ridge regression around declared values (Hoerl & Kennard 1970; as a posterior mode: Gelman et al. 2008, A
weakly informative default prior). A column of zeros leaves its weight where it was declared.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from stream.model.columns import Floats

__all__ = ["Hazard", "Prior", "fit_hazard"]

AT_BOUND = 1e-9


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed of k weights before any data; arrays (k,), bounds may be infinite."""

    mean: Floats
    deviation: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Hazard:
    """Weights (k,) and their standard errors, nan for a weight that is held at its bound."""

    weights: Floats
    errors: Floats
    log_likelihood: float


def fit_hazard(design: Floats, ended: NDArray[np.bool_], offset: Floats, prior: Prior) -> Hazard:
    """The most probable weights; unique, as the penalty is strictly convex.

    Args:
        design: (n, k), an intercept is a column like any other.
        ended: (n,) whether it happened.
        offset: (n,) log-odds that are given.
        prior: of the k weights.
    """
    sign = np.where(ended, 1.0, -1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = offset + design @ weights
        away = (weights - prior.mean) / prior.deviation
        value = np.logaddexp(0.0, -sign * odds).sum() + 0.5 * (away @ away)
        return float(value), design.T @ (expit(odds) - ended) + away / prior.deviation

    start = np.clip(prior.mean, prior.low, prior.high)
    bounds = list(zip(prior.low.tolist(), prior.high.tolist(), strict=True))
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7},
    )  # fmt: skip
    weights = np.asarray(found.x, np.float64)
    odds = offset + design @ weights
    free = (weights > prior.low + AT_BOUND) & (weights < prior.high - AT_BOUND)
    errors = np.full(len(weights), np.nan)
    if free.any():
        chosen, p = design[:, free], expit(odds)
        hessian = (chosen * (p * (1.0 - p))[:, None]).T @ chosen + np.diag(prior.deviation[free] ** -2.0)
        errors[free] = np.sqrt(np.diag(np.linalg.inv(hessian)))
    return Hazard(weights, errors, -float(np.logaddexp(0.0, -sign * odds).sum()))
