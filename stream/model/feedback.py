"""The evidence table: what each kind of graded feedback says, under a code that fits six bits.

A code names cause, value v in [-1, 1] and weight at once, so an event with a time and a code is all that is
needed to add its evidence, to take it out again (trust as it was a week ago), or to count it among the
answers to a survey. Deliveries and tickets are promises and are graded when they close (`promises.py`).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.interaction import SCALES
from stream.model.columns import Floats, Ints
from stream.model.evidence import CAUSES, split_value
from stream.model.parameters import Statistics

__all__ = [
    "ANSWERS",
    "CODE",
    "IS_ANSWER",
    "IS_RECOVERY",
    "KEPT_DAYS",
    "MEANINGS",
    "Answers",
    "Meaning",
    "Terms",
    "terms",
]

SURVEY_CAUSE = {"nps": "survey", "csat": "survey", "ces1": "effort", "ces2": "effort"}
SEVERITIES = ("minor", "major", "critical")


class Meaning(NamedTuple):
    """One row of the table; `weight` is a name in `parameters.Weights`."""

    name: str
    cause: str
    value: float
    weight: str


def _answers() -> list[Meaning]:
    """The middle of a scale is 0, its ends -1 and 1; the legacy CES 1.0 asks for effort, so high is bad."""
    found = []
    for instrument, (low, high) in SCALES.items():
        for score in range(low, high + 1):
            value = (2 * score - low - high) / (high - low)
            cause = SURVEY_CAUSE[instrument]
            found.append(
                Meaning(f"{instrument} {score}", cause, -value if instrument == "ces1" else value, cause)
            )
    return found


# Stored in rows: a code's place never changes; new ones go to the end, and 63 is the last that fits.
MEANINGS: tuple[Meaning, ...] = (
    *_answers(),
    *(Meaning(f"review {stars}", "review", (stars - 3) / 2, "review") for stars in range(1, 6)),
    *(Meaning(f"ticket {status}", "complaint", -1.0, status) for status in ("reopened", "escalated")),
    *(
        Meaning(f"{kind} {severity}", kind, -1.0, f"incident_{severity}")
        for kind in ("incident", "breach")
        for severity in SEVERITIES
    ),
    Meaning("refund", "refund", -1.0, "refund"),
    Meaning("return", "refund", -1.0, "returned"),
    Meaning("loyalty", "care", 1.0, "loyalty"),
    Meaning("loyalty left", "care", -1.0, "loyalty_left"),
    Meaning("referral", "care", 1.0, "referral"),
    Meaning("apology", "recovery", 1.0, "apology"),
    Meaning("compensation", "recovery", 1.0, "compensation"),
    Meaning("chargeback", "refund", -1.0, "chargeback"),
)
CODE = {meaning.name: code for code, meaning in enumerate(MEANINGS, start=1)}
"""Code of each row of the table, from 1; 0 is no feedback."""

_TABLED = (None, *MEANINGS)
IS_ANSWER: NDArray[np.bool_] = np.array([m is not None and m.weight in ("survey", "effort") for m in _TABLED])
IS_RECOVERY: NDArray[np.bool_] = np.array([m is not None and m.cause == "recovery" for m in _TABLED])
KEPT_DAYS = 92
"""Days for which feedback is remembered with its time: the 91 that rolling figures may span, and one for
events ahead of the clock. One age for all of it: two would make the bound on its number depend on order."""


class Answers(NamedTuple):
    """One survey instrument: its codes, what each counts as in the published figure, and which are low.

    Attributes:
        first: code of the lowest answer; the others follow.
        counts: of each answer, lowest first.
        low: of each answer: a person should be asked what went wrong.
    """

    first: int
    counts: tuple[float, ...]
    low: tuple[bool, ...]


ANSWERS: dict[str, Answers] = {
    "nps": Answers(CODE["nps 0"], (-100.0,) * 7 + (0.0,) * 2 + (100.0,) * 2, (True,) * 7 + (False,) * 4),
    "csat": Answers(CODE["csat 1"], (0.0,) * 3 + (100.0,) * 2, (True,) * 2 + (False,) * 3),
    "ces1": Answers(CODE["ces1 1"], (1.0, 2.0, 3.0, 4.0, 5.0), (False,) * 3 + (True,) * 2),
    "ces2": Answers(CODE["ces2 1"], (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0), (True,) * 3 + (False,) * 4),
}
"""NPS: promoters less detractors, %; CSAT: the two highest answers, %; CES: the mean answer. Low: detractors,
CSAT 1-2, CES 2.0 1-3, CES 1.0 4-5 (much effort)."""


class Terms(NamedTuple):
    """By code: index of the cause, weight for us and against us; code 0 weighs nothing."""

    cause: Ints
    good: Floats
    bad: Floats


@lru_cache(maxsize=8)
def terms(statistics: Statistics) -> Terms:
    """What one event of each code adds, before it is put in landmark units; arrays (len(MEANINGS) + 1,).

    Made once per model; nobody may write to them.
    """
    cause = [0, *(CAUSES.index(meaning.cause) for meaning in MEANINGS)]
    value = np.array([0.0, *(meaning.value for meaning in MEANINGS)])
    weight = np.array([0.0, *(getattr(statistics.weight, meaning.weight) for meaning in MEANINGS)])
    good, bad = split_value(value)
    made = Terms(np.array(cause, np.int64), good * weight, bad * weight)
    for array in made:
        array.flags.writeable = False
    return made
