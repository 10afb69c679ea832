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

The churn risk reads another trust, which never rises in silence: without recovery, with praise that fades
down to the base rate, and with failures that nobody has forgotten since the last event.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from stream.model.columns import Floats, row_sums
from stream.model.evidence import DIMENSION_OF
from stream.model.parameters import Trust

__all__ = ["ALL_CAUSES", "LastHeard", "TrustScores", "trust"]

ALL_CAUSES = tuple(DIMENSION_OF)
RECOVERY = ALL_CAUSES.index("recovery")
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
        unforgotten: (n,) points, what the churn risk reads: trust without recovery, in which nothing that was
            held against us fades in silence, and what speaks for us does so down to the base rate.
    """

    trust: Floats
    uncertainty: Floats
    alpha: Floats
    beta: Floats
    contributions: Floats
    unforgotten: Floats


class LastHeard(NamedTuple):
    """What was known of n customers at the last event.

    Attributes:
        silence_ms: (n,) since then, >= 0.
        positive: (n, K) evidence decayed to that event.
        negative: the same against us; with what is overdue now, for it is not the event's.
    """

    silence_ms: Floats
    positive: Floats
    negative: Floats


def trust(
    positive: Floats, negative: Floats, parameters: Trust, heard: LastHeard | None = None
) -> TrustScores:
    """Trust of n customers from decayed evidence; `heard` None: nobody is silent. Pure."""
    base, prior = parameters.base_rate, parameters.prior_weight
    weights = np.array([getattr(parameters.dimension_weight, DIMENSION_OF[cause]) for cause in ALL_CAUSES])
    blame = weights * parameters.negative_weight
    good, bad = positive * weights, negative * blame
    recovery, plain = _without_recovery(good, base, prior)
    against = row_sums(bad)
    beta = against + (1.0 - base) * prior
    good[:, RECOVERY] = _capped(recovery, plain, bad, beta)
    unforgotten = plain / (plain + beta)
    if heard is not None:
        was_good, was_bad = heard.positive * weights, heard.negative * blame
        was_recovery, was_plain = _without_recovery(was_good, base, prior)
        was_beta = row_sums(was_bad) + (1.0 - base) * prior
        least = np.minimum(was_plain, was_beta * (base / (1.0 - base)))  # praise that fades ends at the base
        held = np.maximum(plain, least)
        unforgotten = held / (held + was_beta)
        was = _Was(was_recovery, was_plain, was_bad, was_beta)
        _hold_down(good, against, heard.silence_ms, was, base, prior)
    alpha = row_sums(good) + base * prior
    total = alpha + beta
    return TrustScores(
        trust=100.0 * alpha / total,
        uncertainty=prior / total,
        alpha=alpha,
        beta=beta,
        contributions=100.0 * ((1.0 - base) * good - base * bad) / total[:, None],
        unforgotten=100.0 * unforgotten,
    )


class _Was(NamedTuple):
    """Weighted evidence at the last event: see `_capped`."""

    recovery: Floats
    plain: Floats
    bad: Floats
    beta: Floats


def _without_recovery(good: Floats, base: float, prior: float) -> tuple[Floats, Floats]:
    """Recovery evidence, taken out of `good`; and R + aW of the rest."""
    recovery = good[:, RECOVERY].copy()
    good[:, RECOVERY] = 0.0
    return recovery, row_sums(good) + base * prior


def _hold_down(
    good: Floats, against: Floats, silence_ms: Floats, was: _Was, base: float, prior: float
) -> None:
    """Scale `good` where trust has risen in silence above the base rate and what it was at the last event.

    Where there is nothing to forget, trust cannot rise.
    """
    praise = row_sums(good)
    chosen = np.flatnonzero((praise * (1.0 - base) > against * base) & (against > 0.0) & (silence_ms > 0.0))
    if not len(chosen):
        return
    then = _Was(*(each[chosen] for each in was))
    odds = np.maximum((then.plain + _capped(*then)) / then.beta, base / (1.0 - base))
    most = odds * (against[chosen] + (1.0 - base) * prior) - base * prior
    good[chosen] *= np.minimum(most / praise[chosen], 1.0)[:, None]


def _capped(recovery: Floats, plain: Floats, bad: Floats, beta: Floats) -> Floats:
    """Recovery evidence that counts: never more than lifts trust to its level without the failures.

    With A = R + aW without recovery (`plain`), B = S + (1-a)W (`beta`) and failures F, a part of `bad`,
    (A + rho) / (A + B + rho) <= A / (A + B - F)  <=>  rho <= A F / (B - F). De Matos, Henrique & Rossi
    (2007): recovery restores satisfaction, it does not buy more than was lost; nor does it bring people
    back, so the churn risk is computed without it.
    """
    failures = row_sums(bad[:, FAILURES])
    return np.minimum(recovery, plain * failures / (beta - failures))
