"""What the rules look at: the value and the scope of each rule, for n customers at once."""

import numpy as np

from stream.alerts.evaluate import Measured
from stream.alerts.rules import Rules
from stream.model.columns import Floats
from stream.model.score import Facts, Scores

__all__ = ["measure"]


def measure(rules: Rules, known: Facts, scores: Scores, uncertainty: Floats) -> Measured:
    """Values as published, of every rule; other kinds than trust and risk are unknown everywhere.

    Args:
        rules: R of them.
        known: facts of n customers.
        scores: of the same.
        uncertainty: of trust, (n,), as published.
    """
    shape = len(rules.rule), len(uncertainty)
    measured = Measured(np.full(shape, np.nan), np.ones(shape, np.bool_))
    for r, rule in enumerate(rules.rule):
        if rule.kind == "trust_below":
            measured.value[r] = scores.trust_centi / 100
        elif rule.kind == "churn_risk_above":
            measured.value[r] = np.where(scores.risk_e4 >= 0, scores.risk_e4 / 10_000, np.nan)
        if rule.min_purchase_days:
            measured.in_scope[r] &= known.risk.purchase_days >= rule.min_purchase_days
        if rule.max_uncertainty < 1.0:
            measured.in_scope[r] &= uncertainty <= rule.max_uncertainty
    return measured
