"""The reasons that travel with a record: the largest few of each score, with the fact behind each."""

from dataclasses import dataclass
from itertools import islice, repeat
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
from stream.pipeline.texts import Texts

__all__ = ["TOP_REASONS", "TopReasons", "top_reasons"]

TOP_REASONS = 3  # per score; all of them on demand (`explain`)
MIN_POINTS = 0.005  # a trust reason below the published rounding says nothing
MIN_LOG_ODDS = 0.0005
MOVING = [k for k, term in enumerate(TERMS) if term not in BASE_TERMS]  # a base is the same for everybody

Which = tuple[Literal["trust", "churn_risk"], str]
CODES: tuple[Which, ...] = (
    *(("trust", cause) for cause in ALL_CAUSES),
    *(("churn_risk", TERMS[k]) for k in MOVING),
)
NONE_YET = 0.0  # stands in the record where the contribution will be
HEADS = np.array(
    [encode(Reason(*which, contribution=NONE_YET)).partition(b"0.0")[0] for which in CODES], object
)
CONTRIBUTION, OBSERVED, USUAL = Texts(b""), Texts(b',"observed":'), Texts(b',"usual":')


@dataclass(slots=True)
class TopReasons:
    """Reasons of n customers, trust first, each score's largest first; m in all.

    Attributes:
        count: (n,) how many each customer has, at most 2 `TOP_REASONS`.
        which: (m,) index into `CODES`.
        contribution: (m,) rounded as published.
        observed: (m,) nan where there is no number.
        usual: the same shape.
    """

    count: Ints
    which: Ints
    contribution: Floats
    observed: Floats
    usual: Floats

    def of(self, customer: int) -> list[Reason]:
        """The reasons of one customer."""
        start = int(self.count[:customer].sum())
        return [self._reason(i) for i in range(start, start + int(self.count[customer]))]

    def _reason(self, i: int) -> Reason:
        score, code = CODES[self.which[i]]
        contribution = float(self.contribution[i]) + 0.0  # -0.0 becomes 0.0
        return Reason(score, code, contribution, _number(self.observed[i]), _number(self.usual[i]))

    def texts(self) -> list[bytes]:
        """Each customer's reasons as the JSON array of the record; n texts, the bytes of `encode(of(i))`."""
        flat = map(
            b"".join,
            zip(
                HEADS[self.which].tolist(),
                CONTRIBUTION.of_array(self.contribution),
                OBSERVED.of_array(self.observed),
                USUAL.of_array(self.usual),
                repeat(b"}"),
                strict=False,
            ),
        )
        return [b"[" + b",".join(islice(flat, n)) + b"]" for n in self.count.tolist()]


def top_reasons(scores: Scores, seen: Observations) -> TopReasons:
    """The largest reasons of each of n customers; at most `TOP_REASONS` per score."""
    usual = np.full_like(seen.trust, USUAL_GRADE)
    moving = scores.risk.contributions[:, MOVING], seen.churn[:, MOVING], seen.churn_usual[:, MOVING]
    trust = _top(0, MIN_POINTS, 2, scores.trust.contributions, seen.trust, usual)
    risk = _top(len(ALL_CAUSES), MIN_LOG_ODDS, 4, *moving)
    telling, which, contribution, observed, usual = (
        np.concatenate(pair, axis=1) for pair in zip(trust, risk, strict=True)
    )
    return TopReasons(
        telling.sum(axis=1), which[telling], contribution[telling], observed[telling], usual[telling]
    )


def _top(
    first_code: int, least: float, digits: int, contributions: Floats, observed: Floats, usual: Floats
) -> tuple[NDArray[np.bool_], Ints, Floats, Floats, Floats]:
    """The largest contributions of each customer by size; arrays (n, k) in, five (n, TOP_REASONS) out.

    The first says which of them are worth telling: a prefix of each row, since they are sorted by size.
    """
    largest = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, :TOP_REASONS]
    values = np.take_along_axis(contributions, largest, axis=1)
    return (
        np.abs(values) >= least,
        largest + first_code,
        np.round(values, digits),
        np.round(np.take_along_axis(observed, largest, axis=1), 2),
        np.round(np.take_along_axis(usual, largest, axis=1), 2),
    )


def _number(fact: float) -> float | None:
    return None if np.isnan(fact) else float(fact) + 0.0
