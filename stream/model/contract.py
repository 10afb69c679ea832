"""P(a contract ends within a horizon): the hazard of not renewing, in log-odds that add up.

Conventions:
    n customers under contract; times int64 epoch ms; t, h tenure and horizon in months of `MONTH_DAYS` days.
    Log-odds float64.

Baseline: the shifted-beta-geometric (Fader & Hardie 2007, How to project customer retention, J. of
Interactive Marketing 21(1)). Each customer leaves at every month with a probability of its own, drawn once
from Beta(alpha, beta), so S(t) = B(alpha, beta + t) / B(alpha, beta), and of those still there after t

    P(ends in (t, t + h]) = 1 - S(t + h) / S(t),

which falls with t because those who leave easily have left. B takes any t and h, so one pair of parameters
serves every horizon. On top come terms as in a discrete-time hazard with a logistic link (Singer & Willett
1993): how long is the term, does it run beyond the horizon and how far, end within it, how often again, is it
over, was cancellation asked for. Each has the sign that sense demands, so it can be read as a reason.

Survival is evidence only where leaving was possible: of a known term tenure counts up to the day from which
its end lies within the horizon, and never less than up to its start. From that day on silence never lowers
the risk.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from stream.model.columns import MS_PER_DAY, Floats, Ints
from stream.model.parameters import Contract

__all__ = [
    "CONTRACT_TERMS",
    "FEATURES",
    "MONTH_DAYS",
    "ContractFacts",
    "contract_terms",
    "features",
    "log_survival_ratio",
    "logit_ends",
    "tenure_months",
    "term_state",
]

CONTRACT_TERMS = ("contract", "tenure", "term_end", "cancellation")
"""Columns of `contract_terms`: where every subscriber starts, what surviving takes off, the term, leaving."""

FEATURES = (
    "term_length",
    "term_beyond",
    "bound_longer",
    "term_ends",
    "further_ends",
    "term_passed",
    "cancel_requested",
    "ended",
)
"""Columns of `features`, named as their weights in `Contract`."""

MONTH_DAYS = 30.4375  # a year's twelfth
MAX_LOG_ODDS = 15.0  # of the baseline; beyond that a probability is 0 or 1 in every digit that is published
LEAST_LOSS = 1e-12  # of survival in log: what float64 leaves of a difference of log-gammas

Bools = NDArray[np.bool_]


@dataclass(slots=True)
class ContractFacts:
    """What is known of n contracts; all arrays (n,), times in epoch ms with 0 = unknown.

    Attributes:
        first_ms: earliest event of the customer.
        renewed_ms: latest start or renewal.
        term_end_ms: latest end of a term that was named.
        cancel_requested: asked to cancel after the last start or renewal.
        ended: cancelled or expired after the last start or renewal.
    """

    first_ms: Ints
    renewed_ms: Ints
    term_end_ms: Ints
    cancel_requested: Bools
    ended: Bools


@dataclass(slots=True)
class TermState:
    """Where n contracts are in their terms; masks (n,), at most one of `beyond` and `ends` holds.

    Attributes:
        known: the running term, or the last one, has a known end.
        beyond: it ends after the horizon.
        ends: it ends within the horizon, or is over.
        passed: it is over for longer than the days of grace, and nobody renewed.
        months: length of the term, (n,) float64, 0 where it is not known.
        waiting: horizons until it ends, (n,) float64; only of meaning where `known`.
        further: how many more terms end within the horizon if each is as long as this one, (n,) float64.
    """

    known: Bools
    beyond: Bools
    ends: Bools
    passed: Bools
    months: Floats
    waiting: Floats
    further: Floats


def log_survival_ratio(t: Floats, h: Floats | float, alpha: float, beta: float) -> Floats:
    """Log S(t + h) / S(t) of the shifted-beta-geometric, < 0: log P(survives h more months | survived t)."""
    lost = gammaln(beta + t + h) - gammaln(beta + t)
    lost -= gammaln(alpha + beta + t + h) - gammaln(alpha + beta + t)
    return np.minimum(lost, -LEAST_LOSS)


def logit_ends(t: Floats, h: Floats | float, alpha: float, beta: float) -> Floats:
    """Log-odds of ending within h months after t, in [-15, 15]."""
    survives = log_survival_ratio(t, h, alpha, beta)
    return np.clip(np.log(-np.expm1(survives)) - survives, -MAX_LOG_ODDS, MAX_LOG_ODDS)


def term_state(facts: ContractFacts, now_ms: int, horizon_days: float, contract: Contract) -> TermState:
    """Where each contract is in its term.

    A renewal after the last known end, without a new one, leaves the end unknown. Where the stream never
    reports renewals (`renewals_reported`), a term that is over says nothing but how long terms are.
    """
    end_ms = facts.term_end_ms
    named = (end_ms > 0) & (end_ms > facts.renewed_ms)
    known = named.copy()
    if not contract.renewals_reported:
        known &= end_ms > now_ms
    waiting = (end_ms - now_ms) / MS_PER_DAY
    beyond = known & (waiting > horizon_days)
    ends = known & ~beyond
    measured = named & (facts.renewed_ms > 0)
    length = np.where(measured, np.maximum((end_ms - facts.renewed_ms) / MS_PER_DAY, 1.0), np.inf)
    left = np.maximum(horizon_days - np.maximum(waiting, 0.0), 0.0)
    return TermState(
        known=known,
        beyond=beyond,
        ends=ends,
        passed=ends & (waiting < -contract.grace_days),
        months=np.where(measured, length / MONTH_DAYS, 0.0),
        waiting=waiting / horizon_days,
        further=np.where(ends, np.floor(left / length), 0.0),
    )


def features(facts: ContractFacts, term: TermState) -> Floats:
    """What the weights of `FEATURES` multiply; float64 (n, len(FEATURES))."""
    columns = (
        np.log1p(term.months),
        term.beyond,
        np.log(np.maximum(term.waiting, 1.0)) * term.beyond,
        term.ends,
        np.log1p(term.further),
        term.passed,
        facts.cancel_requested,
        facts.ended,
    )
    return np.stack([np.asarray(column, np.float64) for column in columns]).T  # columns lie together


def tenure_months(facts: ContractFacts, term: TermState, now_ms: int, horizon_days: float) -> Floats:
    """Survived months that count as evidence, >= 0; see the module for why a known term holds them."""
    horizon_ms = round(horizon_days * MS_PER_DAY)
    held = np.minimum(now_ms, np.maximum(facts.term_end_ms - horizon_ms, facts.renewed_ms))
    until = np.where(term.known, held, now_ms)
    months = (until - facts.first_ms) / (MS_PER_DAY * MONTH_DAYS)
    return np.where(facts.first_ms > 0, np.maximum(months, 0.0), 0.0)


def contract_terms(facts: ContractFacts, now_ms: int, horizon_days: int, contract: Contract) -> Floats:
    """Contributions to the log-odds of ending within the horizon; float64 (n, len(CONTRACT_TERMS)).

    Tenure protects nobody whose contract has ended.
    """
    term = term_state(facts, now_ms, horizon_days, contract)
    h = horizon_days / MONTH_DAYS
    start = float(logit_ends(np.zeros(1), h, contract.alpha, contract.beta)[0])
    stays = logit_ends(tenure_months(facts, term, now_ms, horizon_days), h, contract.alpha, contract.beta)
    # Column by column: a matrix product may sum a row in another order in another batch.
    said = [
        column * getattr(contract, name)
        for name, column in zip(FEATURES, features(facts, term).T, strict=True)
    ]
    terms = np.empty((len(stays), len(CONTRACT_TERMS)))
    terms[:, 0] = contract.base + start
    terms[:, 1] = np.where(facts.ended, 0.0, contract.tenure * (stays - start))
    terms[:, 2] = sum(said[:-2])
    terms[:, 3] = sum(said[-2:])
    return terms
