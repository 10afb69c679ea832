"""The fitted additive layer: log-odds of no purchase, split by what drives them.

Conventions:
    x repeat purchase days; t_x and T (`age`) in days from the first purchase; `amount` mean per purchase day.
    Arrays (n,); log-odds out. Drivers, in the order of `DRIVERS`, shape (n, 4).

The model is a mean of two penalised logistic regressions, one on recency, frequency, age and amount, one
on the log-odds of MBG/NBD and NBD (`offline/fit_layer.py` fits both). Their mean is one sum of six inputs, so
its terms are its reasons, exactly. The log-odds of a purchase model are split along a path that a person can
follow: what they were right after the last purchase is the frequency's, what the time since then has added is
the silence's. Risk never falls in silence: the coefficients of recency and of both models are not negative,
and recency's makes up for a negative one of age (`parameters.Layer`).
"""

import numpy as np

from stream.model.btyd import logit_no_purchase
from stream.model.columns import Floats
from stream.model.parameters import Coefficients, Layer, Mbg, Nbd

__all__ = ["DRIVERS", "WEEK", "drivers", "log_age", "log_odds_terms", "usual_amount"]

DRIVERS = ("frequency", "silence", "age", "amount")
MOST_LOG_AMOUNT = 700.0  # beyond it a coefficient is 0 but in name
WEEK = 7.0  # days: added to an age so that a customer of a day is not infinitely far from one of two


def log_age(age: Floats) -> Floats:
    """The layer's input of age: log(T + 7), days."""
    return np.log(age + WEEK)


def drivers(
    x: Floats, t_x: Floats, age: Floats, amount: Floats, horizon: float, c: Coefficients, mbg: Mbg, nbd: Nbd
) -> Floats:
    """Log-odds of each driver before the usual ones are taken off; (n, 4)."""
    frequency = c.frequency * np.log1p(x)
    silence = c.recency * np.log1p(age - t_x)
    last, weeks, h = t_x / WEEK, age / WEEK, horizon / WEEK
    for weight, model in ((c.mbg, mbg), (c.nbd, nbd)):
        if weight > 0.0:
            fresh = logit_no_purchase(x, last, last, h, model)
            frequency += weight * fresh
            silence += weight * (logit_no_purchase(x, last, weeks, h, model) - fresh)
    return np.stack([frequency, silence, c.age * log_age(age), c.amount * np.log1p(amount)], axis=1)


def log_odds_terms(x: Floats, t_x: Floats, age: Floats, amount: Floats, layer: Layer, mbg: Mbg) -> Floats:
    """The average customer's log-odds and what each driver adds; (n, 1 + 4), rows sum to the log-odds."""
    found = np.empty((len(x), 1 + len(DRIVERS)))
    found[:, 0] = layer.base
    usual = layer.usual
    found[:, 1:] = drivers(
        x, t_x, age, amount, float(layer.horizon_days), layer.coefficient, mbg, layer.nbd
    ) - [usual.frequency, usual.silence, usual.age, usual.amount]
    return found


def usual_amount(layer: Layer) -> float:
    """Amount per purchase day at which the amount says nothing (a geometric mean); nan if it never does."""
    c, usual = layer.coefficient.amount, layer.usual.amount
    return float(np.expm1(usual / c)) if c < 0.0 and usual > c * MOST_LOG_AMOUNT else float("nan")
