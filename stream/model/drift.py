"""Does what was published still come true? Sums of published risk beside outcomes, and the alarm on them.

Conventions:
    n outcomes; `risk` float64 (n,) in [0, 1] as published, `left` bool (n,): no purchase within the horizon,
    or no contract at its end.

A customer's checkpoint is the risk that was published on a day. It is judged when the horizon has passed, not
when the customer buys: those who buy are known early, those who leave only at the end, and counting each when
known would look like too few leavers for a whole horizon. Then the next checkpoint is taken, so every
customer counts once per horizon, however often it buys.

Everything is a sum, so partitions, workers and periods add up: calibration by `BINS` bins of equal width,
Brier score exactly, AUC from the counts of the bins, ties within a bin as half (Hanley & McNeil 1982), which
is within half the share of pairs that share a bin.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import Floats, Ints

__all__ = ["BINS", "GAP", "Sums"]

BINS = 20
GAP = 0.05  # foretold against realised rate: beyond it, and beyond chance, the fit no longer holds
Z = 3.0  # standard errors that chance is granted; in 1,000 looks at a sound model it alarms about three times

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over outcomes by bin of published risk; arrays (BINS,).

    Attributes:
        n: outcomes.
        risk: sum of published risks.
        risk_squared: sum of their squares.
        left: how many left.
        risk_of_left: sum of the risks of those who left.
    """

    n: Ints
    risk: Floats
    risk_squared: Floats
    left: Ints
    risk_of_left: Floats

    @staticmethod
    def zero() -> "Sums":
        """Nothing judged yet."""
        none = np.zeros(BINS)
        return Sums(none.astype(np.int64), none, none, none.astype(np.int64), none)

    @staticmethod
    def of(risk: Floats, left: Bools) -> "Sums":
        """Sums of n outcomes."""
        bins = np.minimum((risk * BINS).astype(np.int64), BINS - 1)

        def total(values: Floats) -> Floats:
            return np.bincount(bins, values, BINS).astype(np.float64)

        return Sums(
            np.bincount(bins, minlength=BINS),
            total(risk),
            total(risk**2),
            np.bincount(bins[left], minlength=BINS),
            total(risk * left),
        )

    def __add__(self, other: "Sums") -> "Sums":
        """Both together."""
        return Sums(
            self.n + other.n,
            self.risk + other.risk,
            self.risk_squared + other.risk_squared,
            self.left + other.left,
            self.risk_of_left + other.risk_of_left,
        )

    @property
    def count(self) -> int:
        """Outcomes."""
        return int(self.n.sum())

    @property
    def foretold(self) -> float:
        """Mean published risk; nan without outcomes."""
        return _ratio(self.risk.sum(), self.count)

    @property
    def realised(self) -> float:
        """Share that left; nan without outcomes."""
        return _ratio(self.left.sum(), self.count)

    @property
    def brier(self) -> float:
        """Mean of (risk - left)^2, exact."""
        return _ratio((self.risk_squared - 2.0 * self.risk_of_left + self.left).sum(), self.count)

    @property
    def ece(self) -> float:
        """Mean distance between foretold and realised by bin, weighted by count."""
        return _ratio(np.abs(self.risk - self.left).sum(), self.count)

    @property
    def auc(self) -> float:
        """P(risk of one who left > of one who stayed), equal bins as half; nan if all met one outcome."""
        stayed = self.n - self.left
        below = np.cumsum(stayed) - stayed
        pairs = float((self.left * (below + stayed / 2.0)).sum())
        return _ratio(pairs, float(self.left.sum()) * float(stayed.sum()))

    @property
    def gap(self) -> float:
        """Foretold minus realised; positive when fewer left than was said."""
        return self.foretold - self.realised

    @property
    def drifted(self) -> bool:
        """The gap is larger than `GAP`, and than `Z` standard errors of outcomes as likely as foretold."""
        if not self.count:
            return False
        error = float(np.sqrt(max((self.risk - self.risk_squared).sum(), 0.0))) / self.count
        return abs(self.gap) > max(GAP, Z * error)


def _ratio(part: float, whole: float) -> float:
    return float(part) / float(whole) if whole else float("nan")
