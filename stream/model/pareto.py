"""Pareto/NBD (Schmittlein, Morrison & Colombo 1987): the reference of the family; no score uses it.

Conventions:
    As in `btyd`: x, t_x, T (`age`) and h in weeks, arrays (n,). r, alpha shape the rates of purchase, s, beta
    the rates of dropping out.

L = G(r+x)/G(r) alpha^r beta^s { (alpha+T)^-(r+x) (beta+T)^-s + s I }, where I is the integral over the moment
of dropping out, t_x to T, of (alpha+u)^-(r+x) (beta+u)^-(s+1). Usually I is written with 2F1, in two cases
and with overflow at a few hundred purchases; here it is integrated in log space, smooth in every parameter.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, psi

from stream.model.columns import Floats

__all__ = ["Pareto", "expected_purchases", "log_likelihood", "log_p_alive", "p_no_purchase", "with_gradient"]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)


@dataclass(frozen=True, slots=True)
class Pareto:
    """Parameters, time in weeks."""

    r: float
    alpha: float
    s: float
    beta: float


def _log_alive(x: Floats, age: Floats, m: Pareto) -> Floats:
    return -(m.r + x) * np.log(m.alpha + age) - m.s * np.log(m.beta + age)


def _dead(x: Floats, t_x: Floats, age: Floats, m: Pareto) -> tuple[Floats, Floats, Floats]:
    """Log(s I), -inf where T = t_x; and (n, 48) u at the nodes with their shares of the integral.

    With u = t_x + d (e^y - 1), d the integrand's length of decay at t_x, its peak there and its long tail are
    smooth in y: Gauss-Legendre with 48 nodes has nine digits (tested against adaptive quadrature).
    """
    buying, going = m.alpha + t_x, m.beta + t_x
    length = 1.0 / ((m.r + x) / buying + (m.s + 1.0) / going)
    end = np.log1p((age - t_x) / length)
    y = 0.5 * end[:, None] * (NODES + 1.0)
    since = length[:, None] * np.expm1(y)
    fallen = (m.r + x)[:, None] * np.log1p(since / buying[:, None])
    fallen += (m.s + 1.0) * np.log1p(since / going[:, None])
    parts = np.exp(y - fallen) * WEIGHTS
    sums = parts.sum(axis=1)
    with np.errstate(divide="ignore"):
        log_integral = np.log(0.5 * end * length * sums)
    log_dead = np.log(m.s) - (m.r + x) * np.log(buying) - (m.s + 1.0) * np.log(going) + log_integral
    return log_dead, t_x[:, None] + since, parts / sums[:, None]


def log_likelihood(x: Floats, t_x: Floats, age: Floats, m: Pareto) -> Floats:
    """Log-likelihood of each history; (n,)."""
    return _whole(x, m) + np.logaddexp(_log_alive(x, age, m), _dead(x, t_x, age, m)[0])


def _whole(x: Floats, m: Pareto) -> Floats:
    return gammaln(m.r + x) - gammaln(m.r) + m.r * np.log(m.alpha) + m.s * np.log(m.beta)


def with_gradient(x: Floats, t_x: Floats, age: Floats, m: Pareto) -> tuple[Floats, Floats]:
    """`log_likelihood` and its derivatives by r, alpha, s, beta; (n,) and (n, 4) from one integration."""
    log_dead, u, share = _dead(x, t_x, age, m)
    log_alive = _log_alive(x, age, m)
    alive = np.exp(-np.logaddexp(0.0, log_dead - log_alive))
    dead, buying, going = 1.0 - alive, m.alpha + age, m.beta + age
    to_buy, to_go = m.alpha + u, m.beta + u
    by_r = (
        psi(m.r + x)
        - psi(m.r)
        + np.log(m.alpha)
        - alive * np.log(buying)
        - dead * _mean(np.log(to_buy), share)
    )
    by_alpha = m.r / m.alpha - (m.r + x) * (alive / buying + dead * _mean(1.0 / to_buy, share))
    by_s = np.log(m.beta) - alive * np.log(going) + dead * (1.0 / m.s - _mean(np.log(to_go), share))
    by_beta = m.s / m.beta - alive * m.s / going - dead * (m.s + 1.0) * _mean(1.0 / to_go, share)
    height = _whole(x, m) + np.logaddexp(log_alive, log_dead)
    return height, np.stack([by_r, by_alpha, by_s, by_beta], axis=1)


def _mean(values: Floats, share: Floats) -> Floats:
    return np.einsum("ij,ij->i", values, share)


def log_p_alive(x: Floats, t_x: Floats, age: Floats, m: Pareto) -> Floats:
    """Log P(alive at T), <= 0."""
    return -np.logaddexp(0.0, _dead(x, t_x, age, m)[0] - _log_alive(x, age, m))


def p_no_purchase(x: Floats, t_x: Floats, age: Floats, horizon: float, m: Pareto) -> Floats:
    """P(no purchase in (T, T + h]) = L(x, t_x, T+h) / L(x, t_x, T)."""
    later = log_likelihood(x, t_x, age + horizon, m)
    return np.exp(np.minimum(later - log_likelihood(x, t_x, age, m), 0.0))


def expected_purchases(x: Floats, t_x: Floats, age: Floats, horizon: float, m: Pareto) -> Floats:
    """E[Y(h)]: expected repeat purchases in (T, T + h] (Schmittlein et al. 1987; Fader & Hardie 2005)."""
    if abs(m.s - 1.0) < 1e-6:
        lasting = np.log1p(horizon / (m.beta + age))
    else:
        lasting = -np.expm1((m.s - 1.0) * -np.log1p(horizon / (m.beta + age))) / (m.s - 1.0)
    return (m.r + x) * (m.beta + age) / (m.alpha + age) * lasting * np.exp(log_p_alive(x, t_x, age, m))
