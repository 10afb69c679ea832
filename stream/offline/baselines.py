"""The models that ours is measured against, trained on what was known at the origin and on nothing else.

Conventions:
    n customers who buy, days as in `panel.Rfm`; a model returns P(no purchase in the horizon), float64 (n,).

`recency`, `frequency` and `logistic_rfm` are logistic regressions trained on one window before the origin. It
is the latest window of the horizon's own length, if at least 30 % of the history lies before it; otherwise
the self-similar one at O^2 / (O + h), which has as much after it, in proportion, as the horizon has after the
origin O. Features are scaled by the window's length, so that they mean the same at the horizon's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from stream.offline.logistic import Logistic, fit_logistic
from stream.offline.panel import Panel, Rfm

__all__ = [
    "Unfit",
    "Window",
    "base_rate",
    "frequency",
    "logistic_rfm",
    "recency",
    "teaches",
    "training_window",
]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

HISTORY_SHARE = 0.3
MIN_CUSTOMERS = 20  # of a window, and
MIN_OUTCOMES = 5  # of each outcome: below, a slope is noise
PENALTY = 10.0  # on standardised coefficients, as in the recipe of our own layer
LEAST_SLOPE = 1e-6
"""A baseline keeps its direction whatever the window says: a slope of the wrong sign becomes this."""


class Unfit(Exception):
    """A baseline that cannot be; the message says why."""


@dataclass(slots=True)
class Window:
    """A window before the origin: histories as of its start, and who bought nothing in it.

    Attributes:
        known: histories up to and including `day`.
        day: where it starts.
        days: its length.
        churned: (n,) no purchase in (day, day + days].
    """

    known: Rfm
    day: int
    days: float
    churned: Bools


def training_window(panel: Panel, day: int, horizon_days: int) -> Window:
    """The window that the trained baselines learn from; see the module for which.

    Args:
        panel: purchases up to the origin.
        day: the origin.
        horizon_days: h.

    Raises:
        Unfit: nobody was known before the origin.
    """
    if not len(panel.day):
        raise Unfit("no purchase before the origin")
    start = int(panel.day.min())
    history = day - start
    own = history - horizon_days
    before = own if own >= HISTORY_SHARE * history else round(history**2 / max(history + horizon_days, 1))
    days = float(min(horizon_days, history - before))
    known = panel.at(start + before)
    known = known.of(~known.contractual)
    if days < 1 or not len(known):
        raise Unfit(f"only {history} days are known before the origin")
    return Window(known, start + before, days, ~panel.buyers(start + before, day)[known.customer])


def teaches(window: Window) -> Window:
    """The window, if a slope can be learnt from it.

    Raises:
        Unfit: too few customers, or too few of an outcome.
    """
    n, gone = len(window.known), int(window.churned.sum())
    if n < MIN_CUSTOMERS or min(gone, n - gone) < MIN_OUTCOMES:
        raise Unfit(
            f"the window of {window.days:.0f} days before the origin has {n} customers, {gone} of whom left: "
            f"at least {MIN_CUSTOMERS} are needed, and {MIN_OUTCOMES} of each outcome"
        )
    return window


def base_rate(window: Window, known: Rfm) -> Floats:
    """The window's rate for everybody, half a customer added to each outcome (Jeffreys), so never 0 or 1."""
    return np.full(len(known), (window.churned.sum() + 0.5) / (len(window.churned) + 1.0))


def recency(window: Window, known: Rfm, horizon_days: int) -> Floats:
    """Days since the last purchase, made a probability by a logistic in log((days + 1) / h)."""
    return _one_slope(
        np.log((window.known.recency + 1.0) / window.days),
        window.churned,
        np.log((known.recency + 1.0) / horizon_days),
        sign=1.0,
    )


def frequency(window: Window, known: Rfm) -> Floats:
    """Number of repeat purchase days x, turned into a probability by a logistic in log(1 + x)."""
    return _one_slope(np.log1p(window.known.x), window.churned, np.log1p(known.x), sign=-1.0)


def logistic_rfm(window: Window, known: Rfm, horizon_days: int) -> Floats:
    """Ridge logistic regression on log recency, frequency, age and amount."""
    found = _logistic(_features(window.known, window.days), window.churned)
    return _sigmoid(found.log_odds(_features(known, float(horizon_days))))


def _features(known: Rfm, days: float) -> Floats:
    return np.stack(
        [
            np.log((known.recency + 1.0) / days),
            np.log1p(known.x),
            np.log((known.T + 7.0) / days),
            np.log1p(known.amount / known.n_days),
        ],
        axis=1,
    )


def _one_slope(feature: Floats, churned: Bools, there: Floats, sign: float) -> Floats:
    found = _logistic(feature[:, None], churned)
    slope = sign * max(sign * float(found.coefficients[0]), LEAST_SLOPE)
    return _sigmoid(found.intercept + slope * (there - found.mean[0]))


def _logistic(features: Floats, churned: Bools) -> Logistic:
    return fit_logistic(
        features, churned, np.ones(len(churned)), PENALTY, np.zeros(features.shape[1], np.int64)
    )


def _sigmoid(log_odds: Floats) -> Floats:
    return np.asarray(expit(log_odds), np.float64)
