"""Which row of the evidence table an event is: its code in `stream.model.feedback`, type by type.

Deliveries and tickets are promises and are graded when they close (`stream.model.promises`); a ticket that is
opened again or escalated is a complaint besides.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from schemas.interaction import Incident, Loyalty, Recovery, Referral, Refund, Review, Survey, Ticket
from stream.model.columns import Evidence, Ints
from stream.model.feedback import ANSWERS, CODE

__all__ = ["GRADES", "evidence"]

FIRST = {instrument: its.first for instrument, its in ANSWERS.items()}
LOWEST = {"nps": 0, "csat": 1, "ces1": 1, "ces2": 1}
ANSWER = {name: FIRST[name] - LOWEST[name] for name in FIRST}  # plus the score is the code
STARS = CODE["review 1"] - 1
COMPLAINT = {"reopened": CODE["ticket reopened"], "escalated": CODE["ticket escalated"]}
AWAY = ("left", "tier_down")


def _surveys(events: Sequence[Survey]) -> list[int]:
    return [ANSWER[event.instrument] + event.score for event in events]


def _reviews(events: Sequence[Review]) -> list[int]:
    return [STARS + event.rating for event in events]


def _complaints(events: Sequence[Ticket]) -> list[int]:
    return [COMPLAINT.get(event.status, 0) for event in events]


def _incidents(events: Sequence[Incident]) -> list[int]:
    return [CODE[f"{'breach' if e.kind == 'breach' else 'incident'} {e.severity}"] for e in events]


def _refunds(events: Sequence[Refund]) -> list[int]:
    return [CODE[event.kind] for event in events]


def _loyalty(events: Sequence[Loyalty]) -> list[int]:
    return [CODE["loyalty left" if event.kind in AWAY else "loyalty"] for event in events]


def _referrals(events: Sequence[Referral]) -> list[int]:
    return [CODE["referral"]] * len(events)


def _recoveries(events: Sequence[Recovery]) -> list[int]:
    return [CODE[event.kind] for event in events]


GRADES: dict[str, Callable[[Sequence[Any]], list[int]]] = {
    "survey": _surveys,
    "review": _reviews,
    "ticket": _complaints,
    "incident": _incidents,
    "refund": _refunds,
    "loyalty": _loyalty,
    "referral": _referrals,
    "recovery": _recoveries,
}


def evidence(name: str, at: Ints, events: Sequence[Any]) -> Evidence:
    """Feedback of the events of one type, those that say nothing left out."""
    code = np.array(GRADES[name](events), np.int64)
    return Evidence(at[code > 0], code[code > 0])
