"""Reasons: why a score is what it is, in codes whose contributions sum to it exactly.

Texts are codes with parameters; a person's language is chosen at the edge (`cli/explain.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from stream.model.columns import MS_PER_DAY, Floats
from stream.model.contract import MONTH_DAYS
from stream.model.evidence import DIMENSION_OF
from stream.model.layer import usual_amount
from stream.model.parameters import Parameters
from stream.model.risk import TERMS, days_since_1990
from stream.model.score import Facts, Scores
from stream.model.trust import ALL_CAUSES

__all__ = ["UNITS", "USUAL_GRADE", "Explanation", "Observations", "Reason", "explain", "observations"]


USUAL_GRADE = 0.0
UNITS = {
    "frequency": "days with a purchase",
    "silence": "days since the last purchase",
    "age": "days since the first purchase",
    "amount": "spent per day with a purchase",
    "trust": "points",
    "overdue_promises": "open promises overdue",
    "payment_failures": "recent failed payments",
    "engagement_fall": "engagements a month",
    "tenure": "months",
    "term_end": "days until the term ends",
}


@dataclass(slots=True)
class Observations:
    """What was seen of n customers behind each contribution; nan where a code needs no number.

    Attributes:
        trust: (n, len(ALL_CAUSES)) mean grade in [-1, 1]; usual is `USUAL_GRADE`.
        churn: (n, len(TERMS)) in the unit of `UNITS`.
        churn_usual: the same shape.
    """

    trust: Floats
    churn: Floats
    churn_usual: Floats


@dataclass(frozen=True, slots=True)
class Reason:
    """One driver of one score.

    Attributes:
        code: a cause of evidence or a term of the risk.
        contribution: trust points, or log-odds of churn.
        observed: what was seen, in the unit of `unit`; None where the code needs no number.
        usual: what would be usual beside it.
        unit: unit of observed and usual.
        dimension: SERVQUAL dimension of a trust reason.
    """

    code: str
    contribution: float
    observed: float | None = None
    usual: float | None = None
    unit: str = ""
    dimension: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Both scores of one customer with every non-zero reason.

    trust == trust_base + sum of trust reasons; churn_log_odds == sum of churn reasons (tested to 1e-9).
    """

    trust: float
    trust_base: float
    trust_reasons: list[Reason]
    churn_risk: float | None
    churn_log_odds: float | None
    churn_reasons: list[Reason]


def explain(facts: Facts, scores: Scores, now_ms: int, parameters: Parameters, i: int = 0) -> Explanation:
    """Every reason of customer `i`, largest first."""
    risk = float(scores.risk.churn_risk[i])
    known = not np.isnan(risk)
    seen = observations(facts, scores, now_ms, parameters)
    return Explanation(
        trust=float(scores.trust.trust[i]),
        trust_base=100.0 * parameters.trust.base_rate,
        trust_reasons=_trust_reasons(seen, scores, i),
        churn_risk=risk if known else None,
        churn_log_odds=float(scores.risk.contributions[i].sum()) if known else None,
        churn_reasons=_churn_reasons(seen, scores, i) if known else [],
    )


def _largest_first(reasons: Iterable[Reason]) -> list[Reason]:
    return sorted((r for r in reasons if r.contribution != 0.0), key=lambda r: (-abs(r.contribution), r.code))


def observations(facts: Facts, scores: Scores, now_ms: int, parameters: Parameters) -> Observations:
    """The fact behind each contribution of n customers, and what would be usual beside it."""
    risk, statistics = facts.risk, parameters.statistics
    n = len(scores.trust.trust)
    evidence = facts.positive + facts.negative
    with np.errstate(invalid="ignore", divide="ignore"):
        grade = (facts.positive - facts.negative) / evidence
        gap = (risk.last_day - risk.first_day) / (risk.purchase_days - 1)
        amount = risk.amount_e4 / (risk.purchase_days * 10_000.0)
    layer = parameters.churn.layer
    days = days_since_1990(now_ms)
    a_month = np.log(2.0) * 30.0  # a sum of half-life h settles at rate h / ln 2
    nothing, none_usual = np.full(n, np.nan), np.zeros(n)
    seen = {
        "frequency": (risk.purchase_days.astype(np.float64), nothing),
        "silence": (days - risk.last_day, np.where(risk.purchase_days > 1, gap, np.nan)),
        "age": (days - risk.first_day, nothing),
        "amount": (amount, nothing if layer is None else np.full(n, usual_amount(layer))),
        "trust": (scores.trust.unforgotten, np.full(n, 100.0 * parameters.trust.base_rate)),
        "overdue_promises": (risk.overdue.astype(np.float64), none_usual),
        "payment_failures": (risk.payment_failures, none_usual),
        "engagement_fall": (
            risk.engagement_short * (a_month / statistics.engagement_short_days),
            risk.engagement_long * (a_month / statistics.engagement_long_days),
        ),
        "tenure": ((now_ms - risk.first_ms) / (MS_PER_DAY * MONTH_DAYS), nothing),
        "term_end": (
            np.where(risk.term_end_ms > 0, (risk.term_end_ms - now_ms) / MS_PER_DAY, np.nan),
            nothing,
        ),
    }
    pairs = [seen.get(term, (nothing, nothing)) for term in TERMS]
    return Observations(
        trust=grade,
        churn=np.stack([observed for observed, _ in pairs], axis=1),
        churn_usual=np.stack([usual for _, usual in pairs], axis=1),
    )


def _trust_reasons(seen: Observations, scores: Scores, i: int) -> list[Reason]:
    return _largest_first(
        Reason(
            code=cause,
            contribution=float(scores.trust.contributions[i, k]),
            observed=_number(seen.trust[i, k]),
            usual=USUAL_GRADE,
            unit="mean grade, -1 to 1",
            dimension=DIMENSION_OF[cause],
        )
        for k, cause in enumerate(ALL_CAUSES)
    )


def _churn_reasons(seen: Observations, scores: Scores, i: int) -> list[Reason]:
    return _largest_first(
        Reason(
            code=term,
            contribution=float(scores.risk.contributions[i, k]),
            observed=_number(seen.churn[i, k]),
            usual=_number(seen.churn_usual[i, k]),
            unit=UNITS.get(term, ""),
        )
        for k, term in enumerate(TERMS)
    )


def _number(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)
