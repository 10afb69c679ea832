"""The reasons that travel with a record: the largest few of each score, with the fact behind each."""

from itertools import islice
from typing import Literal

import numpy as np

from schemas.score import Reason
from stream.model.columns import Floats
from stream.model.explain import USUAL_GRADE, Observations
from stream.model.risk import BASE_TERMS, TERMS
from stream.model.score import Scores
from stream.model.trust import ALL_CAUSES

__all__ = ["TOP_REASONS", "top_reasons"]

TOP_REASONS = 3  # per score; all of them on demand (`explain`)
MIN_POINTS = 0.005  # a trust reason below the published rounding says nothing
MIN_LOG_ODDS = 0.0005
MOVING = [k for k, term in enumerate(TERMS) if term not in BASE_TERMS]  # a base is the same for everybody
MOVING_TERMS = tuple(TERMS[k] for k in MOVING)


def top_reasons(scores: Scores, seen: Observations) -> list[list[Reason]]:
    """The largest reasons of each of n customers, trust first; at most `TOP_REASONS` per score."""
    usual = np.full_like(seen.trust, USUAL_GRADE)
    trust = _top("trust", ALL_CAUSES, MIN_POINTS, 2, scores.trust.contributions, seen.trust, usual)
    moving = scores.risk.contributions[:, MOVING]
    seen_moving = seen.churn[:, MOVING], seen.churn_usual[:, MOVING]
    risk = _top("churn_risk", MOVING_TERMS, MIN_LOG_ODDS, 4, moving, *seen_moving)
    return [a + b for a, b in zip(trust, risk, strict=True)]


def _top(
    score: Literal["trust", "churn_risk"],
    codes: tuple[str, ...],
    least: float,
    digits: int,
    contributions: Floats,
    observed: Floats,
    usual: Floats,
) -> list[list[Reason]]:
    """The largest contributions of each customer by size; arrays (n, k) in, n lists out."""
    largest = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :TOP_REASONS]
    values = np.take_along_axis(contributions, largest, axis=1)
    telling = np.abs(values) >= least  # sorted by size, so a prefix of each row
    flat = map(
        Reason,
        [score] * int(telling.sum()),
        np.array(codes, object)[largest[telling]].tolist(),
        np.round(values[telling], digits).tolist(),
        _numbers(np.take_along_axis(observed, largest, axis=1)[telling]),
        _numbers(np.take_along_axis(usual, largest, axis=1)[telling]),
    )
    return [list(islice(flat, count)) for count in telling.sum(axis=1).tolist()]


def _numbers(values: Floats) -> list[float | None]:
    """Rounded for people; None where there is no number."""
    numbers = np.round(values, 2).astype(object)
    numbers[np.isnan(values)] = None
    return list(numbers.tolist())
