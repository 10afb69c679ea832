"""One customer's facts at a time -> trust, churn risk and the reasons of both, for n customers at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.model import risk as risk_model
from stream.model import trust as trust_model
from stream.model.columns import Floats
from stream.model.parameters import Parameters
from stream.model.risk import RiskFacts
from stream.model.trust import LastHeard

__all__ = ["Facts", "Scores", "score", "trust_of"]


@dataclass(slots=True)
class Facts:
    """What is known of n customers at `now_ms`.

    Attributes:
        positive: (n, len(trust.ALL_CAUSES)) evidence for us, decayed to now.
        negative: the same against us, open overdue promises included.
        heard: what the evidence was at the last event.
        risk: inputs of the churn risk.
    """

    positive: Floats
    negative: Floats
    heard: LastHeard
    risk: RiskFacts

    def of(self, chosen: NDArray[np.int64] | slice) -> "Facts":
        """The facts of some of the customers; views if they are a slice."""
        return Facts(
            self.positive[chosen],
            self.negative[chosen],
            LastHeard(*(each[chosen] for each in self.heard)),
            self.risk.of(chosen),
        )


@dataclass(slots=True)
class Scores:
    """Unrounded scores of n customers; see `trust.TrustScores` and `risk.RiskScores` for shapes."""

    trust: trust_model.TrustScores
    risk: risk_model.RiskScores
    trust_centi: NDArray[np.int32]
    risk_e4: NDArray[np.int32]

    def of(self, chosen: NDArray[np.int64]) -> "Scores":
        """The scores of some of the customers; arrays (len(chosen), ...)."""
        trust, risk = self.trust, self.risk
        return Scores(
            trust=trust_model.TrustScores(
                trust.trust[chosen],
                trust.uncertainty[chosen],
                trust.alpha[chosen],
                trust.beta[chosen],
                trust.contributions[chosen],
                trust.unforgotten[chosen],
            ),
            risk=risk_model.RiskScores(risk.churn_risk[chosen], risk.contributions[chosen]),
            trust_centi=self.trust_centi[chosen],
            risk_e4=self.risk_e4[chosen],
        )


def trust_of(facts: Facts, parameters: Parameters) -> trust_model.TrustScores:
    """Trust of n customers, held down where only silence would have lifted it."""
    return trust_model.trust(facts.positive, facts.negative, parameters.trust, facts.heard)


def score(facts: Facts, now_ms: int, parameters: Parameters) -> Scores:
    """Score n customers; `trust_centi` and `risk_e4` are the published roundings (-1 = absent)."""
    trust = trust_of(facts, parameters)
    risk = risk_model.churn_risk(facts.risk, trust.unforgotten, now_ms, parameters)
    return Scores(
        trust=trust,
        risk=risk,
        trust_centi=np.rint(trust.trust * 100.0).astype(np.int32),
        risk_e4=np.where(np.isnan(risk.churn_risk), -1.0, np.rint(risk.churn_risk * 1e4)).astype(np.int32),
    )
