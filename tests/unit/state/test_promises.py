"""The promise ledger against dictionaries: any order, any cut, more promises at once than fit a row."""

from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Pipeline
from stream.state.layout import PROMISE_SLOTS
from stream.state.promises import SETTLED_S
from stream.state.table import CustomerTable
from tests.oracles import Oracle, table_differences
from tests.strategies import DAY_MS, END_MS, HOUR_MS, START_MS, Body, bodies, iso, records, splits

PIPELINE = Pipeline(parameters.load(), rules.load())


def delivery(event_id: str, time_ms: int, status: str, due: str | None = None, ref: str = "d") -> Body:
    return step("delivery", event_id, time_ms, delivery_id=ref, status=status, promised_at=due)


def ticket(event_id: str, time_ms: int, status: str, ref: str = "t", **own: Any) -> Body:
    return step("ticket", event_id, time_ms, ticket_id=ref, status=status, **own)


def step(kind: str, event_id: str, time_ms: int, **own: Any) -> Body:
    return {"type": kind, "event_id": event_id, "customer_id": "c0", "occurred_at": iso(time_ms)} | own


def trust_of(found: list[Body], now_ms: int = END_MS) -> float:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(found), END_MS)
    return float(PIPELINE.scores(table, now_ms)[1].trust.trust[0])


def differences(found: list[Body], runs: list[slice]) -> tuple[list[str], CustomerTable]:
    oracle = Oracle(PIPELINE.parameters, PIPELINE.rules)
    table = PIPELINE.new_table()
    source = records(found)
    for run in runs:
        PIPELINE.step(table, source[run], END_MS)
    for each in source:
        oracle.feed(each)
    return table_differences(oracle, table), table


@given(found=bodies(max_size=60, customers=2, types=["delivery", "ticket"]), data=st.data())
def test_ledger_is_the_merge_of_the_facts(found: list[Body], data: st.DataObject) -> None:
    """Facts of few promises, in any order and any cut, are those of a dictionary."""
    assert differences(found, data.draw(splits(len(found))))[0] == []


@given(n=st.integers(1, 12), order=st.randoms(), data=st.data())
def test_no_open_promise_is_forgotten(n: int, order: Random, data: st.DataObject) -> None:
    """More open promises than the row has room for live in its tail, and close there."""
    opened = [delivery(f"p{i}", START_MS + i, "promised", iso(START_MS + DAY_MS), f"d{i}") for i in range(n)]
    arrived = [delivery(f"a{i}", START_MS + 2 * DAY_MS, "arrived", ref=f"d{i}") for i in range(n)]
    order.shuffle(opened)
    order.shuffle(arrived)
    found, table = differences(opened, data.draw(splits(n)))
    assert found == []
    assert sum(len(tail.places) for tail in table.tails.values()) == max(0, n - PROMISE_SLOTS)
    assert differences(opened + arrived, data.draw(splits(2 * n)))[0] == []


LIFE = [
    ticket("a", START_MS, "opened", priority="high"),
    ticket("b", START_MS + HOUR_MS, "first_reply"),
    ticket("c", START_MS + 2 * HOUR_MS, "resolved"),
    ticket("d", START_MS + 3 * HOUR_MS, "reopened"),
    ticket("e", START_MS + 90 * HOUR_MS, "resolved"),
]


def test_life_of_a_ticket_in_any_order() -> None:
    """A reply before the opening, a resolution before the reopening: all 120 orders end the same."""
    assert len({trust_of(list(order)) for order in permutations(LIFE)}) == 1


UNDATED = "2150-01-01T00:00:00Z"
PROMISES = [
    delivery("a", START_MS, "promised", UNDATED),
    delivery("b", START_MS, "promised", iso(START_MS + 3 * DAY_MS)),
    delivery("c", START_MS + HOUR_MS, "promised", iso(START_MS + DAY_MS)),
    delivery("d", START_MS + 2 * DAY_MS, "arrived"),
]


def test_promise_without_a_known_date_is_none_in_any_order() -> None:
    """A date beyond 2100 says nothing: the first real promise counts, wherever the other one arrives."""
    assert len({trust_of(list(order)) for order in permutations(PROMISES)}) == 1
    assert trust_of(PROMISES) == trust_of(PROMISES[1:]) > 50.0


def test_later_promise_does_not_excuse() -> None:
    """A delivery is judged by the first date that was promised, not by the one that replaced it."""
    kept = [PROMISES[1], delivery("x", START_MS + 9 * DAY_MS, "arrived")]
    moved = [*kept, delivery("y", START_MS + DAY_MS, "promised", iso(START_MS + 20 * DAY_MS))]
    assert trust_of(moved) == trust_of(kept) < 50.0


FILLED = [
    delivery(f"{name}{i}", START_MS + i * DAY_MS, name, iso(START_MS + 9 * DAY_MS), f"d{i}")
    for i in range(PROMISE_SLOTS + 1)
    for name in ("promised", "arrived")
]
LATE_FACTS = {
    "promised again": delivery("x", START_MS + HOUR_MS, "promised", iso(START_MS + 2 * DAY_MS), "d0"),
    "failed before": delivery("x", START_MS + HOUR_MS, "failed", ref="d0"),
}


@pytest.mark.parametrize("fact", LATE_FACTS)
def test_late_fact_about_a_settled_promise_merges(fact: str) -> None:
    """A fact about a promise that three newer ones have followed counts as if it had come in time."""
    late = LATE_FACTS[fact]
    assert differences([*FILLED, late], [slice(0, 99)])[0] == []
    assert trust_of([*FILLED, late]) == trust_of([late, *FILLED])


def test_a_row_does_not_outgrow_kafka() -> None:
    """A guest account with any number of open promises: the oldest count as broken, the row stays small."""
    table = PIPELINE.new_table()
    due = iso(START_MS + DAY_MS)
    found = [delivery(f"p{i}", START_MS + i * HOUR_MS, "promised", due, f"d{i}") for i in range(600)]
    PIPELINE.step(table, records(found), END_MS)
    assert max(len(value) for value in table.encode(table.live(0, 1))) < 10_000
    assert table.rows["evidence"][0].sum() > 0


def test_facts_about_promises_never_opened_do_not_pile_up() -> None:
    """Replies to tickets nobody opened are let go when room is needed."""
    table = PIPELINE.new_table()
    found = [ticket(f"r{i}", START_MS + i * DAY_MS, "first_reply", ref=f"t{i}") for i in range(50)]
    PIPELINE.step(table, records(found), END_MS)
    assert sum(len(tail.places) for tail in table.tails.values()) <= SETTLED_S // 86_400 + 1
