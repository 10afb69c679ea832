"""Maximum likelihood of the purchase models, from what a panel says of a day.

Conventions:
    Histories in weeks; equal ones are merged and counted, so a fit costs what its distinct histories cost.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stream.model import btyd, pareto, spend
from stream.model.btyd import Bg, Model
from stream.model.columns import Floats
from stream.model.layer import WEEK
from stream.model.parameters import Mbg, Nbd
from stream.offline.mle import Estimate, Objective, Prior, maximise
from stream.offline.panel import Rfm

__all__ = [
    "Histories",
    "degenerate",
    "fit_bg",
    "fit_mbg",
    "fit_nbd",
    "fit_pareto",
    "fit_spend",
    "histories",
    "mbg_of",
    "nbd_of",
]

FOUR, TWO = ("r", "alpha", "a", "b"), ("r", "alpha")
STARTS = ((0.7, 8.0, 0.6, 1.5), (0.25, 4.0, 0.8, 2.5), (1.5, 20.0, 0.3, 3.0), (0.4, 6.0, 2.0, 5.0))
STARTS_FOR_WEEKS = 27.0  # mean age of CDNOW's customers; alpha starts in proportion to the mean age

PRIOR = Prior(np.log([0.7, 8.0, 0.6, 1.5]), np.array([1.5, 2.0, 1.0, 1.0]))
"""Of log(r, alpha, a, b), weeks: wide, and centred between the fits of several shops."""

MOST_HISTORIES = 100_000
MIN_GAIN = 2.0  # log-likelihood that dropping out must add to the NBD to be believed
MIN_DROPOUT = 0.005  # a mean probability of dropping out, a/(a+b), below this is called none ...
CLEAR_GAIN = 10.0  # ... unless it adds so much: who buys every day leaves after one purchase in hundreds


@dataclass(frozen=True, slots=True)
class Histories:
    """Distinct histories and how many customers have each; arrays (m,), weeks."""

    x: Floats
    t_x: Floats
    age: Floats
    count: Floats

    @property
    def n(self) -> float:
        """Customers."""
        return float(self.count.sum())


def histories(rfm: Rfm, most: int = MOST_HISTORIES) -> Histories:
    """The histories of a day's customers, equal ones merged.

    Of more than `most` distinct ones every k-th in their order is taken, weighted to the number of customers:
    a sample that does not depend on the order of a file, and parameters to far below their standard errors.
    """
    rows = np.stack([rfm.x, rfm.t_x, rfm.T], axis=1)
    distinct, number = np.unique(rows, axis=0, return_counts=True)
    count = number.astype(np.float64)
    step = -(-len(distinct) // most)
    if step > 1:
        distinct, count = distinct[step // 2 :: step], count[step // 2 :: step]
        count *= len(rfm) / count.sum()
    return Histories(distinct[:, 0], distinct[:, 1] / WEEK, distinct[:, 2] / WEEK, count)


def _starts(h: Histories, n: int) -> list[tuple[float, ...]]:
    scale = max(float(h.count @ h.age) / h.n / STARTS_FOR_WEEKS, 0.02)
    return [(start[0], start[1] * scale, *start[2:])[:n] for start in STARTS]


def _objective(h: Histories, model: Callable[..., Model]) -> Objective:
    def objective(values: Floats) -> tuple[float, Floats]:
        m = model(*values.tolist())
        history = h.x, h.t_x, h.age, m
        return float(h.count @ btyd.log_likelihood(*history)), h.count @ btyd.gradient(*history)

    return objective


def fit_mbg(h: Histories, prior: Prior | None = None) -> Estimate:
    """MBG/NBD; with a prior the mode of the posterior."""
    return maximise(_objective(h, Mbg), FOUR, _starts(h, 4), h.n, prior)


def fit_bg(h: Histories) -> Estimate:
    """BG/NBD."""
    return maximise(_objective(h, Bg), FOUR, _starts(h, 4), h.n)


def fit_nbd(h: Histories) -> Estimate:
    """NBD: nobody ever drops out."""
    return maximise(_objective(h, Nbd), TWO, _starts(h, 2), h.n)


def fit_pareto(h: Histories) -> Estimate:
    """Pareto/NBD, for reference; two starts, it is the slowest by far."""

    def objective(values: Floats) -> tuple[float, Floats]:
        height, slope = pareto.with_gradient(h.x, h.t_x, h.age, pareto.Pareto(*values.tolist()))
        return float(h.count @ height), h.count @ slope

    scale = _starts(h, 4)[0][1] / 8.0
    starts: Sequence[tuple[float, ...]] = [
        (0.5, 10.0 * scale, 0.6, 12.0 * scale),
        (1.0, 15.0 * scale, 1.5, 60.0 * scale),
    ]
    return maximise(objective, ("r", "alpha", "s", "beta"), starts, h.n)


def fit_spend(x: Floats, mean: Floats) -> Estimate:
    """Gamma-Gamma over customers with x >= 1 days of a mean amount > 0."""

    def objective(values: Floats) -> tuple[float, Floats]:
        g = spend.GammaGamma(*values.tolist())
        return float(spend.log_likelihood(x, mean, g).sum()), spend.gradient(x, mean, g).sum(axis=0)

    middle = float(np.median(mean))
    starts = [(6.0, 4.0, 0.5 * middle), (1.0, 2.0, middle), (20.0, 10.0, 0.5 * middle)]
    return maximise(objective, ("p", "q", "gamma"), starts, float(len(x)))


def mbg_of(estimate: Estimate) -> Mbg:
    """The estimate as parameters."""
    return Mbg(*estimate.values.tolist())


def nbd_of(estimate: Estimate) -> Nbd:
    """The estimate as parameters."""
    return Nbd(*estimate.values.tolist())


def degenerate(mbg: Estimate, nbd: Estimate) -> str:
    """Why a fit of MBG/NBD says that nobody ever drops out; empty if it is sound."""
    _r, _alpha, a, b = mbg.values
    gain = mbg.log_likelihood - nbd.log_likelihood
    if gain < MIN_GAIN:
        return f"dropping out adds only {max(gain, 0.0):.1f} to the log-likelihood of the NBD"
    if a / (a + b) < MIN_DROPOUT and gain < CLEAR_GAIN:
        return f"the mean probability of dropping out, a/(a+b), is {a / (a + b):.1e}, on little evidence"
    return ""
