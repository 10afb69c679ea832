"""Gamma-Gamma: what a purchase day of a customer is worth (Fader & Hardie 2013, note 025).

Conventions:
    x purchase days with a mean m > 0 of their amounts (`mean`); arrays (n,). gamma in the amounts' unit.
    The literature leaves the first purchase out, and so does `offline/fit.py`.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, psi

from stream.model.columns import Floats

__all__ = ["GammaGamma", "expected_mean", "gradient", "log_likelihood"]


@dataclass(frozen=True, slots=True)
class GammaGamma:
    """Parameters; gamma in the unit of the amounts."""

    p: float
    q: float
    gamma: float


def log_likelihood(x: Floats, mean: Floats, g: GammaGamma) -> Floats:
    """Log-likelihood of each mean (note 025, eq. 1a); (n,)."""
    px = g.p * x
    return (
        gammaln(px + g.q)
        - gammaln(px)
        - gammaln(g.q)
        + g.q * np.log(g.gamma)
        + (px - 1.0) * np.log(mean)
        + px * np.log(x)
        - (px + g.q) * np.log(g.gamma + x * mean)
    )


def gradient(x: Floats, mean: Floats, g: GammaGamma) -> Floats:
    """Derivatives of `log_likelihood` by p, q, gamma; (n, 3)."""
    px, total = g.p * x, g.gamma + x * mean
    by_p = x * (psi(px + g.q) - psi(px) + np.log(mean) + np.log(x) - np.log(total))
    by_q = psi(px + g.q) - psi(g.q) + np.log(g.gamma) - np.log(total)
    by_gamma = g.q / g.gamma - (px + g.q) / total
    return np.stack([by_p, by_q, by_gamma], axis=1)


def expected_mean(x: Floats, mean: Floats, g: GammaGamma) -> Floats:
    """E(M | x, m) = (gamma + x m) p / (p x + q - 1) (note 025, eq. 5); needs p x + q > 1, allows x = 0."""
    return (g.gamma + x * mean) * g.p / (g.p * x + g.q - 1.0)
