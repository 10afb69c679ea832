"""Maximum likelihood for positive parameters: log scale, several starts, standard errors.

Conventions:
    k parameters, all > 0; `theta` is their logarithm. Standard errors come from the observed information on
    the log scale (differences of the gradient) and the delta method: se(p) = p se(log p).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from stream.model.columns import Floats

__all__ = ["Estimate", "Objective", "Prior", "differences", "maximise"]

Objective = Callable[[Floats], tuple[float, Floats]]
"""Parameters (k,) -> log-likelihood and its gradient (k,)."""

LOW, HIGH = np.log(1e-6), np.log(1e6) - 1e-9  # within the domain of a parameter in the file
STEP = 1e-4  # of the differences, on the log scale


@dataclass(frozen=True, slots=True)
class Prior:
    """Independent normal priors of the log parameters; arrays (k,)."""

    mean: Floats
    sd: Floats

    def __call__(self, theta: Floats) -> tuple[float, Floats]:
        """Log density without its constant, and its gradient."""
        pull = (theta - self.mean) / self.sd
        return float(-0.5 * pull @ pull), -pull / self.sd


@dataclass(frozen=True, slots=True)
class Estimate:
    """A maximum.

    Attributes:
        names: of the parameters.
        values: (k,) parameters.
        se: (k,) standard errors; nan where the data do not determine them.
        log_likelihood: at the maximum, without the prior.
        converged: the gradient vanishes there.
        agreeing: starts that ended at this maximum, of `starts`.
        starts: how many there were.
    """

    names: tuple[str, ...]
    values: Floats
    se: Floats
    log_likelihood: float
    converged: bool
    agreeing: int
    starts: int


def maximise(
    objective: Objective,
    names: Sequence[str],
    starts: Sequence[Sequence[float]],
    scale: float,
    prior: Prior | None = None,
) -> Estimate:
    """The highest of the maxima that the starts lead to.

    Args:
        objective: the log-likelihood with its gradient.
        names: of the parameters.
        starts: parameters to begin at.
        scale: number of observations; the search looks at log-likelihoods per observation.
        prior: added to the log-likelihood; then it is the mode of the posterior.
    """

    def loss(theta: Floats) -> tuple[float, Floats]:
        values = np.exp(theta)
        height, slope = objective(values)
        slope = slope * values
        if prior is not None:
            more, pull = prior(theta)
            height, slope = height + more, slope + pull
        return -height / scale, -slope / scale

    def search(theta: Floats, tolerance: float) -> OptimizeResult:
        return minimize(
            loss,
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=[(LOW, HIGH)] * len(names),
            options={"ftol": tolerance, "gtol": 1e-8, "maxiter": 500, "maxls": 40},
        )

    found = [search(np.log(start), 1e-9) for start in starts]
    best = search(min(found, key=lambda each: float(each.fun)).x, 1e-15)
    theta = np.asarray(best.x, np.float64)
    agreeing = sum((each.fun - best.fun) * scale < 0.1 for each in found)
    slope = loss(theta)[1]
    free = (theta > LOW + 1e-9) & (theta < HIGH - 1e-9)
    return Estimate(
        names=tuple(names),
        values=np.exp(theta),
        se=np.exp(theta) * _se_of_log(loss, theta, free, scale),
        log_likelihood=objective(np.exp(theta))[0],
        converged=bool(np.abs(slope[free]).max(initial=0.0) < 1e-4),
        agreeing=int(agreeing),
        starts=len(found),
    )


def _se_of_log(loss: Objective, theta: Floats, free: Floats, scale: float) -> Floats:
    """Standard errors on the log scale; nan for parameters at a bound or without curvature."""
    se = np.full(len(theta), np.nan)
    which = np.flatnonzero(free)
    information = np.empty((len(which), len(which)))
    for row, j in enumerate(which):
        step = np.zeros(len(theta))
        step[j] = STEP
        information[row] = (loss(theta + step)[1] - loss(theta - step)[1])[which] / (2.0 * STEP)
    information = 0.5 * scale * (information + information.T)
    try:
        variance = np.diag(np.linalg.inv(information))
    except np.linalg.LinAlgError:
        return se
    se[which[variance > 0.0]] = np.sqrt(variance[variance > 0.0])
    return se


def differences(log_likelihood: Callable[[Floats], float]) -> Objective:
    """An objective whose gradient is taken by central differences on the log scale."""

    def objective(values: Floats) -> tuple[float, Floats]:
        slope = np.empty(len(values))
        for j, value in enumerate(values):
            up, down = values.copy(), values.copy()
            up[j], down[j] = value * np.exp(STEP), value * np.exp(-STEP)
            slope[j] = (log_likelihood(up) - log_likelihood(down)) / (2.0 * STEP) / value
        return log_likelihood(values), slope

    return objective
