"""Churn risk: the purchase model's log-odds plus declared terms, each with its own reason code.

Conventions:
    n customers; `contributions` float64 (n, len(TERMS)) in log-odds; their sum is logit(churn_risk) exactly.

The purchase model is split along a path that a person can follow: a newcomer's risk, what the number of
purchases takes off it when the last one was just now, and what the silence since then adds. The three sum to
the model's log-odds. Where a layer was fitted (`layer.py`) it takes the model's place, and begins at the
average customer instead of a newcomer. Contractual customers (any subscription event) have the hazard of
their contract's end instead (`contract.py`), or a declared base where it was not fitted. Without either the
risk is absent.

A buyer's risk never falls in silence. Purchases see to it themselves; of the declared terms each counts as at
its worst since the last event: failed payments as they were at it, engagement where it had fallen furthest,
trust with nothing forgotten (`trust.py`), promises that are overdue now. No weight of them is negative.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from stream.model.btyd import logit_no_purchase
from stream.model.columns import MS_PER_DAY, Floats, Ints, row_sums
from stream.model.contract import CONTRACT_TERMS, ContractFacts, contract_terms
from stream.model.evidence import LANDMARK_MS, shrink
from stream.model.layer import WEEK, log_odds_terms
from stream.model.parameters import Churn, Contract, Parameters, Risk, Statistics

__all__ = [
    "ABSENT_REASON",
    "BASE_TERMS",
    "SERVICE_WEIGHTS",
    "TERMS",
    "RiskFacts",
    "RiskScores",
    "churn_risk",
    "contract_facts",
    "days_since_1990",
    "engagement_at_worst",
    "purchase_terms",
    "service_features",
]

TERMS = (
    "newcomer",
    "average",
    "frequency",
    "silence",
    "age",
    "amount",
    "contract",
    "cancellation",
    "trust",
    "overdue_promises",
    "payment_failures",
    "engagement_fall",
    "unsubscribed",
    "tenure",
    "term_end",
)
SERVICE_WEIGHTS = (
    "trust_per_50_points",
    "overdue_promise",
    "payment_failure",
    "engagement_fall",
    "unsubscribed",
)
BASE_TERMS = ("newcomer", "average", "contract")  # where every buyer, every subscriber starts: no reason
PURCHASE, CONTRACT, CANCELLATION, SERVICE = slice(0, 6), 6, 7, slice(8, 13)
ABSENT_REASON = "no_purchase_or_subscription"
MAX_COUNT = (
    3.0  # overdue promises and failed payments beyond this add nothing: the customer is as good as gone
)
MIN_USUAL_ENGAGEMENT = 2.0  # events in the long window before a fall can be told from chance
MIN_RATE = 0.25  # events; keeps the ratio of rates finite in full silence

OF_CONTRACT = [TERMS.index(name) for name in CONTRACT_TERMS]

Bools = NDArray[np.bool_]


@dataclass(slots=True)
class RiskFacts:
    """What the risk of n customers is computed from; all arrays (n,).

    Attributes:
        purchase_days: distinct days with a purchase, 0 = never bought.
        first_day: day of the first purchase, days since 1990.
        last_day: day of the last purchase, days since 1990.
        amount_e4: sum of the amounts of all purchases, 1/10,000 of the unit.
        overdue: open promises past their due time, now.
        payment_failures: failed payments, decayed to the last event.
        engagement_short: engagement events, decayed with the short half-life; see `engagement_at_worst`.
        engagement_long: the same with the long half-life.
        unsubscribed: no longer subscribed to mail.
        contractual: any subscription event seen.
        cancel_requested: asked to cancel after the last start or renewal.
        ended: cancelled or expired after the last start or renewal.
        term_end_ms: end of the running term, 0 = unknown.
        first_ms: earliest event of any kind.
        renewed_ms: latest start or renewal of a contract, 0 = unknown.
    """

    purchase_days: Ints
    first_day: Floats
    last_day: Floats
    amount_e4: Ints
    overdue: Ints
    payment_failures: Floats
    engagement_short: Floats
    engagement_long: Floats
    unsubscribed: Bools
    contractual: Bools
    cancel_requested: Bools
    ended: Bools
    term_end_ms: Ints
    first_ms: Ints
    renewed_ms: Ints

    def of(self, chosen: Ints | slice) -> "RiskFacts":
        """The facts of some of the customers."""
        return RiskFacts(*(getattr(self, each.name)[chosen] for each in fields(self)))


@dataclass(slots=True)
class RiskScores:
    """Churn risk (n,), nan where absent, and contributions (n, len(TERMS)) in log-odds."""

    churn_risk: Floats
    contributions: Floats


def churn_risk(facts: RiskFacts, trust: Floats, now_ms: int, parameters: Parameters) -> RiskScores:
    """Risk of no purchase, or no renewal, within the horizon; `trust` is the unforgotten one."""
    n = len(trust)
    terms = np.zeros((n, len(TERMS)))
    buys = (facts.purchase_days > 0) & ~facts.contractual
    if buys.any():
        terms[buys, PURCHASE] = purchase_terms(
            facts.purchase_days[buys],
            facts.first_day[buys],
            facts.last_day[buys],
            facts.amount_e4[buys],
            now_ms,
            parameters.churn,
        )
    contract = parameters.churn.contract
    if contract is None:
        terms[:, CONTRACT] = parameters.risk.subscription_base * facts.contractual
        terms[:, CANCELLATION] = _cancellation_term(facts, now_ms, parameters) * facts.contractual
    elif facts.contractual.any():
        subscribed = np.flatnonzero(facts.contractual)
        terms[subscribed[:, None], OF_CONTRACT] = contract_terms(
            contract_facts(facts, subscribed), now_ms, parameters.churn.horizon_days, contract
        )
    weights = _service_weights(parameters.risk)
    if contract is not None:
        weights = np.where(facts.contractual[:, None], _service_weights(contract), weights)
    terms[:, SERVICE] = service_features(facts, trust, parameters) * weights
    known = buys | facts.contractual
    terms[~known] = 0.0
    risk = np.where(known, expit(row_sums(terms)), np.nan)
    return RiskScores(churn_risk=risk, contributions=terms)


def purchase_terms(
    purchase_days: Ints, first_day: Floats, last_day: Floats, amount_e4: Ints, now_ms: int, churn: Churn
) -> Floats:
    """Newcomer, average, frequency, silence, age, amount, in log-odds; (n, 6).

    The first four are those of `RiskFacts`, of n customers who have bought.
    """
    days = purchase_days.astype(np.float64)
    x, t_x = days - 1.0, last_day - first_day
    age = np.maximum(days_since_1990(now_ms) - first_day, t_x)
    terms = np.zeros((len(x), 6))
    if churn.layer is not None:
        amount = amount_e4 / (days * 10_000.0)
        terms[:, 1:] = log_odds_terms(x, t_x, age, amount, churn.layer, churn.mbg)
        return terms
    horizon, nothing = churn.horizon_days / WEEK, np.zeros(1)
    terms[:, 0] = logit_no_purchase(nothing, nothing, nothing, horizon, churn.mbg)
    fresh = logit_no_purchase(x, t_x / WEEK, t_x / WEEK, horizon, churn.mbg)
    terms[:, 2] = fresh - terms[:, 0]
    terms[:, 3] = logit_no_purchase(x, t_x / WEEK, age / WEEK, horizon, churn.mbg) - fresh
    return terms


def days_since_1990(now_ms: int) -> float:
    """Days, with fraction, since 1990-01-01 UTC: the unit of `RiskFacts.first_day`."""
    return (now_ms - 631_152_000_000) / 86_400_000.0


def _cancellation_term(facts: RiskFacts, now_ms: int, parameters: Parameters) -> Floats:
    risk = parameters.risk
    horizon_end = now_ms + parameters.churn.horizon_days * 86_400_000
    ends_soon = (facts.term_end_ms > 0) & (facts.term_end_ms <= horizon_end)
    return (
        risk.subscription_term_ends * ends_soon
        + risk.subscription_cancel_requested * facts.cancel_requested
        + risk.subscription_ended * facts.ended
    )


def contract_facts(facts: RiskFacts, chosen: Ints) -> ContractFacts:
    """What the hazard of a contract's end reads of the facts of some of the customers."""
    return ContractFacts(*(getattr(facts, each.name)[chosen] for each in fields(ContractFacts)))


def service_features(facts: RiskFacts, trust: Floats, parameters: Parameters) -> Floats:
    """What the weights of the service terms multiply; float64 (n, 5), in the order of `TERMS`."""
    return np.stack(
        [
            (100.0 * parameters.trust.base_rate - trust) / 50.0,
            np.minimum(facts.overdue, MAX_COUNT),
            np.minimum(facts.payment_failures, MAX_COUNT),
            halvings(facts.engagement_short, facts.engagement_long, parameters),
            facts.unsubscribed,
        ],
        axis=1,
    )


def _service_weights(table: Risk | Contract) -> Floats:
    return np.array([getattr(table, name) for name in SERVICE_WEIGHTS])


def engagement_at_worst(
    short: Floats, long: Floats, heard_ms: Ints, now_ms: int, statistics: Statistics
) -> tuple[Floats, Floats]:
    """Both sums of engagement, decayed to when its fall was greatest since the last event; each (n,).

    In silence the fall grows while the short sum is above `MIN_RATE`, for it shrinks faster, and while the
    long one is above `MIN_USUAL_ENGAGEMENT`. Where the first of the two ends the fall is greatest.

    Args:
        short: stored sum with the short half-life, landmark units.
        long: the same with the long one.
        heard_ms: (n,) time of the last event, at most now.
        now_ms: no later moment counts.
        statistics: the half-lives. Is the short one the longer, the fall is greatest at the last event.
    """
    short_ms = statistics.engagement_short_days * MS_PER_DAY
    long_ms = statistics.engagement_long_days * MS_PER_DAY
    with np.errstate(divide="ignore"):  # no engagement at all: nothing grows
        thin_ms = LANDMARK_MS + short_ms * np.log2(short / MIN_RATE)
        unusual_ms = LANDMARK_MS + long_ms * np.log2(long / MIN_USUAL_ENGAGEMENT)
    worst_ms = heard_ms.astype(np.float64)
    if short_ms < long_ms:
        worst_ms = np.maximum(worst_ms, np.minimum(np.minimum(thin_ms, unusual_ms), now_ms))
    long = long * shrink(worst_ms, long_ms)
    usual = unusual_ms >= heard_ms  # still at the last event: rounding must not say otherwise
    return short * shrink(worst_ms, short_ms), np.where(usual, np.maximum(long, MIN_USUAL_ENGAGEMENT), long)


def halvings(short: Floats, long: Floats, parameters: Parameters) -> Floats:
    """How often the recent engagement rate has halved against the usual one, 0-3.

    A stream of rate q settles at q h / ln 2 in a sum of half-life h, so the sums compare after division by h.
    """
    statistics = parameters.statistics
    expected = long * (statistics.engagement_short_days / statistics.engagement_long_days)
    fall = np.log2(np.maximum(expected, MIN_RATE) / np.maximum(short, MIN_RATE))
    return np.where(long >= MIN_USUAL_ENGAGEMENT, np.clip(fall, 0.0, MAX_COUNT), 0.0)
