"""What each event type means for trust: cause, value v in [-1, 1] and weight, column by column.

The evidence table of the model in code: surveys by their instrument's scale, reviews, complaints, incidents,
refunds, care, recovery. Deliveries and tickets are promises and are graded when they close
(`stream.model.promises`).
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from schemas.interaction import SCALES, Incident, Loyalty, Recovery, Referral, Refund, Review, Survey, Ticket
from stream.model.columns import Evidence, Ints
from stream.model.evidence import CAUSES
from stream.model.parameters import Weights

__all__ = ["GRADES"]

CAUSE = {name: i for i, name in enumerate(CAUSES)}
SURVEY_CAUSE = {"nps": "survey", "csat": "survey", "ces1": "effort", "ces2": "effort"}


def _evidence(at: Ints, graded: Sequence[tuple[str, float, float]]) -> Evidence:
    if not graded:
        return Evidence()
    cause, value, weight = zip(*graded, strict=True)
    causes = np.array([CAUSE[name] for name in cause], np.int64)
    return Evidence(at, causes, np.array(value, np.float64), np.array(weight, np.float64))


def _surveys(at: Ints, events: Sequence[Survey], w: Weights) -> Evidence:
    """The middle of the scale is 0, its ends -1 and 1; the legacy CES 1.0 asks for effort, so high is bad."""
    weight = {"survey": w.survey, "effort": w.effort}
    graded = {}
    for instrument, (low, high) in SCALES.items():
        cause = SURVEY_CAUSE[instrument]
        for score in range(low, high + 1):
            value = (2 * score - low - high) / (high - low)
            graded[instrument, score] = (cause, -value if instrument == "ces1" else value, weight[cause])
    return _evidence(at, [graded[event.instrument, event.score] for event in events])


def _reviews(at: Ints, events: Sequence[Review], w: Weights) -> Evidence:
    return _evidence(at, [("review", (event.rating - 3) / 2, w.review) for event in events])


def _complaints(at: Ints, events: Sequence[Ticket], w: Weights) -> Evidence:
    weight = {"reopened": w.reopened, "escalated": w.escalated}
    which = [i for i, event in enumerate(events) if event.status in weight]
    return _evidence(at[which], [("complaint", -1.0, weight[events[i].status]) for i in which])


def _incidents(at: Ints, events: Sequence[Incident], w: Weights) -> Evidence:
    weight = {"minor": w.incident_minor, "major": w.incident_major, "critical": w.incident_critical}
    cause = {"breach": "breach"}
    return _evidence(at, [(cause.get(e.kind, "incident"), -1.0, weight[e.severity]) for e in events])


def _refunds(at: Ints, events: Sequence[Refund], w: Weights) -> Evidence:
    weight = {"refund": w.refund, "return": w.returned, "chargeback": w.chargeback}
    return _evidence(at, [("refund", -1.0, weight[e.kind]) for e in events])


def _loyalty(at: Ints, events: Sequence[Loyalty], w: Weights) -> Evidence:
    away = {"left", "tier_down"}
    graded = [("care", -1.0, w.loyalty_left) if e.kind in away else ("care", 1.0, w.loyalty) for e in events]
    return _evidence(at, graded)


def _referrals(at: Ints, events: Sequence[Referral], w: Weights) -> Evidence:
    return _evidence(at, [("care", 1.0, w.referral)] * len(events))


def _recoveries(at: Ints, events: Sequence[Recovery], w: Weights) -> Evidence:
    weight = {"apology": w.apology, "compensation": w.compensation}
    return _evidence(at, [("recovery", 1.0, weight[event.kind]) for event in events])


GRADES: dict[str, Callable[[Ints, Sequence[Any], Weights], Evidence]] = {
    "survey": _surveys,
    "review": _reviews,
    "ticket": _complaints,
    "incident": _incidents,
    "refund": _refunds,
    "loyalty": _loyalty,
    "referral": _referrals,
    "recovery": _recoveries,
}
