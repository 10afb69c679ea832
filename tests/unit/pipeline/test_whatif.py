"""What-if equals doing it; the smallest that is enough comes first."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_interaction, decode_score
from stream.alerts import rules
from stream.errors import ConfigError
from stream.model import parameters
from stream.pipeline import FileRecord, Pipeline, actions
from stream.pipeline.whatif import Goal, Question, WhatIf, default_goals, interactions, whatif, whatifs
from stream.state.ledger import ledger
from stream.state.table import CustomerTable
from tests.strategies import DAY_MS, END_MS, START_MS, Body, bodies, iso, records

PIPELINE = Pipeline(parameters.load(), rules.load())
EFFORTS = actions.load()
KEY = b"c0"
NOW_MS = START_MS + 150 * DAY_MS
UNREACHABLE = (Goal("trust", 99.99),)


def known(found: list[Body]) -> CustomerTable:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(found), NOW_MS)
    return table


def asked(table: CustomerTable, found: list[Body], goals: tuple[Goal, ...], *, named: bool = True) -> WhatIf:
    names = actions.names_of(records(found), NOW_MS) if named else {}
    return whatif(PIPELINE, table, KEY, NOW_MS, goals, EFFORTS, names)


def sent(events: list[dict[str, Any]]) -> list[FileRecord]:
    return [
        FileRecord("interactions", 0, i, NOW_MS, KEY, json.dumps(e).encode()) for i, e in enumerate(events)
    ]


@given(bodies(max_size=30, customers=1, refs=12), st.integers(0, 10_000))
def test_what_if_equals_doing_it(found: list[Body], pick: int) -> None:
    """The plan's interactions, sent to the customer's own table, publish exactly the scores it promised."""
    table = known(found)
    answer = asked(table, found, UNREACHABLE)
    plan = answer.plans[pick % len(answer.plans)]
    effects = PIPELINE.step(table, sent(interactions(plan.actions, "c0", NOW_MS)), NOW_MS)
    assert effects.dead_letters == []
    published = decode_score(effects.scores[-1][1])
    assert (published.trust, published.churn_risk) == (plan.trust, plan.churn_risk)


@given(bodies(max_size=30, customers=1, refs=12))
def test_asking_changes_nothing(found: list[Body]) -> None:
    """The customer's row and tail are the same bytes after the question, and doing nothing is the present."""
    table = known(found)
    row = np.array([table.index[KEY]])
    before = table.encode(row)
    answer = asked(table, found, UNREACHABLE)
    assert table.encode(row) == before
    now = PIPELINE.explain(table, KEY, NOW_MS)
    assert now is not None
    assert answer.now.trust == pytest.approx(now.trust, abs=0.0051)


@given(bodies(max_size=40, customers=3, refs=12), st.floats(5.0, 95.0))
def test_many_questions_are_answered_as_each_alone(found: list[Body], beyond: float) -> None:
    """Customers asked about together do not touch each other, nor two questions about the same one."""
    table = known(found)
    keys = table.key_list(table.live(0, table.n_rows))
    questions = [Question(key, goals) for key in keys for goals in ((Goal("trust", beyond),), UNREACHABLE)]
    together = whatifs(PIPELINE, table, questions, NOW_MS, EFFORTS)
    alone = [whatif(PIPELINE, table, key, NOW_MS, goals, EFFORTS, {}) for key, goals, _ in questions]
    assert together == alone


def test_pairs_are_tried_for_the_first_as_far_as_they_go() -> None:
    """A question whose pairs are too many goes without, as if none were enough; the first are not touched."""
    table = known(LATE_TICKET)
    questions = [Question(KEY, UNREACHABLE)] * 2
    [whole, _] = whatifs(PIPELINE, table, questions, NOW_MS, EFFORTS)
    [first, second] = whatifs(PIPELINE, table, questions, NOW_MS, EFFORTS, max_pairs=whole.n_pairs)
    assert first == whole
    assert (second.n_pairs, second.best) == (0, None)
    assert all(len(plan.actions) == 1 for plan in second.plans)


@given(bodies(max_size=30, customers=1, refs=12))
def test_names_of_tickets_and_deliveries_change_no_number(found: list[Body]) -> None:
    """Where the interactions are gone promises are numbered, and each plan's scores are the same."""
    table = known(found)
    with_names, without = (asked(table, found, UNREACHABLE, named=named) for named in (True, False))

    def numbers(answer: WhatIf) -> list[Any]:
        return sorted(
            (plan.effort, plan.trust, plan.churn_risk or -1.0)
            for plan in answer.plans
            if len(plan.actions) == 1
        )

    assert numbers(with_names) == numbers(without)


@given(bodies(max_size=30, customers=1, refs=12), st.floats(0.0, 100.0), st.floats(0.0, 1.0))
def test_the_smallest_that_is_enough_comes_first(found: list[Body], trust: float, risk: float) -> None:
    """Of all plans that reach every goal none costs less; pairs only where no single action is enough."""
    answer = asked(known(found), found, (Goal("trust", trust), Goal("churn_risk", risk)))
    enough = [plan for plan in answer.plans if plan.enough]
    assert answer.plans[: len(enough)] == enough
    for plan in enough:
        assert plan.trust > round(trust, 2) - 1e-9
        assert plan.churn_risk is not None
        assert plan.churn_risk < round(risk, 4) + 1e-9
    if answer.now.enough:
        assert (answer.best, answer.n_pairs) == (None, 0)
    elif enough:
        assert answer.best == enough[0]
        assert answer.best.effort == min(plan.effort for plan in enough)
        assert (answer.n_pairs > 0) == (len(enough[0].actions) == 2)
    else:
        assert answer.best is None
        n = sum(len(plan.actions) == 1 for plan in answer.plans)
        assert answer.n_pairs == n * (n - 1) // 2
        assert answer.plans[0].gap == min(plan.gap for plan in answer.plans)


def event(name: str, number: int, days_ago: float, **own: Any) -> Body:
    at = iso(NOW_MS - round(days_ago * DAY_MS))
    return {"type": name, "event_id": f"e{number}", "customer_id": "c0", "occurred_at": at} | own


LATE_TICKET = [
    event("purchase", 1, 40, amount=30, currency="EUR"),
    event("ticket", 2, 9, ticket_id="T-7", status="opened", priority="high"),
]


def test_only_what_is_open_can_be_closed() -> None:
    """A ticket that waits can be answered and resolved by its own id; after its end neither is offered."""
    answer = asked(known(LATE_TICKET), LATE_TICKET, UNREACHABLE)
    about = {(a.code, a.about) for plan in answer.plans for a in plan.actions if a.about}
    assert about == {("first_reply", "T-7"), ("resolve", "T-7")}
    closed = [*LATE_TICKET, event("ticket", 3, 1, ticket_id="T-7", status="resolved")]
    assert not any(a.about for plan in asked(known(closed), closed, UNREACHABLE).plans for a in plan.actions)


def test_a_contract_can_be_renewed_and_is_not_bought() -> None:
    """What is offered fits the customer: renewal to who cancelled, a purchase to who buys."""
    cancelled = [
        event("subscription", 1, 90, subscription_id="s", status="started"),
        event("subscription", 2, 5, subscription_id="s", status="cancel_requested"),
    ]
    answer = asked(known(cancelled), cancelled, (Goal("churn_risk", 0.2),))
    codes = {action.code for plan in answer.plans for action in plan.actions}
    assert "renew" in codes
    assert "purchase" not in codes
    assert answer.best is not None
    assert [action.code for action in answer.best.actions] == ["renew"]


def test_says_so_when_nothing_is_enough() -> None:
    """No single action and no pair: no best plan, the nearest first, and how many pairs were tried."""
    answer = asked(known(LATE_TICKET), LATE_TICKET, UNREACHABLE)
    assert answer.best is None
    assert answer.n_pairs > 0
    assert not answer.plans[0].enough


def test_goals_are_those_of_the_open_alerts() -> None:
    """An alert is over beyond `clear`, so that is the goal; without one, what keeps rules from opening."""
    bad = [event("survey", i, 1, instrument="csat", score=1) for i in range(4)]
    table = known(bad)
    row = int(table.index[KEY])
    assert default_goals(PIPELINE, table, row, NOW_MS) == (Goal("trust", 50.0, "trust_low"),)
    calm = [event("survey", 1, 1, instrument="csat", score=5)]
    assert default_goals(PIPELINE, known(calm), 0, NOW_MS) == (Goal("trust", 40.0, "trust_low"),)
    regular = [event("purchase", i, 9 + i, amount=5, currency="EUR") for i in range(5)]
    goals = default_goals(PIPELINE, known(regular), 0, NOW_MS)
    assert Goal("churn_risk", 0.85, "churn_risk_high") in goals


def test_what_reaches_the_goal_closes_the_alert() -> None:
    """The best plan for an open alert, when done, publishes the alert's end."""
    bad = [event("incident", 1, 1, kind="billing_error", severity="minor")]
    table = known(bad)
    goals = default_goals(PIPELINE, table, 0, NOW_MS)
    answer = asked(table, bad, goals)
    assert answer.best is not None
    effects = PIPELINE.step(table, sent(interactions(answer.best.actions, "c0", NOW_MS)), NOW_MS)
    assert effects.resolved.total() >= 1
    assert effects.opened.total() == 0


def test_too_many_promises_are_counted() -> None:
    """The promises due first are tried, and how many were left out is said."""
    many = [event("ticket", i, 9 - i / 10, ticket_id=f"T-{i}", status="opened") for i in range(12)]
    answer = asked(known(many), many, UNREACHABLE)
    tried = {action.about for plan in answer.plans for action in plan.actions if action.code == "resolve"}
    assert tried >= {f"T-{i}" for i in range(8)}
    assert answer.n_left_out == 4


@given(bodies(max_size=25, customers=1, types=("ticket", "delivery"), refs=12))
def test_ledger_is_all_promises_wherever_they_lie(found: list[Body]) -> None:
    """Every reference once, and each is that of a ticket or delivery that was named."""
    refs = ledger(known(found), 0)["ref"].tolist()
    assert len(refs) == len(set(refs))
    named = {b.get("ticket_id") or b.get("delivery_id") for b in found if b["status"] != "escalated"}
    assert set(refs) <= set(actions.names_of(records(found), END_MS))
    assert len(refs) <= len(named) or {b["type"] for b in found} == {"ticket", "delivery"}


def test_every_action_is_an_interaction_of_the_contract() -> None:
    """Each code has its effort and makes a message that the contract accepts."""
    found = [
        *LATE_TICKET,
        event("delivery", 3, 20, delivery_id="d", status="promised", promised_at=iso(NOW_MS)),
        event("incident", 4, 3, kind="outage"),
        event("payment", 5, 3, status="failed"),
        event("engagement", 6, 3, kind="unsubscribed"),
        event("engagement", 7, 4, kind="visit"),
    ]
    contract = [event("subscription", 8, 3, subscription_id="s", status="cancelled")]
    plans = [p for f in (found, found + contract) for p in asked(known(f), f, UNREACHABLE).plans]
    codes = set()
    for plan in plans:
        codes |= {action.code for action in plan.actions}
        for each in interactions(plan.actions, "c0", NOW_MS):
            decode_interaction(json.dumps(each).encode())
    assert codes == set(actions.CODES) == set(EFFORTS)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "mine.toml: "),
        ('[[action]]\ncode = "apologise"\neffort = -1\nby = "us"', "effort"),
        ('[[action]]\ncode = "dance"\neffort = 1\nby = "us"', "'dance' is no action"),
        ('[[action]]\ncode = "apologise"\neffort = 1\nby = "us"', "declared 0 times"),
        ('[[action]]\ncode = "csat"\neffort = 1\nby = "us"\n' * 2, "declared 2 times"),
    ],
)
def test_a_wrong_file_of_efforts_is_refused_with_its_fault(text: str, reason: str) -> None:
    """Unknown, repeated, missing or outside its domain: named, never guessed."""
    with pytest.raises(ConfigError, match=reason):
        actions.parse(text, "mine.toml")


def test_efforts_decide_the_order() -> None:
    """What a company declares cheap comes first among what is enough."""
    table = known(LATE_TICKET)
    goal = (Goal("trust", answer_of(table).plans[0].trust - 1.0),)
    first = asked(table, LATE_TICKET, goal).best
    assert first is not None
    dear = {
        code: actions.Effort(code, 1e6 if code in {a.code for a in first.actions} else each.effort, each.by)
        for code, each in EFFORTS.items()
    }
    names = actions.names_of(records(LATE_TICKET), NOW_MS)
    second = whatif(PIPELINE, table, KEY, NOW_MS, goal, dear, names).best
    assert second is None or replace(second) != first


def answer_of(table: CustomerTable) -> WhatIf:
    return asked(table, LATE_TICKET, UNREACHABLE)
