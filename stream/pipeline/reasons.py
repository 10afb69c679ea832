"""The reasons that travel with a record: the largest few of each score, with the fact behind each."""

from dataclasses import dataclass
from math import isnan
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.codec import encode
from schemas.score import Reason
from stream.model.columns import Floats, Ints
from stream.model.explain import USUAL_GRADE, Observations
from stream.model.risk import BASE_TERMS, TERMS
from stream.model.score import Scores
from stream.model.trust import ALL_CAUSES
from stream.pipeline.texts import Numbers

__all__ = ["TOP_REASONS", "TopReasons", "top_reasons"]

TOP_REASONS = 3  # per score; all of them on demand (`explain`)
DIGITS = (2,) * TOP_REASONS + (4,) * TOP_REASONS  # of a contribution: trust points, then log-odds
MIN_POINTS = 0.005  # a trust reason below the published rounding says nothing
MIN_LOG_ODDS = 0.0005
MOVING = [k for k, term in enumerate(TERMS) if term not in BASE_TERMS]  # a base is the same for everybody

Which = tuple[Literal["trust", "churn_risk"], str]
CODES: tuple[Which, ...] = (
    *(("trust", cause) for cause in ALL_CAUSES),
    *(("churn_risk", TERMS[k]) for k in MOVING),
)
HEADS = [encode(Reason(*which, contribution=0.0)).partition(b"0.0")[0] for which in CODES]
STARTS = np.array(
    [b"", *HEADS, *(b"," + head for head in HEADS)], object
)  # nothing, the first, a further one
POINTS = Numbers(b"", 2, -10_000, 10_000)
LOG_ODDS = Numbers(b"", 4, -200_000, 200_000)
OBSERVED = Numbers(b',"observed":', 2, -100, 400_000)
USUAL = Numbers(b',"usual":', 2, -100, 400_000, after=b"}")


@dataclass(slots=True)
class TopReasons:
    """Reasons of n customers: `TOP_REASONS` of trust, then of churn risk, each score's largest first.

    Attributes:
        told: (n, 2 TOP_REASONS) which are worth telling: of each score a prefix.
        which: the same shape, index into `CODES`.
        contribution: the same shape, points or log-odds.
        observed: the same shape, nan where there is no number.
        usual: the same shape.
    """

    told: NDArray[np.bool_]
    which: Ints
    contribution: Floats
    observed: Floats
    usual: Floats

    def of(self, customers: Ints) -> dict[int, list[Reason]]:
        """The reasons of some customers, as published; in columns, as a storm asks for those of thousands."""
        told = self.told[customers]
        whose, slot = np.nonzero(told)
        at = customers[whose], slot
        points, log_odds = (_rounded(self.contribution[at], digits) for digits in (2, 4))
        columns = (
            self.which[at].tolist(),
            np.where(slot < TOP_REASONS, points, log_odds).tolist(),
            _numbers(self.observed[at]),
            _numbers(self.usual[at]),
        )
        made = [
            Reason(CODES[which][0], CODES[which][1], contribution, observed, usual)
            for which, contribution, observed, usual in zip(*columns, strict=True)
        ]
        ends = np.cumsum(told.sum(axis=1)).tolist()
        bounds = zip([0, *ends[:-1]], ends, strict=True)
        return {i: made[start:end] for i, (start, end) in zip(customers.tolist(), bounds, strict=True)}

    def texts(self) -> list[list[bytes]]:
        """The records' JSON arrays without their brackets, as columns: joined, n texts of all `of(i)`."""
        columns: list[list[bytes]] = []
        further = np.zeros(len(self.told), np.bool_)
        for slot, digits in enumerate(DIGITS):
            told = self.told[:, slot]
            if told.any():
                start = np.where(told, 1 + self.which[:, slot] + len(CODES) * further, 0)
                number = POINTS if digits == 2 else LOG_ODDS
                columns += [
                    STARTS[start].tolist(),
                    number.of_floats(self.contribution[:, slot], told),
                    OBSERVED.of_floats(self.observed[:, slot], told),
                    USUAL.of_floats(self.usual[:, slot], told),
                ]
                further = further | told
        return columns


def top_reasons(scores: Scores, seen: Observations) -> TopReasons:
    """The largest reasons of each of n customers; at most `TOP_REASONS` per score."""
    usual = np.full_like(seen.trust, USUAL_GRADE)
    moving = scores.risk.contributions[:, MOVING], seen.churn[:, MOVING], seen.churn_usual[:, MOVING]
    trust = _top(0, MIN_POINTS, scores.trust.contributions, seen.trust, usual)
    risk = _top(len(ALL_CAUSES), MIN_LOG_ODDS, *moving)
    return TopReasons(*(np.concatenate(pair, axis=1) for pair in zip(trust, risk, strict=True)))


def _top(
    first_code: int, least: float, contributions: Floats, observed: Floats, usual: Floats
) -> tuple[NDArray[np.bool_], Ints, Floats, Floats, Floats]:
    """The largest contributions of each customer by size; arrays (n, k) in, five (n, TOP_REASONS) out."""
    largest = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :TOP_REASONS]
    values = np.take_along_axis(contributions, largest, axis=1)
    return (
        np.abs(values) >= least,
        largest + first_code,
        values,
        np.take_along_axis(observed, largest, axis=1),
        np.take_along_axis(usual, largest, axis=1),
    )


def _rounded(values: Floats, digits: int) -> Floats:
    return np.round(values, digits) + 0.0  # -0.0 becomes 0.0


def _numbers(facts: Floats) -> list[float | None]:
    """As published, None where there is no number."""
    return [None if isnan(fact) else fact for fact in _rounded(facts, 2).tolist()]
