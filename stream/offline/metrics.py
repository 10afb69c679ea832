"""How good predicted probabilities are: ranking, calibration, gain.

Conventions:
    n customers, `happened` bool (n,), `probability` float64 (n,) in [0, 1], higher means more expected.
    A `weights` argument is (B, n): how often each customer is counted in each of B resamples; every measure
    is then (B,). Without weights each customer counts once. A measure that does not exist (one outcome only)
    is nan, never 0 or 1.

Definitions: AUC is the Mann-Whitney statistic, ties half (Hanley & McNeil 1982); PR-AUC is average precision
over distinct thresholds; Brier (1950); Brier skill against the rate of the very customers judged; ECE over 10
bins of equal width (Naeini et al. 2015), and over 10 of equal count; lift as in Neslin et al. (2006).
"""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "MEASURES",
    "Judged",
    "Reliability",
    "auc",
    "brier",
    "brier_skill",
    "ece",
    "ece_equal_count",
    "lift",
    "lift_max",
    "log_loss",
    "pr_auc",
]

Floats = NDArray[np.float64]

N_BINS = 10
LIFT_SHARE = 0.1
EPSILON = 1e-15
"""Log loss counts no probability as nearer to 0 or 1: one certain error would make it infinite."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """What was predicted and what happened, by bins of equal count, lowest predictions first.

    Attributes:
        n: customers of each bin; bins that ties leave empty are not there.
        predicted: mean probability of each bin.
        happened: share of each bin it happened to.
    """

    n: NDArray[np.int64]
    predicted: Floats
    happened: Floats


@dataclass(slots=True)
class Judged:
    """Predictions beside outcomes, sorted once; measures are methods, so that resamples cost no further sort.

    Args:
        happened: (n,) bool.
        probability: (n,), finite.
    """

    happened: NDArray[np.bool_]
    probability: Floats
    _order: NDArray[np.int64] = field(init=False)
    _starts: NDArray[np.int64] = field(init=False)  # of each run of equal predictions, highest first
    _bin: NDArray[np.int64] = field(init=False)

    def __init__(self, happened: ArrayLike, probability: ArrayLike) -> None:
        self.happened = np.asarray(happened, np.bool_)
        self.probability = np.asarray(probability, np.float64)
        if self.happened.shape != self.probability.shape or self.happened.ndim != 1:
            raise ValueError("happened and probability are two arrays of one length")
        if not np.isfinite(self.probability).all():
            raise ValueError("a probability is not finite")
        self._order = np.argsort(-self.probability, kind="stable")
        ranked = self.probability[self._order]
        self._starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]])[: len(ranked)])
        self._bin = self._bins()

    def __len__(self) -> int:
        return len(self.happened)

    def _bins(self) -> NDArray[np.int64]:
        """Bin of each customer by the middle of its run: equal predictions are never torn apart."""
        n = len(self)
        sizes = np.diff(np.append(self._starts, n))
        middle = self._starts + (sizes - 1) / 2.0
        of_rank = np.repeat(np.floor(middle * N_BINS / max(n, 1)), sizes).astype(np.int64)
        bins = np.empty(n, np.int64)
        bins[self._order] = N_BINS - 1 - of_rank
        return bins

    def _runs(self, weights: Floats | None) -> tuple[Floats, Floats]:
        """Customers it happened to, and others, in each run of equal predictions; both (B, runs)."""
        if not len(self):
            nothing = np.zeros((len(_nan(weights)), 0))
            return nothing, nothing
        truth = self.happened[self._order].astype(np.float64)
        counted = np.ones((1, len(self))) if weights is None else weights[:, self._order]
        yes = np.add.reduceat(counted * truth, self._starts, axis=1)
        return yes, np.add.reduceat(counted, self._starts, axis=1) - yes

    def auc(self, weights: Floats | None = None) -> Floats:
        """P(prediction of one it happened to > of one it did not), ties count half."""
        return _auc(*self._runs(weights))

    def pr_auc(self, weights: Floats | None = None) -> Floats:
        """Average precision: precision at each distinct threshold, weighted by the recall it adds."""
        return _pr_auc(*self._runs(weights))

    def brier(self, weights: Floats | None = None) -> Floats:
        """Mean of (probability - happened)^2; 0 is perfect."""
        return self._mean((self.probability - self.happened) ** 2, weights)

    def brier_skill(self, weights: Floats | None = None) -> Floats:
        """1 - Brier / Brier of the rate that these customers turned out to have; 0 is no better than it."""
        rate = self._mean(self.happened.astype(np.float64), weights)
        return 1.0 - _ratio(self.brier(weights), rate * (1.0 - rate))

    def log_loss(self, weights: Floats | None = None) -> Floats:
        """Mean of -log(probability of what happened), natural; probabilities kept `EPSILON` from 0 and 1."""
        p = np.clip(self.probability, EPSILON, 1.0 - EPSILON)
        return self._mean(-np.where(self.happened, np.log(p), np.log1p(-p)), weights)

    def ece(self, weights: Floats | None = None) -> Floats:
        """Expected calibration error: |predicted - happened| by bins of equal width, weighted by size."""
        width = np.minimum((np.clip(self.probability, 0.0, 1.0) * N_BINS).astype(np.int64), N_BINS - 1)
        return self._ece(width, weights)

    def ece_equal_count(self, weights: Floats | None = None) -> Floats:
        """The same by bins of equal count: stricter where most predictions are alike."""
        return self._ece(self._bin, weights)

    def lift(self, weights: Floats | None = None, share: float = LIFT_SHARE) -> Floats:
        """Rate among the `share` with the highest predictions, over the rate of all; a torn tie is shared."""
        return _lift(*self._runs(weights), share)

    def lift_max(self, weights: Floats | None = None, share: float = LIFT_SHARE) -> Floats:
        """Lift of whoever knows the outcomes: 1 / rate, or 1 / share if they do not fill it."""
        rate = self._mean(self.happened.astype(np.float64), weights)
        return _ratio(np.ones_like(rate), np.maximum(rate, share * (rate > 0)))

    def gains(self) -> tuple[Floats, Floats]:
        """The lift curve: share of customers looked at, share of those it happens to found among them."""
        shown, found = _gains(*self._runs(None))
        return _share(shown[0]), _share(found[0])

    def reliability(self) -> Reliability:
        """The calibration plot's points, by the bins of `ece_equal_count`."""
        n = np.bincount(self._bin, minlength=N_BINS)
        kept = n > 0
        predicted = np.bincount(self._bin, self.probability, N_BINS)[kept] / n[kept]
        return Reliability(n[kept], predicted, np.bincount(self._bin, self.happened, N_BINS)[kept] / n[kept])

    def measures(self, weights: Floats | None = None) -> dict[str, Floats]:
        """All of `MEASURES`, the sorted counts made once for those that rank."""
        yes, no = self._runs(weights)
        ranking = {"auc": _auc(yes, no), "pr_auc": _pr_auc(yes, no), "lift": _lift(yes, no, LIFT_SHARE)}
        rest = {name: getattr(self, name)(weights) for name in MEASURES if name not in ranking}
        return ranking | rest

    def _ece(self, bins: NDArray[np.int64], weights: Floats | None) -> Floats:
        if not len(self):
            return _nan(weights)
        gap = np.zeros((len(self), N_BINS))
        gap[np.arange(len(self)), bins] = self.probability - self.happened
        counted = np.ones((1, len(self))) if weights is None else weights
        return _ratio(np.abs(counted @ gap).sum(axis=1), counted.sum(axis=1))

    def _mean(self, values: Floats, weights: Floats | None) -> Floats:
        if not len(self):
            return _nan(weights)
        counted = np.ones((1, len(self))) if weights is None else weights
        return _ratio(counted @ values, counted.sum(axis=1))


MEASURES = ("auc", "pr_auc", "brier", "brier_skill", "log_loss", "ece", "ece_equal_count", "lift")
"""What `bootstrap` resamples; each a method of `Judged`."""


def _measure(name: str, happened: ArrayLike, probability: ArrayLike) -> float:
    return float(getattr(Judged(happened, probability), name)()[0])


auc = partial(_measure, "auc")
pr_auc = partial(_measure, "pr_auc")
brier = partial(_measure, "brier")
brier_skill = partial(_measure, "brier_skill")
log_loss = partial(_measure, "log_loss")
ece = partial(_measure, "ece")
ece_equal_count = partial(_measure, "ece_equal_count")
lift = partial(_measure, "lift")
lift_max = partial(_measure, "lift_max")


def _auc(yes: Floats, no: Floats) -> Floats:
    below = no.sum(axis=1, keepdims=True) - np.cumsum(no, axis=1)
    pairs = (yes * (below + no / 2.0)).sum(axis=1)
    return _ratio(pairs, yes.sum(axis=1) * no.sum(axis=1))


def _pr_auc(yes: Floats, no: Floats) -> Floats:
    found = np.cumsum(yes, axis=1)
    shown = found + np.cumsum(no, axis=1)
    precision = np.divide(found, shown, out=np.zeros_like(found), where=shown > 0)
    return _ratio((yes * precision).sum(axis=1), yes.sum(axis=1))


def _lift(yes: Floats, no: Floats, share: float) -> Floats:
    shown, found = _gains(yes, no)
    inside = np.array([np.interp(share * x[-1], x, y) for x, y in zip(shown, found, strict=True)])
    return _ratio(inside, share * found[:, -1])


def _gains(yes: Floats, no: Floats) -> tuple[Floats, Floats]:
    zero = np.zeros((len(yes), 1))
    shown = np.concatenate([zero, np.cumsum(yes + no, axis=1)], axis=1)
    return shown, np.concatenate([zero, np.cumsum(yes, axis=1)], axis=1)


def _ratio(part: Floats, whole: Floats) -> Floats:
    quotient: Floats = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0)
    return quotient


def _share(cumulated: Floats) -> Floats:
    return cumulated / cumulated[-1] if cumulated[-1] > 0 else np.full_like(cumulated, np.nan)


def _nan(weights: Floats | None) -> Floats:
    return np.full(1 if weights is None else len(weights), np.nan)
