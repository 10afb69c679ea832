"""What BG/NBD and MBG/NBD say of a customer of whom nothing is known yet: totals and counts of a population.

Conventions:
    t time since the first purchase, weeks; repeat purchases only.
"""

import numpy as np
from scipy.special import betaln, gammaln, logsumexp

from stream.model.btyd import Bg, shortening
from stream.model.columns import Floats
from stream.model.parameters import Mbg

__all__ = ["expected_total", "p_count"]


def expected_total(t: Floats, m: Bg | Mbg) -> Floats:
    """E[X(t)]: expected repeat purchases by t; (n,).

    BG/NBD: Fader, Hardie & Lee 2005, eq. 9; MBG/NBD: Batislam, Denizel & Filiztekin 2007.
    """
    if isinstance(m, Mbg):
        start = np.full(np.shape(t), m.a + m.b)
        return m.b * shortening(start, m.a + m.b - m.r, m.a, t, m.alpha)
    start = np.full(np.shape(t), m.a + m.b - 1.0)
    return (m.a + m.b - 1.0) * shortening(start, m.a + m.b - 1.0 - m.r, m.a, t, m.alpha)


def p_count(n: int, t: float, m: Bg) -> float:
    """P(X(t) = n) under BG/NBD (Fader, Hardie & Lee 2005, eq. 8), summed in log space."""
    j = np.arange(max(n, 1), dtype=np.float64)
    grown, left = np.log(t) - np.log(m.alpha + t), m.r * (np.log(m.alpha) - np.log(m.alpha + t))

    def rate(k: float | Floats) -> Floats:
        return gammaln(m.r + k) - gammaln(m.r) - gammaln(np.asarray(k) + 1.0) + left + k * grown

    alive = float(np.exp(betaln(m.a, m.b + n) - betaln(m.a, m.b) + rate(float(n))))
    if n == 0:
        return alive
    below = float(np.exp(logsumexp(rate(j))))
    return alive + float(np.exp(betaln(m.a + 1.0, m.b + n - 1.0) - betaln(m.a, m.b))) * (1.0 - below)
