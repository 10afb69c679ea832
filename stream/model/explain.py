"""Reasons: why a score is what it is, in codes whose contributions sum to it exactly.

Texts are codes with parameters; a person's language is chosen at the edge (`cli/explain.py`).
"""

from dataclasses import dataclass

import numpy as np

from stream.model.evidence import DIMENSION_OF
from stream.model.parameters import Parameters
from stream.model.risk import TERMS
from stream.model.score import Facts, Scores
from stream.model.trust import ALL_CAUSES

__all__ = ["Explanation", "Reason", "explain"]


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
    churn = _churn_reasons(facts, scores, now_ms, parameters, i) if known else []
    return Explanation(
        trust=float(scores.trust.trust[i]),
        trust_base=100.0 * parameters.trust.base_rate,
        trust_reasons=_trust_reasons(facts, scores, i),
        churn_risk=risk if known else None,
        churn_log_odds=float(scores.risk.contributions[i].sum()) if known else None,
        churn_reasons=churn,
    )


def _largest_first(reasons: list[Reason]) -> list[Reason]:
    return sorted((r for r in reasons if r.contribution != 0.0), key=lambda r: (-abs(r.contribution), r.code))


def _trust_reasons(facts: Facts, scores: Scores, i: int) -> list[Reason]:
    reasons = []
    for k, cause in enumerate(ALL_CAUSES):
        good, bad = float(facts.positive[i, k]), float(facts.negative[i, k])
        grade = (good - bad) / (good + bad) if good + bad > 0.0 else None
        reasons.append(
            Reason(
                code=cause,
                contribution=float(scores.trust.contributions[i, k]),
                observed=grade,
                usual=0.0,
                unit="mean grade, -1 to 1",
                dimension=DIMENSION_OF[cause],
            )
        )
    return _largest_first(reasons)


def _churn_reasons(facts: Facts, scores: Scores, now_ms: int, parameters: Parameters, i: int) -> list[Reason]:
    risk = facts.risk
    days = int(risk.purchase_days[i])
    gap = float(risk.last_day[i] - risk.first_day[i]) / (days - 1) if days > 1 else None
    silence = (now_ms - 631_152_000_000) / 86_400_000.0 - float(risk.last_day[i])
    per_month = np.log(2.0) * 30.0
    statistics = parameters.statistics
    seen: dict[str, tuple[float | None, float | None, str]] = {
        "frequency": (float(days), None, "days with a purchase"),
        "silence": (silence, gap, "days since the last purchase"),
        "trust": (float(scores.trust.trust[i]), 100.0 * parameters.trust.base_rate, "points"),
        "overdue_promises": (float(risk.overdue[i]), 0.0, "open promises overdue"),
        "payment_failures": (float(risk.payment_failures[i]), 0.0, "recent failed payments"),
        "engagement_fall": (
            float(risk.engagement_short[i]) * per_month / statistics.engagement_short_days,
            float(risk.engagement_long[i]) * per_month / statistics.engagement_long_days,
            "engagements a month",
        ),
    }
    reasons = []
    for k, term in enumerate(TERMS):
        observed, usual, unit = seen.get(term, (None, None, ""))
        reasons.append(Reason(term, float(scores.risk.contributions[i, k]), observed, usual, unit))
    return _largest_first(reasons)
