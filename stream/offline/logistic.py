"""Penalised logistic regression with signs: small, dense, exact to the last digit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from stream.model.columns import Floats, Ints

__all__ = ["Logistic", "fit_logistic"]

MIN_SPREAD = 1e-3  # an input that varies less says nothing


@dataclass(frozen=True, slots=True)
class Logistic:
    """Log-odds = intercept + (inputs - mean) @ coefficients.

    Attributes:
        intercept: log-odds at the mean of the inputs.
        coefficients: (k,) per unit of each input; 0 where it was dropped.
        mean: (k,) weighted mean of the inputs.
        spread: (k,) weighted standard deviation.
        dropped: indices of the inputs that were dropped for their sign, in that order.
    """

    intercept: float
    coefficients: Floats
    mean: Floats
    spread: Floats
    dropped: tuple[int, ...]

    def log_odds(self, inputs: Floats) -> Floats:
        """Log-odds of each row; (n,)."""
        return self.intercept + (inputs - self.mean) @ self.coefficients


def fit_logistic(
    inputs: Floats,
    happened: NDArray[np.bool_],
    weight: Floats,
    penalty: float,
    signs: Ints,
) -> Logistic:
    """Maximise sum(weight log-likelihood) - penalty/2 |standardised coefficients|^2; the intercept is free.

    A coefficient of the wrong sign leaves the model, the worst first, and the rest is fitted anew.

    Args:
        inputs: (n, k), finite.
        happened: (n,), both outcomes present.
        weight: (n,) of the rows.
        penalty: of the ridge.
        signs: (k,) 1, -1, or 0 for free.
    """
    total = weight.sum()
    mean = weight @ inputs / total
    spread = np.sqrt(weight @ (inputs - mean) ** 2 / total)
    used = spread > MIN_SPREAD
    standard = (inputs - mean) / np.where(used, spread, 1.0)
    dropped: list[int] = []
    while True:
        intercept, found = _newton(standard[:, used], happened, weight, penalty)
        coefficients = np.zeros(len(signs))
        coefficients[used] = found
        wrong = np.where(signs * coefficients < 0.0, np.abs(coefficients), 0.0)
        if not wrong.any():
            break
        worst = int(wrong.argmax())
        dropped.append(worst)
        used[worst] = False
    return Logistic(
        intercept,
        np.where(used, coefficients / np.where(used, spread, 1.0), 0.0),
        mean,
        spread,
        tuple(dropped),
    )


def _newton(
    inputs: Floats, happened: NDArray[np.bool_], weight: Floats, penalty: float
) -> tuple[float, Floats]:
    """Newton's method with halved steps; the loss is convex, so where it ends is the minimum."""
    design = np.column_stack([np.ones(len(inputs)), inputs])
    ridge = np.full(design.shape[1], penalty)
    ridge[0] = 0.0
    found = np.zeros(design.shape[1])

    def loss(theta: Floats) -> float:
        odds = design @ theta
        fit = np.logaddexp(0.0, odds) - np.where(happened, odds, 0.0)
        return float(weight @ fit + 0.5 * ridge @ theta**2)

    height = loss(found)
    for _ in range(100):
        p = expit(design @ found)
        slope = design.T @ (weight * (p - happened)) + ridge * found
        curve = (design * (weight * p * (1.0 - p))[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.lstsq(curve, slope, rcond=None)[0]
        share = 1.0
        if (
            np.abs(step).max() < 1e-6
        ):  # so near, the full step is right to 1e-12 and the loss can no longer tell
            found = found - step
            break
        while (lower := loss(found - share * step)) > height and share > 1e-6:
            share *= 0.5
        found, height = found - share * step, lower
    return float(found[0]), found[1:]
