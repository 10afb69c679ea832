"""What follows from both scores: loyalty type, customer lifetime value, value at risk, place in the segment.

Conventions:
    n customers, arrays (n,); nan or -1 where nothing can be said.
"""

import numpy as np
from numpy.typing import NDArray

from stream.model.btyd import expected_purchases, log_p_alive
from stream.model.columns import Floats, Ints
from stream.model.layer import WEEK
from stream.model.parameters import Derived, Parameters
from stream.model.risk import RiskFacts, days_since_1990
from stream.model.spend import GammaGamma, expected_mean

__all__ = ["LOYALTY", "NO_VALUE", "active", "loyalty", "most_value", "percentile", "value"]

LOYALTY = ("true", "latent", "spurious", "none")
NO_VALUE = ("", "no_purchase", "several_currencies", "contract")


def active(facts: RiskFacts, now_ms: int, parameters: Parameters) -> Floats:
    """P(active): of buyers P(alive) of the purchase model; of subscribers 1 unless they cancelled, then 0.

    nan without purchase or subscription.
    """
    found = np.where(facts.contractual, 1.0 - (facts.ended | facts.cancel_requested), np.nan)
    buys = (facts.purchase_days > 0) & ~facts.contractual
    if buys.any():
        x, t_x, age = _history(facts, buys, now_ms)
        found[buys] = np.exp(log_p_alive(x, t_x, age, parameters.churn.mbg))
    return found


def loyalty(trust: Floats, uncertainty: Floats, p_active: Floats, derived: Derived) -> Ints:
    """Dick & Basu (1994): attitude times repeat patronage; index into `LOYALTY`, -1 if one is unknown.

    A label for people, not a predictor. Spurious (buys, but distrusts) is who leaves as soon as he can.
    """
    likes, stays = trust >= derived.loyalty_trust, p_active >= derived.loyalty_active
    kind = np.where(likes, np.where(stays, 0, 1), np.where(stays, 2, 3))
    return np.where(np.isnan(p_active) | (uncertainty > derived.loyalty_max_uncertainty), -1, kind)


def value(
    facts: RiskFacts, several_currencies: NDArray[np.bool_], now_ms: int, parameters: Parameters
) -> tuple[Floats, Ints]:
    """Customer lifetime value over `derived.value_horizon_days`, undiscounted, in the currency paid in.

    Expected purchase days (MBG/NBD, `btyd.expected_purchases`) times what one is worth: by Gamma-Gamma where
    its parameters were fitted (`spend`), else the customer's own mean. The state does not keep the first
    purchase apart, so it counts as evidence of worth too, unlike in the fit.

    Returns:
        (value, reason why there is none: index into `NO_VALUE`).
    """
    days = facts.purchase_days
    reason = np.where(days == 0, 1, np.where(facts.contractual, 3, np.where(several_currencies, 2, 0)))
    known, found = reason == 0, np.full(len(days), np.nan)
    if known.any():
        x, t_x, age = _history(facts, known, now_ms)
        horizon = parameters.derived.value_horizon_days / WEEK
        worth = _worth(facts.amount_e4[known], days[known], parameters)
        found[known] = worth * expected_purchases(x, t_x, age, horizon, parameters.churn.mbg)
    return found, reason


def most_value(facts: RiskFacts, now_ms: int, parameters: Parameters) -> Floats:
    """No less than `value`, at a tenth of its cost: as if everybody were active, and stayed; 0 where none is.

    Of an active customer the rate is Gamma(r + x, alpha + T), and dropping out only takes purchases off.
    """
    # Computed of everybody, known or not: to pick out those who are known costs more than the arithmetic.
    x, _t_x, age = _history(facts, slice(None), now_ms)
    horizon, m = parameters.derived.value_horizon_days / WEEK, parameters.churn.mbg
    worth = _worth(facts.amount_e4, np.maximum(facts.purchase_days, 1), parameters)
    known = (facts.purchase_days > 0) & ~facts.contractual
    return np.where(known, worth * ((m.r + x) / (m.alpha + age) * horizon), 0.0)


def _worth(amount_e4: Ints, days: Ints, parameters: Parameters) -> Floats:
    """Expected amount of a purchase day."""
    mean = amount_e4 / (days * 10_000.0)
    fitted = parameters.derived.spend
    if fitted is None:
        return mean
    return expected_mean(days.astype(np.float64), mean, GammaGamma(fitted.p, fitted.q, fitted.gamma))


def percentile(risk: Floats, group: Ints) -> Floats:
    """Share of the group with a lower risk, ties counting half, in percent; nan where the risk is absent."""
    found = np.full(len(risk), np.nan)
    known = np.flatnonzero(~np.isnan(risk))
    order = known[np.lexsort((risk[known], group[known]))]
    whose, sorted_risk = group[order], risk[order]
    starts = np.ones(len(order), np.bool_)
    starts[1:] = whose[1:] != whose[:-1]
    ties = starts.copy()
    ties[1:] |= sorted_risk[1:] != sorted_risk[:-1]
    (first, size), (tie, tied) = (_runs(each) for each in (starts, ties))
    found[order] = 100.0 * (tie - first + tied / 2.0) / size
    return found


def _runs(starts: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Of each element the place where its run starts, and the length of its run."""
    first = np.flatnonzero(starts)
    size = np.diff(first, append=len(starts))
    return np.repeat(first, size), np.repeat(size, size)


def _history(
    facts: RiskFacts, chosen: NDArray[np.bool_] | slice, now_ms: int
) -> tuple[Floats, Floats, Floats]:
    """(x, t_x, T) in weeks."""
    first, last = facts.first_day[chosen], facts.last_day[chosen]
    age = np.maximum(days_since_1990(now_ms) - first, last - first)
    return (facts.purchase_days[chosen] - 1).astype(np.float64), (last - first) / WEEK, age / WEEK
