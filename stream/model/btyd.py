"""Buy till you die: NBD, BG/NBD and MBG/NBD in closed form and in log space.

Conventions:
    x repeat purchase days, t_x time of the last, T age (`age`), all from the first purchase; h the horizon.
    float64 arrays (n,), weeks. r, alpha shape the rates of purchase, a, b the probabilities of dropping out.

Models: NBD (Ehrenberg 1959: nobody drops out), BG/NBD (Fader, Hardie & Lee 2005), MBG/NBD (Batislam, Denizel
& Filiztekin 2007: a customer may drop out at once, so a one-time buyer is not alive for ever). A history was
alive to the end, A, or its customer dropped out after the last purchase, D. With k = 0 for BG, 1 for MBG:

    L = G(r+x)/G(r) alpha^r  G(a+b) G(b+x+k) / (G(b) G(a+b+x+k))  (A + D)
    A = (alpha+T)^-(r+x)        D = a/(b+x+k-1) (alpha+t_x)^-(r+x), 0 for BG if x = 0

For every member P(no purchase in h) = L(x, t_x, T+h) / L(x, t_x, T): the silence goes on. The score is not
1 - P(alive), which is 0 for every one-time buyer under BG and ranks worse than chance.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammaln, hyp2f1, psi

from stream.model.columns import Floats
from stream.model.parameters import Mbg, Nbd

__all__ = [
    "Bg",
    "Model",
    "expected_purchases",
    "gradient",
    "log_likelihood",
    "log_p_alive",
    "logit_no_purchase",
    "p_no_purchase",
]


@dataclass(frozen=True, slots=True)
class Bg:
    """BG/NBD parameters, time in weeks; no score uses them, reports and tests do."""

    r: float
    alpha: float
    a: float
    b: float


Model = Nbd | Bg | Mbg


def _dropping_out(m: Bg | Mbg) -> int:
    """k: how many chances to drop out a customer has had beyond the repeat purchases."""
    return int(isinstance(m, Mbg))


def _log_odds_dead(x: Floats, t_x: Floats, age: Floats, m: Model) -> Floats:
    """Log(D/A), the log-odds of having dropped out by T; -inf where that cannot be."""
    if isinstance(m, Nbd):
        return np.full(np.shape(x), -np.inf)
    waited = (m.r + x) * (np.log(m.alpha + age) - np.log(m.alpha + t_x))
    if isinstance(m, Mbg):
        return np.log(m.a) - np.log(m.b + x) + waited
    again = np.maximum(x, 1.0)
    return np.where(x > 0, np.log(m.a) - np.log(m.b + again - 1.0) + waited, -np.inf)


def log_likelihood(x: Floats, t_x: Floats, age: Floats, m: Model) -> Floats:
    """Log-likelihood of each history; (n,)."""
    buying = gammaln(m.r + x) - gammaln(m.r) + m.r * np.log(m.alpha) - (m.r + x) * np.log(m.alpha + age)
    if isinstance(m, Nbd):
        return buying
    k = _dropping_out(m)
    staying = gammaln(m.a + m.b) - gammaln(m.b) + gammaln(m.b + x + k) - gammaln(m.a + m.b + x + k)
    return buying + staying + np.logaddexp(0.0, _log_odds_dead(x, t_x, age, m))


def gradient(x: Floats, t_x: Floats, age: Floats, m: Model) -> Floats:
    """Derivatives of `log_likelihood` by the parameters in their order; (n, 2) or (n, 4)."""
    alive = np.exp(log_p_alive(x, t_x, age, m))
    late, early = m.alpha + age, m.alpha + t_x
    by_r = psi(m.r + x) - psi(m.r) + np.log(m.alpha) - alive * np.log(late) - (1.0 - alive) * np.log(early)
    by_alpha = m.r / m.alpha - (m.r + x) * (alive / late + (1.0 - alive) / early)
    if isinstance(m, Nbd):
        return np.stack([by_r, by_alpha], axis=1)
    k = _dropping_out(m)
    common = psi(m.a + m.b) - psi(m.a + m.b + x + k)
    by_a = common + (1.0 - alive) / m.a
    chances = np.where(x + k > 0, m.b + x + k - 1.0, 1.0)
    by_b = common + psi(m.b + x + k) - psi(m.b) - (1.0 - alive) / chances
    return np.stack([by_r, by_alpha, by_a, by_b], axis=1)


def log_p_alive(x: Floats, t_x: Floats, age: Floats, m: Model) -> Floats:
    """Log P(alive at T), <= 0; no overflow for any x.

    P(alive) = 1 / (1 + D/A); MBG: D/A = a/(b+x) ((alpha+T)/(alpha+t_x))^(r+x).
    """
    return -np.logaddexp(0.0, _log_odds_dead(x, t_x, age, m))


def logit_no_purchase(x: Floats, t_x: Floats, age: Floats, horizon: float, m: Model) -> Floats:
    """Log-odds of no purchase in (T, T + h]; finite however small either probability.

    Alive at T, a customer buys nothing with probability e^l = ((alpha+T)/(alpha+T+h))^(r+x), so that
    P(none) / P(some) = (D/A + e^l) / (1 - e^l).
    """
    log_none_if_alive = (m.r + x) * -np.log1p(horizon / (m.alpha + age))
    log_some_if_alive = np.log(-np.expm1(log_none_if_alive))
    if isinstance(m, Nbd):
        return log_none_if_alive - log_some_if_alive
    return np.logaddexp(_log_odds_dead(x, t_x, age, m), log_none_if_alive) - log_some_if_alive


def p_no_purchase(x: Floats, t_x: Floats, age: Floats, horizon: float, m: Model) -> Floats:
    """P(no purchase in (T, T + h]) = L(x, t_x, T+h) / L(x, t_x, T), in (0, 1)."""
    return expit(logit_no_purchase(x, t_x, age, horizon, m))


def expected_purchases(x: Floats, t_x: Floats, age: Floats, horizon: float, m: Model) -> Floats:
    """E[Y(h)]: expected repeat purchase days in (T, T + h] given the history.

    BG/NBD: Fader, Hardie & Lee 2005, eq. 10, after Euler's transformation of 2F1, so that nothing overflows
    at x = 1000; MBG/NBD likewise. At a = 1 the formula is 0/0: the mean of both sides of it is returned.
    """
    if isinstance(m, Nbd):
        return (m.r + x) / (m.alpha + age) * horizon
    alive = np.exp(log_p_alive(x, t_x, age, m))
    start = m.a + m.b + x + _dropping_out(m) - 1.0
    return (
        start
        * shortening(start, m.a + m.b + _dropping_out(m) - 1.0 - m.r, m.a, horizon, m.alpha + age)
        * alive
    )


def shortening(
    start: Floats, shift: float, a: float, horizon: float | Floats, scale: float | Floats
) -> Floats:
    """[1 - (1-z)^(a-1) 2F1(shift, a-1; start; z)] / (a-1), z = h/(scale+h): time that dropping out leaves."""
    if abs(a - 1.0) < 1e-6:
        sides = [shortening(start, shift, side, horizon, scale) for side in (1.0 - 1e-5, 1.0 + 1e-5)]
        return 0.5 * (sides[0] + sides[1])
    log_rest = np.log(scale) - np.log(scale + horizon)  # 1 - z
    z = -np.expm1(log_rest)
    # Euler's transformation of 2F1 has the same value; the form with the lower power of 1 - z overflows last.
    other = start - shift
    power = np.minimum(a - 1.0, other)
    given = power < other
    first, second = np.where(given, shift, other), np.where(given, a - 1.0, start - (a - 1.0))
    return (1.0 - np.exp(power * log_rest) * hyp2f1(first, second, start, z)) / (a - 1.0)
