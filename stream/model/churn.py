"""P(no purchase within a horizon) under MBG/NBD, in closed form and in log space.

Conventions:
    x repeat purchase days, t_x time of the last, T age, all from the first purchase; h the horizon.
    float64, weeks.

Model: Batislam, Denizel & Filiztekin (2007), the MBG/NBD; parameters r, alpha, a, b. Unlike BG/NBD a customer
may drop out at once, so a one-time buyer is not alive for ever. The score is not 1 - P(alive), which ranks
worse than chance under BG/NBD, but P(no purchase in h) = 1 - P(alive) [1 - ((alpha + T) / (alpha + T + h))^(r
+ x)].
"""

import numpy as np

from stream.model.columns import Floats
from stream.model.parameters import Mbg

__all__ = ["log_p_alive", "logit_no_purchase", "p_no_purchase"]


def log_p_alive(x: Floats, t_x: Floats, age: Floats, mbg: Mbg) -> Floats:
    """Log P(alive at T), <= 0; no overflow for any x.

    P(alive) = 1 / (1 + a/(b+x) ((alpha+T)/(alpha+t_x))^(r+x)).
    """
    return -np.logaddexp(0.0, _log_odds_dead(x, t_x, age, mbg))


def _log_odds_dead(x: Floats, t_x: Floats, age: Floats, mbg: Mbg) -> Floats:
    return (
        np.log(mbg.a) - np.log(mbg.b + x) + (mbg.r + x) * (np.log(mbg.alpha + age) - np.log(mbg.alpha + t_x))
    )


def _log_p_purchase(x: Floats, t_x: Floats, age: Floats, horizon: float, mbg: Mbg) -> Floats:
    """Log P(at least one purchase in (T, T + h])."""
    log_none_if_alive = (mbg.r + x) * -np.log1p(horizon / (mbg.alpha + age))
    return log_p_alive(x, t_x, age, mbg) + np.log(-np.expm1(log_none_if_alive))


def p_no_purchase(x: Floats, t_x: Floats, age: Floats, horizon: float, mbg: Mbg) -> Floats:
    """P(no purchase in (T, T + h]), in (0, 1)."""
    return -np.expm1(_log_p_purchase(x, t_x, age, horizon, mbg))


def logit_no_purchase(x: Floats, t_x: Floats, age: Floats, horizon: float, mbg: Mbg) -> Floats:
    """Log-odds of no purchase in (T, T + h]; finite however small the probability of a purchase."""
    log_p = _log_p_purchase(x, t_x, age, horizon, mbg)
    return np.log(-np.expm1(log_p)) - log_p
