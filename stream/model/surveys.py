"""Figures of survey answers: NPS, CSAT and CES with their standard error, and whether low answers were met.

Conventions:
    m answers of n owners (customers, or segments of them); `owner` (m,) in [0, n). A figure is a mean of what
    each answer counts as (`feedback.ANSWERS`), so its standard error is sqrt(variance / number): for NPS that
    is sqrt((p + d - (p - d)^2) / n) with the shares p of promoters and d of detractors, for CSAT
    sqrt(p (1 - p) / n). One answer has no standard error, none has no figure: nan.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import Floats, Ints
from stream.model.feedback import ANSWERS, IS_ANSWER, IS_RECOVERY, MEANINGS

__all__ = ["Figure", "Met", "figures", "met"]

INSTRUMENT_OF = np.full(len(MEANINGS) + 1, -1)
COUNTS_AS = np.full(len(MEANINGS) + 1, np.nan)
LOW = np.zeros(len(MEANINGS) + 1, np.bool_)
for _number, _its in enumerate(ANSWERS.values()):
    _codes = slice(_its.first, _its.first + len(_its.counts))
    INSTRUMENT_OF[_codes], COUNTS_AS[_codes], LOW[_codes] = _number, _its.counts, _its.low


class Figure(NamedTuple):
    """One instrument's figure of n owners: answers, mean, standard error; all (n,)."""

    n: Ints
    value: Floats
    error: Floats


def figures(owner: Ints, code: Ints, n: int) -> dict[str, Figure]:
    """NPS and CSAT in percent, CES as means on their scales, by instrument; other feedback does not count."""
    found = {}
    for number, instrument in enumerate(ANSWERS):
        mine = INSTRUMENT_OF[code] == number
        who, counts = owner[mine], COUNTS_AS[code[mine]]
        size = np.bincount(who, minlength=n)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.bincount(who, counts, minlength=n) / size
            spread = np.bincount(who, (counts - value[who]) ** 2, minlength=n)
            error = np.where(size > 1, np.sqrt(spread) / size, np.nan)
        found[instrument] = Figure(size, value, error)
    return found


class Met(NamedTuple):
    """Low answers of n owners; all (n,). The rest of `low` was left without an answer in time.

    Attributes:
        low: how many there are.
        acted_on: followed by a reply, a solution or a recovery within the due time.
        waiting: not yet, and still within it.
    """

    low: Ints
    acted_on: Ints
    waiting: Ints


def met(
    owner: Ints,
    time_ms: Ints,
    code: Ints,
    replies: tuple[Ints, Ints],
    now_ms: int,
    due_hours: float,
    n: int,
) -> Met:
    """Whether feedback was acted on.

    Args:
        owner: (m,) of each feedback, surveys and others.
        time_ms: (m,) when.
        code: (m,) `feedback.CODE`; recoveries are replies.
        replies: (owner, time_ms) of first replies and solutions.
        now_ms: time of the question.
        due_hours: within which an answer to an answer is due.
        n: owners.
    """
    low, recovery = LOW[code] & IS_ANSWER[code], IS_RECOVERY[code]
    by = np.concatenate([replies[0], owner[recovery]])
    at = np.concatenate([replies[1], time_ms[recovery]])
    who, asked = owner[low], time_ms[low]
    due = asked + round(due_hours * 3_600_000)
    acted = _any_between(by, at, who, asked, due)
    waiting = ~acted & (now_ms <= due)
    return Met(*(np.bincount(each, minlength=n) for each in (who, who[acted], who[waiting])))


def _any_between(by: Ints, at: Ints, who: Ints, start: Ints, end: Ints) -> NDArray[np.bool_]:
    """Mask of the (who, start, end) for which one of (by, at) has start < at <= end."""
    order = np.lexsort((at, by))
    by, at = by[order], at[order]
    first = _place(by, at, who, start)
    return _place(by, at, who, end) > first


def _place(by: Ints, at: Ints, who: Ints, time: Ints) -> Ints:
    """How many of the sorted (by, at) are at most (who, time)."""
    both = np.concatenate([by, who])
    order = np.lexsort((np.repeat([0, 1], [len(by), len(who)]), np.concatenate([at, time]), both))
    before = np.cumsum(order < len(by))
    place = np.empty(len(both), np.int64)
    place[order] = before
    return place[len(by) :]
