"""The evidence table, row by row: every kind of experience speaks in its dimension, with its sign, in order.

Each row lists experiences from best to worst; trust must fall strictly from one to the next where the table
says so, and no other dimension may move.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from schemas.interaction import TYPES
from stream.alerts import rules
from stream.model import parameters
from stream.model.evidence import DIMENSION_OF
from stream.model.parameters import Parameters
from stream.pipeline import Pipeline
from tests.strategies import DAY_MS, HOUR_MS, START_MS, Body, iso, records

SHIPPED = parameters.load()
EVEN = replace(SHIPPED, trust=replace(SHIPPED.trust, negative_weight=1.0))
"""Under the shipped weight the middle of a scale is a little bad: it is half for us and half against us."""
NOW_MS = START_MS + 60 * DAY_MS
FAILURE = {"type": "incident", "kind": "outage", "severity": "critical", "after": -DAY_MS}
RULES = rules.load()
DIMENSIONS = set(DIMENSION_OF.values())


class Row(NamedTuple):
    """Experiences of one kind, best first, with the sign of each; `beside` is what happened before."""

    dimension: str | None
    experiences: list[list[Body]]
    signs: list[int]
    beside: tuple[Body, ...] = ()


def one(kind: str, after: int = 0, /, **own: Any) -> list[Body]:
    return [{"type": kind, "after": after} | own]


def answers(instrument: str, scores: list[int]) -> list[list[Body]]:
    return [one("survey", instrument=instrument, score=score) for score in scores]


def delivered(*days: float, status: str = "arrived") -> list[list[Body]]:
    """Promised for the second day, arrived after so many."""
    promise = one("delivery", delivery_id="d", status="promised", promised_at=iso(START_MS + 2 * DAY_MS))
    return [promise + one("delivery", round(day * DAY_MS), delivery_id="d", status=status) for day in days]


def overdue(*days: float) -> list[list[Body]]:
    """Nothing arrived, so many days after it was promised for."""
    return [
        one("delivery", delivery_id="d", status="promised", promised_at=iso(NOW_MS - round(day * DAY_MS)))
        for day in days
    ]


def ticket(*steps: tuple[str, float], **own: Any) -> list[Body]:
    return [
        body
        for status, hours in steps
        for body in one("ticket", round(hours * HOUR_MS), ticket_id="t", status=status, **own)
    ]


def forgotten(*days: float) -> list[list[Body]]:
    """A ticket nobody replied to, due so many days ago."""
    return [
        one("ticket", ticket_id="t", status="opened", due_at=iso(NOW_MS - round(day * DAY_MS)))
        for day in days
    ]


PRIORITIES = ("low", "normal", "high", "urgent")
SEVERITIES = ("minor", "major", "critical")
OPEN_ELSEWHERE = {"type": "ticket", "ticket_id": "t", "status": "opened", "due_at": iso(NOW_MS + 90 * DAY_MS)}
TABLE = {
    "nps": Row("assurance", answers("nps", list(range(10, -1, -1))), [1] * 5 + [0] + [-1] * 5),
    "csat": Row("assurance", answers("csat", [5, 4, 3, 2, 1]), [1, 1, 0, -1, -1]),
    "ces 2.0": Row("responsiveness", answers("ces2", [7, 6, 5, 4, 3, 2, 1]), [1, 1, 1, 0, -1, -1, -1]),
    "ces 1.0, reversed": Row("responsiveness", answers("ces1", [1, 2, 3, 4, 5]), [1, 1, 0, -1, -1]),
    "review": Row("tangibles", [one("review", rating=k) for k in (5, 4, 3, 2, 1)], [1, 1, 0, -1, -1]),
    "delivery on time": Row("reliability", delivered(1.9), [1]),
    "delivery late": Row("reliability", delivered(2.1, 4.0, 6.0), [-1, -1, -1]),
    "delivery failed": Row("reliability", [*delivered(2.1), *delivered(2.1, status="failed")], [-1, -1]),
    "delivery overdue": Row("reliability", overdue(-1.0, 0.5, 2.0, 7.0, 30.0), [0, -1, -1, -1, -1]),
    "ticket overdue": Row("responsiveness", forgotten(-1.0, 0.5, 2.0, 7.0, 30.0), [0, -1, -1, -1, -1]),
    "first reply": Row(
        "responsiveness",
        [
            ticket(("opened", 0), ("first_reply", h), due_at=OPEN_ELSEWHERE["due_at"])
            for h in (1, 12, 24, 36, 48)
        ],
        [1, 1, 0, -1, -1],
    ),
    "first reply by priority": Row(
        "responsiveness",
        [
            ticket(("opened", 0), ("first_reply", 2), priority=p, due_at=OPEN_ELSEWHERE["due_at"])
            for p in PRIORITIES
        ],
        [1, 1, 1, -1],
    ),
    "resolution": Row(
        "responsiveness",
        [ticket(("opened", 0), ("resolved", h)) for h in (1, 40, 72, 100, 144)],
        [1, 1, 0, -1, -1],
    ),
    "resolution by priority": Row(
        "responsiveness",
        [ticket(("opened", 0), ("resolved", 12), priority=p) for p in PRIORITIES],
        [1, 1, 1, -1],
    ),
    "complaint: reopened, escalated": Row(
        "assurance",
        [one("ticket", ticket_id="x", status="reopened"), one("ticket", ticket_id="x", status="escalated")],
        [-1, -1],
    ),
    "recovery": Row(
        "empathy",
        [one("recovery", kind="compensation"), one("recovery", kind="apology"), []],
        [1, 1, 0],
        (FAILURE,),
    ),
    **{
        f"incident: {kind}": Row(
            "assurance" if kind == "breach" else "reliability",
            [one("incident", kind=kind, severity=severity) for severity in SEVERITIES],
            [-1, -1, -1],
        )
        for kind in ("outage", "billing_error", "other", "breach")
    },
    "loyalty": Row("empathy", [one("loyalty", kind="earned"), one("loyalty", kind="left")], [1, -1]),
    "referral": Row("empathy", [one("referral"), one("loyalty", kind="joined")], [1, 1]),
    "refund": Row("tangibles", [[], one("refund", amount=9, currency="EUR")], [0, -1]),
    "return": Row("tangibles", [[], one("refund", amount=9, currency="EUR", kind="return")], [0, -1]),
    "chargeback": Row(
        "tangibles",
        [one("refund", amount=9, currency="EUR"), one("refund", amount=9, currency="EUR", kind="chargeback")],
        [-1, -1],
    ),
    "purchase": Row(None, [one("purchase", amount=9, currency="EUR")], [0]),
    "engagement": Row(None, [one("engagement", kind="unsubscribed")], [0]),
    "subscription": Row(None, [one("subscription", subscription_id="s", status="cancelled")], [0]),
    "payment": Row(None, [one("payment", status="failed")], [0]),
    "profile": Row(None, [one("profile", tier="gold")], [0]),
}


def by_dimension(bodies: list[Body], model: Parameters = SHIPPED) -> dict[str, float]:
    """Trust points of each dimension."""
    pipeline = Pipeline(model, RULES)
    table = pipeline.new_table()
    found = [
        {k: v for k, v in body.items() if k != "after"}
        | {"event_id": f"e{i}", "customer_id": "c", "occurred_at": iso(START_MS + body.get("after", 0))}
        for i, body in enumerate(bodies)
    ]
    effects = pipeline.step(table, records(found), NOW_MS)
    assert not effects.dead_letters
    why = pipeline.explain(table, b"c", NOW_MS)
    points = dict.fromkeys(DIMENSIONS, 0.0)
    for reason in why.trust_reasons if why else ():
        points[reason.dimension] += reason.contribution
    return points


@pytest.mark.parametrize("name", TABLE)
def test_row_speaks_in_its_dimension_with_its_sign_and_in_order(name: str) -> None:
    """Dimension, sign and monotonicity, as the table states them."""
    row, points = TABLE[name], [0.0]
    for model in (SHIPPED, EVEN):
        found = [by_dimension([*row.beside, *bodies], model) for bodies in row.experiences]
        points = [each[row.dimension] if row.dimension else 0.0 for each in found]
        assert all(better > worse for better, worse in pairwise(points))
        elsewhere = DIMENSIONS - {row.dimension} - ({"reliability"} if row.beside else set())
        assert all(abs(each[dimension]) < 1e-9 for each in found for dimension in elsewhere)
    assert [(value > 1e-9) - (value < -1e-9) for value in points] == row.signs


def test_the_table_has_every_type() -> None:
    """No type of interaction is missing from the table."""
    assert {body["type"] for row in TABLE.values() for bodies in row.experiences for body in bodies} == set(
        TYPES
    )


def test_small_evidence_is_smaller() -> None:
    """Loyalty, referral, refund and return are small beside a survey answer; a critical breach is not."""
    survey = abs(by_dimension(one("survey", instrument="nps", score=0))["assurance"])
    small = ("loyalty", "referral", "refund", "return")
    for name in small:
        row = TABLE[name]
        assert all(abs(by_dimension(bodies)[row.dimension or ""]) < survey for bodies in row.experiences)
    assert abs(by_dimension(one("incident", kind="breach", severity="critical"))["assurance"]) > survey
