"""Trust: the expected value of a Beta reputation, with uncertainty and exact contributions.

Conventions:
    n customers, K = len(DIMENSION_OF) causes. `positive`, `negative`: float64 (n, K), decayed to the time
    of the score, >= 0.

With R, S the weighted sums of positive and lambda times negative evidence, base rate a and prior weight W
(Josang, subjective logic): trust = 100 (R + aW) / (R + S + W), u = W / (R + S + W). Since trust - 100a = 100
[(1-a) R - a S] / (R + S + W), each unit of evidence has its own share of the distance from the base rate:
contributions per cause sum to it exactly, with no attribution rule to choose.

Causes are forgotten at different rates, so where failures fade first silence alone would lift trust above
the base rate. It does not: evidence for us counts no more than gives what trust was at the last event, or
the base rate, whichever is more.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stream.model.columns import Floats, row_sums
from stream.model.evidence import DIMENSION_OF
from stream.model.parameters import Trust

__all__ = ["ALL_CAUSES", "Silence", "TrustScores", "trust"]

ALL_CAUSES = tuple(DIMENSION_OF)
RECOVERY = ALL_CAUSES.index("recovery")
MOST_HALVINGS = 100.0  # of evidence, undone: whatever was there before is nothing by now
# What a recovery can make good: our own failures. A bad survey answer is not undone by a voucher.
FAILURES = np.array(
    [
        cause
        in {"delivery", "ticket", "complaint", "incident", "breach", "delivery_overdue", "ticket_overdue"}
        for cause in ALL_CAUSES
    ]
)


@dataclass(slots=True)
class TrustScores:
    """Trust of n customers.

    Attributes:
        trust: (n,) 0-100, high is good.
        uncertainty: (n,) 0-1; 1 when nothing is known.
        alpha: (n,) first Beta parameter, R + aW.
        beta: (n,) second Beta parameter, S + (1-a)W.
        contributions: (n, K) points; the base rate 100a plus their sum is the trust.
        unrecovered: (n,) trust as it would be without recovery, at most trust; the churn risk uses this one.
    """

    trust: Floats
    uncertainty: Floats
    alpha: Floats
    beta: Floats
    contributions: Floats
    unrecovered: Floats


class Silence(NamedTuple):
    """How long nothing was heard of n customers.

    Attributes:
        ms: (n,) since the last event, >= 0.
        half_lives_ms: of the stored causes, which are the first of the K; the others are of the moment.
    """

    ms: Floats
    half_lives_ms: Floats


def trust(
    positive: Floats, negative: Floats, parameters: Trust, silence: Silence | None = None
) -> TrustScores:
    """Trust of n customers from decayed evidence. Pure; no argument is written to."""
    base, prior = parameters.base_rate, parameters.prior_weight
    weights = np.array([getattr(parameters.dimension_weight, DIMENSION_OF[cause]) for cause in ALL_CAUSES])
    good = positive * weights
    bad = negative * (weights * parameters.negative_weight)
    raw_recovery = good[:, RECOVERY].copy()
    against = row_sums(bad)
    good[:, RECOVERY] = _capped_recovery(good, bad, against, base, prior)
    if silence is not None:
        _hold_down(good, bad, against, raw_recovery, silence, base, prior)
    alpha = row_sums(good) + base * prior
    beta = against + (1.0 - base) * prior
    total = alpha + beta
    recovered = good[:, RECOVERY]
    return TrustScores(
        trust=100.0 * alpha / total,
        uncertainty=prior / total,
        alpha=alpha,
        beta=beta,
        contributions=100.0 * ((1.0 - base) * good - base * bad) / total[:, None],
        unrecovered=100.0 * (alpha - recovered) / (total - recovered),
    )


def _hold_down(
    good: Floats,
    bad: Floats,
    against: Floats,
    recovery: Floats,
    silence: Silence,
    base: float,
    prior: float,
) -> None:
    """Scale `good` where trust has risen in silence above the base rate and what it was at the last event.

    `against` is the row sums of `bad`: where there is nothing to forget, trust cannot rise.
    """
    above = row_sums(good) * (1.0 - base) > against * base
    chosen = np.flatnonzero(above & (against > 0.0) & (silence.ms > 0.0))
    if not len(chosen):
        return
    k = len(silence.half_lives_ms)
    factor = np.ones((len(chosen), good.shape[1]))
    factor[:, :k] = np.exp2(np.minimum(silence.ms[chosen, None] / silence.half_lives_ms, MOST_HALVINGS))
    was_good, was_bad = good[chosen] * factor, bad[chosen] * factor
    was_good[:, RECOVERY] = recovery[chosen] * factor[:, RECOVERY]
    was_against = row_sums(was_bad)
    was_good[:, RECOVERY] = _capped_recovery(was_good, was_bad, was_against, base, prior)
    alpha, beta = row_sums(was_good) + base * prior, was_against + (1.0 - base) * prior
    odds = np.maximum(alpha / beta, base / (1.0 - base))
    most = odds * (against[chosen] + (1.0 - base) * prior) - base * prior
    good[chosen] *= np.minimum(most / row_sums(good[chosen]), 1.0)[:, None]


def _capped_recovery(good: Floats, bad: Floats, against: Floats, base: float, prior: float) -> Floats:
    """Recovery evidence that counts: never more than lifts trust to its level without the failures.

    `against` is the row sums of `bad`.

    With A = R + aW and D = R + S' + W (S' the negative evidence that is not failure) and failures F,
    (A + rho) / (D + F + rho) <= A / D  <=>  rho <= A F / (D - A). De Matos, Henrique & Rossi (2007):
    recovery restores satisfaction, it does not buy more than was lost; nor does it bring people back, so the
    churn risk is computed without it.
    """
    failures = row_sums(bad[:, FAILURES])
    a = row_sums(good) - good[:, RECOVERY] + base * prior
    other = against - failures + (1.0 - base) * prior
    return np.minimum(good[:, RECOVERY], a * failures / other)
