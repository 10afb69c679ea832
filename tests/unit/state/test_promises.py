"""The promise ledger against dictionaries: any order, any cut, more promises at once than fit a row."""

from itertools import permutations
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.alerts import rules
from stream.model import parameters
from stream.model.promises import overdue
from stream.pipeline import Pipeline
from stream.state.layout import PROMISE_SLOTS
from stream.state.promises import MAX_SPILLED, SETTLED_S, evidence_of, ledgers
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


@pytest.mark.parametrize("seed", range(3))
def test_fifty_open_promises_are_all_there(seed: int) -> None:
    """In any order: none is lost, each weighs while it is overdue, each can still be kept."""
    chance = Random(seed)
    opened = [delivery(f"p{i}", START_MS + i, "promised", iso(START_MS + DAY_MS), f"d{i}") for i in range(50)]
    arrived = [delivery(f"a{i}", START_MS + 9 * DAY_MS + i, "arrived", ref=f"d{i}") for i in range(50)]
    chance.shuffle(opened)
    found, table = differences(opened, [slice(0, 20), slice(20, 50)])
    assert found == []
    now_ms = START_MS + 8 * DAY_MS
    late = evidence_of(table.rows, table.tails, np.array([0]), now_ms, PIPELINE.parameters)
    each = overdue(ledgers(table.rows, table.tails, np.array([0]))[1], now_ms, PIPELINE.parameters)
    assert late.n_overdue[0] == len(each) == 50
    assert late.overdue[0, 0] == pytest.approx(each.sum())
    mixed = opened + arrived
    chance.shuffle(mixed)
    found, table = differences(mixed, [slice(0, 33), slice(33, 70), slice(70, 100)])
    assert found == []
    left = evidence_of(table.rows, table.tails, np.array([0]), END_MS, PIPELINE.parameters)
    assert left.n_overdue[0] == 0
    assert table.tails.given_up == 0


@given(
    kind=st.sampled_from(["delivery", "ticket"]),
    days=st.lists(st.floats(0.0, 300.0), min_size=2, max_size=6, unique=True),
)
def test_an_overdue_promise_weighs_more_the_longer_it_is(kind: str, days: list[float]) -> None:
    """Never less with time, up to its full weight; not before it is due, and not once it is kept."""
    due_ms, due = START_MS + 3 * DAY_MS, iso(START_MS + 3 * DAY_MS)
    opens = [delivery("a", START_MS, "promised", due), ticket("a", START_MS, "opened", due_at=due)]
    keeps = [delivery("b", START_MS + DAY_MS, "arrived"), ticket("b", START_MS + DAY_MS, "resolved")]
    which = kind == "ticket"
    open_, kept = (
        differences([opens[which]], [slice(0, 1)])[1],
        differences([opens[which], keeps[which]], [slice(0, 2)])[1],
    )

    def weight(table: CustomerTable, now_ms: int) -> float:
        sums = evidence_of(table.rows, table.tails, np.array([0]), now_ms, PIPELINE.parameters)
        return float(sums.overdue.sum())

    weights = [weight(open_, due_ms + round(day * DAY_MS)) for day in sorted(days)]
    assert weights == sorted(weights)
    assert weights[-1] <= PIPELINE.parameters.promises.overdue_weight
    assert weight(open_, due_ms) == 0.0 < weight(open_, due_ms + HOUR_MS)
    assert weight(kept, END_MS) == 0.0


PARCEL = [
    delivery("a", START_MS, "promised", iso(START_MS + DAY_MS)),
    delivery("b", START_MS + HOUR_MS, "promised", iso(START_MS + 2 * DAY_MS)),
    delivery("c", START_MS + 3 * DAY_MS, "failed"),
    delivery("d", START_MS + 4 * DAY_MS, "arrived"),
    delivery("e", START_MS + 5 * DAY_MS, "arrived"),
]
BY_PRIORITY = [
    ticket("a", START_MS, "opened", priority="low"),
    ticket("b", START_MS + HOUR_MS, "first_reply", priority="urgent"),
    ticket("c", START_MS + 2 * HOUR_MS, "escalated"),
    ticket("d", START_MS + 9 * HOUR_MS, "resolved"),
    ticket("e", START_MS + 8 * HOUR_MS, "opened", due_at=iso(START_MS + 5 * HOUR_MS)),
]


@pytest.mark.parametrize("life", [PARCEL, BY_PRIORITY])
def test_every_order_of_a_life_ends_as_the_oracle_says(life: list[Body]) -> None:
    """All 120 orders of a delivery promised twice that failed, and of a ticket with late facts: one end."""
    ends = set()
    for order in permutations(life):
        found, table = differences(list(order), [slice(0, 2), slice(2, 5)])
        assert found == []
        ends.add((table.rows["promises"][0].tobytes(), table.rows["evidence"][0].tobytes()))
    assert len(ends) == 1


@pytest.mark.parametrize(("days", "newer"), [(6, 9), (300, PROMISE_SLOTS - 1)])
def test_what_was_closed_still_merges(days: int, newer: int) -> None:
    """A closed promise is remembered for a week though many newer ones need room; for ever if none does."""
    closed = [
        delivery("p", START_MS, "promised", iso(START_MS + DAY_MS), "old"),
        delivery("a", START_MS + DAY_MS, "arrived", ref="old"),
    ]
    later_ms = START_MS + days * DAY_MS
    others = [
        delivery(f"n{i}", later_ms + i, "promised", iso(later_ms + DAY_MS), f"n{i}") for i in range(newer)
    ]
    repeated = [body | {"event_id": body["event_id"] + " again"} for body in closed]
    assert trust_of([*closed, *others, *repeated]) == trust_of([*closed, *others])
    assert differences([*closed, *others, *repeated], [slice(0, 3), slice(3, newer + 4)])[0] == []


def test_a_row_does_not_outgrow_kafka() -> None:
    """A guest account with any number of open promises: the oldest count as broken, and are counted."""
    table = PIPELINE.new_table()
    due = iso(START_MS + DAY_MS)
    found = [delivery(f"p{i}", START_MS + i * HOUR_MS, "promised", due, f"d{i}") for i in range(600)]
    effects = PIPELINE.step(table, records(found), END_MS)
    assert effects.promises_given_up == table.tails.given_up == 600 - PROMISE_SLOTS - MAX_SPILLED
    assert max(len(value) for value in table.encode(table.live(0, 1))) < 10_000
    assert table.rows["evidence"][0].sum() > 0


def test_facts_about_promises_never_opened_do_not_pile_up() -> None:
    """Replies to tickets nobody opened are let go when room is needed."""
    table = PIPELINE.new_table()
    found = [ticket(f"r{i}", START_MS + i * DAY_MS, "first_reply", ref=f"t{i}") for i in range(50)]
    PIPELINE.step(table, records(found), END_MS)
    assert sum(len(tail.places) for tail in table.tails.values()) <= SETTLED_S // 86_400 + 1
