"""Every type of interaction does something, in the direction that people expect: one line per meaning."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.interaction import TYPES
from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Pipeline
from tests.strategies import DAY_MS, HOUR_MS, START_MS, Body, iso, records

PIPELINE = Pipeline(parameters.load(), rules.load())
NOW_MS = START_MS + 5 * DAY_MS
Facts = dict[str, float]


def facts_of(*found: Body) -> Facts:
    """Scores and some facts of a customer who bought ten days ago, had a failure once and looked in often."""
    past = [
        step("purchase", -10 * DAY_MS, amount=10, currency="EUR"),
        step("incident", -9 * DAY_MS, kind="outage", severity="minor"),
        *(step("engagement", -k * DAY_MS, kind="visit") for k in range(1, 7)),
    ]
    numbered = [body | {"event_id": f"e{i}"} for i, body in enumerate([*past, *found])]
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(numbered), NOW_MS)
    scores = PIPELINE.scores(table, NOW_MS)[1]
    row = table.rows[0]
    return {
        "trust": float(scores.trust.trust[0]),
        "churn_risk": float(scores.risk.churn_risk[0]),
        "uncertainty": float(scores.trust.uncertainty[0]),
        "amount": float(row["amount_e4"]),
        "tier": float(row["tier"]),
        "events": float(row["events"]),
    }


def step(name: str, after_ms: int = 0, /, **own: Any) -> Body:
    return {"type": name, "event_id": "", "customer_id": "c", "occurred_at": iso(START_MS + after_ms)} | own


def survey(instrument: str, score: int) -> list[Body]:
    return [step("survey", instrument=instrument, score=score)]


def delivered(after_ms: int | None, status: str = "arrived") -> list[Body]:
    promised = step("delivery", delivery_id="d", status="promised", promised_at=iso(START_MS + DAY_MS))
    return [promised] + ([step("delivery", after_ms, delivery_id="d", status=status)] if after_ms else [])


def ticket(*steps: tuple[str, int]) -> list[Body]:
    return [step("ticket", hours * HOUR_MS, ticket_id="t", status=status) for status, hours in steps]


def contract(status: str) -> list[Body]:
    return [
        step("subscription", subscription_id="s", status="started"),
        step("subscription", HOUR_MS, subscription_id="s", status=status),
    ]


UP, DOWN, SAME = "rises", "falls", "stays"
# meaning: (type, events, what must happen)
EFFECTS: dict[str, tuple[str, list[Body], dict[str, str]]] = {
    "a purchase": (
        "purchase",
        [step("purchase", amount=5, currency="EUR")],
        {"churn_risk": DOWN, "amount": UP, "trust": SAME},
    ),
    "a refund": ("refund", [step("refund", amount=5, currency="EUR")], {"trust": DOWN, "churn_risk": UP}),
    "a chargeback": (
        "refund",
        [step("refund", amount=5, currency="EUR", kind="chargeback")],
        {"trust": DOWN, "churn_risk": UP},
    ),
    "goods sent back": ("refund", [step("refund", amount=5, currency="EUR", kind="return")], {"trust": DOWN}),
    "delivered on time": ("delivery", delivered(DAY_MS), {"trust": UP}),
    "delivered late": ("delivery", delivered(3 * DAY_MS), {"trust": DOWN}),
    "delivery failed": ("delivery", delivered(DAY_MS, "failed"), {"trust": DOWN}),
    "delivery overdue": ("delivery", delivered(None), {"trust": DOWN, "churn_risk": UP}),
    "ticket solved at once": (
        "ticket",
        ticket(("opened", 0), ("first_reply", 1), ("resolved", 2)),
        {"trust": UP},
    ),
    "ticket solved late": ("ticket", ticket(("opened", 0), ("resolved", 110)), {"trust": DOWN}),
    "ticket forgotten": ("ticket", ticket(("opened", 0)), {"trust": DOWN, "churn_risk": UP}),
    "ticket escalated": ("ticket", ticket(("escalated", 1)), {"trust": DOWN}),
    "nps 9": ("survey", survey("nps", 9), {"trust": UP, "churn_risk": DOWN, "uncertainty": DOWN}),
    "nps 5": ("survey", survey("nps", 5), {"uncertainty": DOWN}),
    "nps 2": ("survey", survey("nps", 2), {"trust": DOWN, "churn_risk": UP, "uncertainty": DOWN}),
    "csat 5": ("survey", survey("csat", 5), {"trust": UP}),
    "csat 1": ("survey", survey("csat", 1), {"trust": DOWN}),
    "ces 2.0 7": ("survey", survey("ces2", 7), {"trust": UP}),
    "ces 1.0 5, much effort": ("survey", survey("ces1", 5), {"trust": DOWN}),
    "ces 1.0 1, no effort": ("survey", survey("ces1", 1), {"trust": UP}),
    "five stars": ("review", [step("review", rating=5)], {"trust": UP}),
    "one star": ("review", [step("review", rating=1)], {"trust": DOWN}),
    "a visit": ("engagement", [step("engagement", 4 * DAY_MS, kind="visit")], {"trust": SAME, "events": UP}),
    "unsubscribed": ("engagement", [step("engagement", kind="unsubscribed")], {"churn_risk": UP}),
    "asked to cancel": ("subscription", contract("cancel_requested"), {"churn_risk": UP}),
    "a contract running": ("subscription", contract("renewed"), {"churn_risk": DOWN}),
    "a contract expired": ("subscription", contract("expired"), {"churn_risk": UP}),
    "a failed payment": ("payment", [step("payment", status="failed")], {"churn_risk": UP, "trust": SAME}),
    "a payment": ("payment", [step("payment", status="succeeded")], {"churn_risk": DOWN, "events": UP}),
    "joined the programme": ("loyalty", [step("loyalty", kind="joined")], {"trust": UP}),
    "left the programme": ("loyalty", [step("loyalty", kind="left")], {"trust": DOWN}),
    "a referral": ("referral", [step("referral")], {"trust": UP}),
    "a breach": ("incident", [step("incident", kind="breach")], {"trust": DOWN, "churn_risk": UP}),
    "an apology": ("recovery", [step("recovery", kind="apology")], {"trust": UP, "churn_risk": SAME}),
    "a profile": ("profile", [step("profile", tier="gold")], {"tier": UP, "trust": SAME, "churn_risk": SAME}),
}
HOLDS: dict[str, Callable[[float, float], bool]] = {
    UP: lambda before, after: after > before,
    DOWN: lambda before, after: after < before,
    SAME: lambda before, after: after == before,
}


@pytest.mark.parametrize("meaning", EFFECTS)
def test_event_has_its_effect(meaning: str) -> None:
    """What happened moves what it should, in the direction it should."""
    _, found, expected = EFFECTS[meaning]
    before, after = facts_of(), facts_of(*found)
    wrong = {
        name: (before[name], after[name])
        for name, way in expected.items()
        if not HOLDS[way](before[name], after[name])
    }
    assert wrong == {}


def test_every_type_has_a_tested_effect() -> None:
    """No interaction is accepted and then ignored."""
    assert {kind for kind, _, _ in EFFECTS.values()} == set(TYPES)


def test_visits_that_stop_raise_the_risk() -> None:
    """Engagement counts by its fall: the same visits, longer ago, mean more risk."""
    many = [step("engagement", -k * DAY_MS, kind="visit") for k in range(90)]
    old = [step("engagement", -(100 + k) * DAY_MS, kind="visit") for k in range(90)]
    assert facts_of(*old)["churn_risk"] > facts_of(*many)["churn_risk"]


def test_severity_orders_incidents() -> None:
    """A critical incident costs more than a major one, and that more than a minor one."""
    levels = ("minor", "major", "critical")
    costs = [facts_of(step("incident", kind="outage", severity=level))["trust"] for level in levels]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == 3


def test_recovery_restores_at_most_what_was_lost() -> None:
    """Twenty vouchers after an outage lift trust to its level without failures, not above."""
    outage = step("incident", kind="outage", severity="critical")
    vouchers = [step("recovery", kind="compensation") for _ in range(20)]
    assert facts_of(outage)["trust"] < facts_of(outage, *vouchers)["trust"] <= 50.0
