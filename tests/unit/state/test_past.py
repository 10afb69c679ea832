"""Trust some days ago, from the present state, is what the oracle says of the events up to then."""

from datetime import datetime
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Pipeline
from stream.state.facts import facts
from stream.state.layout import take
from stream.state.past import most_then, trust_then
from stream.state.table import CustomerTable
from tests.oracles import Oracle
from tests.strategies import DAY_MS, END_MS, START_MS, Body, bodies, iso, records

PIPELINE = Pipeline(parameters.load(), rules.load())
NOW_MS = START_MS + 35 * DAY_MS


def time_of(body: Body) -> int:
    return round(datetime.fromisoformat(body["occurred_at"]).timestamp() * 1000)


def told_once(found: list[Body]) -> list[Body]:
    """Each step of a promise once, none opened again, no priority: facts that have a time of their own."""
    seen: set[tuple[str, str, str | None]] = set()
    kept = []
    for body in sorted(found, key=lambda body: body["occurred_at"]):
        ref = body.get("ticket_id") or body.get("delivery_id")
        status = "arrived" if body.get("status") == "failed" else body.get("status")
        key = (body["customer_id"], str(ref), status)
        if ref is None or (key not in seen and status != "reopened"):
            seen.add(key)
            kept.append(body | ({"priority": None, "due_at": None} if body["type"] == "ticket" else {}))
    return kept


def table_of(found: list[Body], wall_ms: int = NOW_MS) -> CustomerTable:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(found), wall_ms)
    return table


@given(
    # Two promises of each customer; or many, none settled for so long that it may be folded.
    found=bodies(max_size=80, days=36.0) | bodies(max_size=80, refs=9, days=5.0, late_days=2),
    days=st.integers(0, 36),
    order=st.randoms(),
)
@settings(max_examples=60)
def test_past_trust_is_that_of_the_events_until_then(found: list[Body], days: int, order: Random) -> None:
    """In any order of arrival, to a hundredth of a point; nan where there was no event yet."""
    found = told_once(found)
    shuffled = list(found)
    order.shuffle(shuffled)
    table, oracle = table_of(shuffled), Oracle(PIPELINE.parameters, PIPELINE.rules)
    then_ms = NOW_MS - days * DAY_MS
    for each in records([body for body in found if time_of(body) <= then_ms]):
        oracle.feed(each)
    rows = table.live(0, table.n_rows)
    then = trust_then(table, rows, NOW_MS, days, PIPELINE.parameters)
    for key, is_ in zip(table.key_list(rows), then, strict=True):
        who = key.decode()
        if who in oracle.events:  # of a silence that an event has ended nothing is known any more
            over = any(body["customer_id"] == who and time_of(body) > then_ms for body in found)
            assert is_ == pytest.approx(oracle.score_at(who, then_ms, silence=not over).trust, abs=0.01)
        else:
            assert np.isnan(is_)


@given(bodies(max_size=60, customers=3, refs=9, days=34.0))
@settings(max_examples=30)
def test_zero_days_ago_is_now(found: list[Body]) -> None:
    """The present is the past of no days."""
    table = table_of(found)
    rows = table.live(0, table.n_rows)
    now = PIPELINE.scores(table, NOW_MS)[1].trust.trust
    assert trust_then(table, rows, NOW_MS, 0, PIPELINE.parameters) == pytest.approx(now, abs=1e-9)


def most(table: CustomerTable, days: int) -> NDArray[np.float64]:
    """The bound of every customer's trust some days ago."""
    rows = table.live(0, table.n_rows)
    known = facts(table, rows, NOW_MS, PIPELINE.parameters)
    store = take(table.rows, rows)
    return most_then(table, rows, store, known.positive, NOW_MS, days, PIPELINE.parameters)


@given(
    bodies(max_size=40, days=36.0, customers=6)
    | bodies(max_size=40, days=36.0, types=("ticket", "review", "recovery"))
    | bodies(max_size=80, refs=9, days=36.0, types=("delivery", "ticket")),
    st.integers(0, 36),
)
@settings(max_examples=100)
def test_past_trust_is_never_above_its_bound(found: list[Body], days: int) -> None:
    """Whatever came since, tickets opened again and promises in the tail included."""
    table = table_of(found)
    then = trust_then(table, table.live(0, table.n_rows), NOW_MS, days, PIPELINE.parameters)
    bound = most(table, days)
    known = ~np.isnan(then)
    assert (then[known] <= bound[known] + 1e-6).all()


def test_bound_is_close_where_nothing_came_since() -> None:
    """Praise and blame of long ago are as they were: the bound is the trust itself."""
    table = table_of([survey(i, START_MS, score) for i, score in enumerate((10, 9, 9, 2))])
    then = trust_then(table, np.array([0]), NOW_MS, 20, PIPELINE.parameters)
    assert most(table, 20) == pytest.approx(then, abs=1e-6)
    assert most(table, 36) == 0.0


def test_bound_is_close_where_feedback_came_since() -> None:
    """What came since is taken out again; where it is more than is remembered, blame counts for none."""
    old = [survey(i, START_MS, score) for i, score in enumerate((10, 9, 2, 1))]
    late = [survey(4 + i, NOW_MS - DAY_MS, score) for i, score in enumerate((0, 0, 10))]
    table = table_of([*old, *late])
    then = trust_then(table, np.array([0]), NOW_MS, 20, PIPELINE.parameters)
    assert most(table, 20) == pytest.approx(then, abs=1e-6)
    crowd = [survey(9 + i, NOW_MS - DAY_MS + i * 1000) for i in range(300)]
    assert most(table_of([*old, *crowd]), 20) > then


def test_ticket_opened_again_was_solved_once() -> None:
    """Its solution counted then and does not count now, so that the bound must not be of today's evidence."""
    steps = (("opened", 0), ("resolved", 1), ("reopened", 3 * 24))
    found = [
        {
            "type": "ticket",
            "event_id": f"e{i}",
            "customer_id": "c0",
            "occurred_at": iso(NOW_MS - 5 * DAY_MS + hours * 3_600_000),
            "ticket_id": "t",
            "status": status,
        }
        for i, (status, hours) in enumerate(steps)
    ]
    table = table_of(found)
    then = trust_then(table, np.array([0]), NOW_MS, 3, PIPELINE.parameters)
    assert then > 100.0 * PIPELINE.parameters.trust.base_rate
    assert most(table, 3) >= then


def survey(i: int, time_ms: int, score: int = 0) -> Body:
    return {
        "type": "survey",
        "event_id": f"e{i}",
        "customer_id": "c0",
        "occurred_at": iso(time_ms),
        "instrument": "nps",
        "score": score,
    }


def past(found: list[Body], now_ms: int, days: int) -> float:
    table = table_of(found, END_MS)
    return float(trust_then(table, np.array([0]), now_ms, days, PIPELINE.parameters)[0])


def test_what_cannot_be_known_is_absent() -> None:
    """Before the first event, of a time before the state's, and behind more feedback than is remembered."""
    one = [survey(0, START_MS)]
    assert np.isnan(past(one, START_MS + 3 * DAY_MS, 7))
    assert past(one, START_MS + 8 * DAY_MS, 7) < 50.0
    assert np.isnan(past([*one, survey(1, START_MS + 60 * DAY_MS)], START_MS + 30 * DAY_MS, 7))
    crowd = [survey(i, START_MS + 50 * DAY_MS + i * 1000) for i in range(300)]
    assert np.isnan(past([*one, *crowd], START_MS + 55 * DAY_MS, 30))
    assert past([*one, *crowd], START_MS + 51 * DAY_MS, 0) == pytest.approx(0.5, abs=0.5)
