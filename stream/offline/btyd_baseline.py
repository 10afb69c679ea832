"""BG/NBD and MBG/NBD by maximum likelihood: the baselines of the literature.

Fader, Hardie & Lee (2005), equation 6; Batislam, Denizel & Filiztekin (2007). Time in weeks. The probability
is that of no purchase in the horizon, not 1 - P(alive), which says 0 of every one-time buyer under BG/NBD.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln

__all__ = ["fit_btyd", "p_no_purchase"]

Floats = NDArray[np.float64]
STARTS = ((0.7, 8.0, 0.6, 1.5), (0.3, 3.0, 0.5, 3.0), (1.5, 20.0, 1.0, 1.0))


def log_likelihood(
    parameters: Sequence[float], x: Floats, t_x: Floats, age: Floats, *, modified: bool
) -> Floats:
    """(n,) log-likelihood of each history; `modified` is MBG/NBD."""
    r, alpha, a, b = parameters
    y = x + (1.0 if modified else 0.0)
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    common += gammaln(a + b) + gammaln(b + y) - gammaln(b) - gammaln(a + b + y)
    alive = -(r + x) * np.log(alpha + age)
    with np.errstate(divide="ignore", invalid="ignore"):
        gone = np.log(a) - np.log(b + y - 1.0) - (r + x) * np.log(alpha + t_x)
    if not modified:
        gone = np.where(x > 0, gone, -np.inf)
    return np.asarray(common + np.logaddexp(alive, gone))


def fit_btyd(x: Floats, t_x: Floats, age: Floats, *, modified: bool) -> tuple[Floats, float]:
    """Parameters r, alpha, a, b and the log-likelihood; the best of three starts on log scale."""
    histories, count = np.unique(np.stack([x, t_x, age]), axis=1, return_counts=True)

    def loss(logs: Floats) -> float:
        value = count @ log_likelihood(np.exp(logs).tolist(), *histories, modified=modified)
        return -float(value) / count.sum() if np.isfinite(value) else 1e10

    bounds = [(-9.0, 9.0)] * 4
    found = [minimize(loss, np.log(start), method="L-BFGS-B", bounds=bounds) for start in STARTS]
    best = min(found, key=lambda each: float(each.fun))
    return np.exp(best.x), -float(best.fun) * float(count.sum())


def p_no_purchase(
    parameters: Floats, x: Floats, t_x: Floats, age: Floats, horizon: float, *, modified: bool
) -> Floats:
    """P(no purchase in the next `horizon` weeks)."""
    r, alpha, a, b = parameters
    y = x + (1.0 if modified else 0.0)
    with np.errstate(divide="ignore"):
        odds = np.log(a) - np.log(b + y - 1.0) + (r + x) * (np.log(alpha + age) - np.log(alpha + t_x))
    if not modified:
        odds = np.where(x > 0, odds, -np.inf)
    none = (r + x) * -np.log1p(horizon / (alpha + age))
    return np.asarray(-np.expm1(-np.logaddexp(0.0, odds) + np.log(-np.expm1(none))))
