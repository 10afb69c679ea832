"""The published risk, a horizon later: as a slow second opinion says that reads only what was published."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import decode_score
from schemas.score import ScoreV1
from stream.alerts import rules
from stream.model import parameters
from stream.model.columns import EPOCH_1990_MS
from stream.model.drift import Sums
from stream.offline.calibration import Watch
from stream.offline.walk import with_horizon
from stream.pipeline import Effects, FileRecord, Pipeline
from stream.state.checkpoints import OF_CONTRACT
from stream.state.table import CustomerTable
from tests.contracts import CONTRACT
from tests.strategies import DAY_MS, START_MS, Body, iso

SHIPPED = parameters.load()
HORIZON = 15  # longer than a row has slots for purchase days: a daily buyer's are in the tail
PIPELINE = Pipeline(with_horizon(SHIPPED, HORIZON), rules.load())
EVENT = Pipeline(with_horizon(SHIPPED, HORIZON), rules.load(), clock="event")
FIRST_DAY = (START_MS - EPOCH_1990_MS) // DAY_MS + 1  # of a row, where the histories begin
LIFE = 5 * HORIZON
Lives = list[list[tuple[int, int]]]
"""Of each customer (day of a purchase, days until it arrives)."""

now_and_then = st.lists(st.tuples(st.integers(0, LIFE), st.sampled_from([0, 0, 0, 1, HORIZON])), max_size=40)
daily = st.tuples(st.integers(0, LIFE), st.integers(0, LIFE)).map(
    lambda span: [(day, 0) for day in range(span[0], span[1] + 1)]
)
lives = st.lists(now_and_then | daily, min_size=1, max_size=4)


def bought(who: str, day: int, number: int) -> Body:
    return {
        "type": "purchase",
        "event_id": f"e{number}",
        "customer_id": who,
        "occurred_at": iso(START_MS + day * DAY_MS),
        "amount": 10,
        "currency": "EUR",
    }


def records(found: Iterable[Body]) -> list[FileRecord]:
    return [
        FileRecord("interactions", 0, n, 0, body["customer_id"].encode(), json.dumps(body).encode())
        for n, body in enumerate(found)
    ]


def days_of(known: Lives) -> Iterator[tuple[int, list[FileRecord]]]:
    """What arrives on each day; a bystander's event each day, so that the partition's clock goes on."""
    arrivals: dict[int, list[Body]] = {}
    number = 0
    for i, each in enumerate(known):
        for day, late in each:
            number += 1
            arrivals.setdefault(day + late, []).append(bought(f"c{i}", day, number))
    for day in range(LIFE + 1):
        visit = {"type": "engagement", "kind": "visit", "event_id": f"v{day}", "customer_id": "clock"}
        clock: Body = visit | {"occurred_at": iso(START_MS + day * DAY_MS)}
        yield day, records([*arrivals.get(day, []), clock])


def restarted(table: CustomerTable) -> CustomerTable:
    """What the next worker finds."""
    rows = table.live(0, table.n_rows)
    other = PIPELINE.new_table()
    other.load(table.key_list(rows), table.encode(rows))
    other.watermark_ms = table.watermark_ms
    return other


def said(effects: Effects) -> list[ScoreV1]:
    return [decode_score(value) for _, value in effects.scores]


def slowly(chain: list[ScoreV1], known: Lives, arrived: int, after: int, until: int) -> Sums:
    """From the published scores and the purchases that had arrived alone; days of the histories."""
    taken: dict[str, list[tuple[int, float]]] = {}
    for score in chain:
        day = (score.as_of - datetime(2026, 1, 1, tzinfo=UTC)).days
        if score.churn_risk is not None:
            before = taken.setdefault(score.customer_id, [])
            if not before or day > before[-1][0] + HORIZON:
                before.append((day, score.churn_risk))
    risk, left = [], []
    for who, each in taken.items():
        days = {day for day, late in known[int(who[1:])] if day + late <= arrived}
        for day, published in each:
            if after < day + HORIZON <= until:
                risk.append(published)
                left.append(not any(day < other <= day + HORIZON for other in days))
    return Sums.of(np.array(risk, np.float64), np.array(left, np.bool_))


def assert_same(mine: Sums, theirs: Sums) -> None:
    for one, other in zip(astuple(mine), astuple(theirs), strict=True):
        assert one == pytest.approx(other, abs=1e-9)


@settings(max_examples=30)
@given(lives, st.sets(st.integers(0, LIFE)), st.sets(st.integers(0, LIFE)), st.integers(0, 4))
def test_the_sums_are_those_of_published_scores_and_what_came(
    known: Lives, sweeps: set[int], restarts: set[int], cut: int
) -> None:
    """On every day, swept or not, with late purchases, full rows, restarts; slices add up to the whole."""
    table, chain = PIPELINE.new_table(), list[ScoreV1]()
    for day, arrived in days_of(known):
        now_ms = START_MS + day * DAY_MS
        chain += said(PIPELINE.step(table, arrived, now_ms))
        if day in sweeps:
            chain += said(PIPELINE.sweep(table, 0, 99, now_ms + DAY_MS - 1))
        if day in restarts:
            table = restarted(table)
        parts = PIPELINE.outcomes(table, 0, cut) + PIPELINE.outcomes(table, cut, 99)
        assert_same(parts, slowly(chain, known, day, day - 1 - HORIZON, day - 1))


@settings(max_examples=30)
@given(lives)
def test_a_replay_counts_each_of_them_once(known: Lives) -> None:
    """Its sums are the worker's, added up over time."""
    on_time = [[(day, 0) for day, _ in each] for each in known]
    table, chain, watch = EVENT.new_table(), list[ScoreV1](), Watch(EVENT.parameters)
    for day, arrived in days_of(on_time):
        chain += said(EVENT.step(table, arrived, START_MS + day * DAY_MS))
        watch.look(table)
    last = watch._looked - FIRST_DAY
    assert LIFE - 8 < last < LIFE
    assert_same(watch.total, slowly(chain, on_time, LIFE, -1, last))


def published_of_a_silent_customer(n_horizons: int) -> list[ScoreV1]:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records([bought("c0", 0, 1)]), START_MS)
    late, found = START_MS + 3_000 * DAY_MS, list[ScoreV1]()
    for day in range(n_horizons * (HORIZON + 1)):
        found += said(PIPELINE.sweep(table, 0, 9, late + day * DAY_MS))
    return found


def test_a_risk_that_stands_still_is_published_once_per_horizon() -> None:
    """After eight years of silence nothing moves any more; each sweep that finds a horizon over says so."""
    found = published_of_a_silent_customer(4)
    assert [(score.as_of - found[0].as_of).days for score in found] == [0, 16, 32, 48]
    assert all(score.churn_change in (0.0, 0.0001) for score in found[1:])


# --- contracts ----------------------------------------------------------------------------------------------


def step_of(day: int, status: str, term: int | None = None) -> Body:
    body: Body = {"type": "subscription", "event_id": f"{status}{day}", "customer_id": "c0"}
    body |= {"subscription_id": "s", "status": status, "occurred_at": iso(START_MS + day * DAY_MS)}
    return body if term is None else body | {"term_end": iso(START_MS + term * DAY_MS)}


STEPS: dict[str, tuple[list[Body], bool]] = {
    "goes on": ([], False),
    "ends within": ([step_of(9, "cancelled")], True),
    "ends on the last day": ([step_of(HORIZON, "expired")], True),
    "ends a day later": ([step_of(HORIZON + 1, "expired")], False),
    "won back within": ([step_of(5, "cancelled"), step_of(HORIZON, "started")], False),
    "won back later": ([step_of(5, "cancelled"), step_of(HORIZON + 1, "started")], True),
    "asks to cancel": ([step_of(5, "cancel_requested")], False),
    "renewed": ([step_of(9, "renewed")], False),
    "its term passes": ([step_of(3, "renewed", term=9)], False),
    "buys nothing": ([bought("c0", HORIZON + 1, 1)], False),
}


@pytest.mark.parametrize("name", STEPS)
def test_a_contract_is_judged_by_its_end(name: str) -> None:
    """Left is who is under contract no more at the end of the horizon; purchases are nothing to it."""
    bodies, left = STEPS[name]
    assert came_of(PIPELINE, bodies) == left


@pytest.mark.parametrize("reported", [True, False])
def test_a_term_that_nobody_renewed_is_over_where_renewals_are_reported(reported: bool) -> None:
    """As in the contracts that the hazard was fitted on."""
    churn = replace(PIPELINE.parameters.churn, contract=replace(CONTRACT, renewals_reported=reported))
    fitted = Pipeline(replace(PIPELINE.parameters, churn=churn), rules.load())
    assert came_of(fitted, [step_of(3, "renewed", term=7)]) == reported
    assert not came_of(fitted, [step_of(3, "renewed", term=HORIZON)])


def came_of(pipeline: Pipeline, bodies: list[Body]) -> bool:
    table = pipeline.new_table()
    pipeline.step(table, records([step_of(0, "started")]), START_MS)
    kept = table.rows["checkpoint_risk"][0, 0]
    assert kept >= OF_CONTRACT
    later = records([*bodies, bought("clock", HORIZON + 3, 99)])
    assert not pipeline.step(table, later, START_MS + 30 * DAY_MS).dead_letters
    found = pipeline.outcomes(table, 0, 9)
    assert found.count == 1
    assert found.foretold == pytest.approx((kept - OF_CONTRACT) / 10_000)
    return bool(found.realised)


# --- drift --------------------------------------------------------------------------------------------------

SHOP = Pipeline(SHIPPED, rules.load())
YEARS, CHANGE = 3 * SHIPPED.churn.horizon_days, 280


def shoppers(n: int) -> list[list[int]]:
    """Purchase days of n customers who behave as the shipped MBG/NBD says."""
    chance, mbg = np.random.default_rng(11), SHIPPED.churn.mbg
    found = []
    for _ in range(n):
        per_day = chance.gamma(mbg.r, 1.0 / mbg.alpha) / 7.0
        stays, day = 1.0 - chance.beta(mbg.a, mbg.b), float(chance.uniform(0.0, CHANGE))
        days = []
        while day <= YEARS:
            days.append(int(day))
            if chance.random() > stays:
                break
            day += chance.exponential(1.0 / per_day)
        found.append(days)
    return found


def judged_by_two_workers(days: list[list[int]]) -> tuple[Sums, Sums]:
    """Half of the customers each, day by day, swept every week."""
    arrivals: dict[int, list[Body]] = {}
    for i, each in enumerate(days):
        for day in sorted(set(each)):
            arrivals.setdefault(day, []).append(bought(f"c{i}", day, 1_000 * i + day))
    found = []
    for half in (0, 1):
        table = SHOP.new_table()
        for day in range(YEARS + 1):
            mine = [body for body in arrivals.get(day, []) if int(body["customer_id"][1:]) % 2 == half]
            SHOP.step(table, records([*mine, bought("clock", day, day)]), START_MS + day * DAY_MS)
            if day % 7 == 0:
                SHOP.sweep(table, 0, table.n_rows, START_MS + day * DAY_MS)
        found.append(SHOP.outcomes(table, 0, table.n_rows))
    return found[0], found[1]


def test_customers_who_change_after_the_fit_are_a_drift_and_the_same_unchanged_are_none() -> None:
    """From a day on two of three purchases are not made: the sums of both workers together alarm."""
    days = shoppers(1_500)
    one, other = judged_by_two_workers(days)
    sound = one + other
    assert sound.count == one.count + other.count > 1_400
    assert sound.gap == pytest.approx(0.0, abs=0.03)
    assert not sound.drifted
    chance = np.random.default_rng(12)
    changed = [[day for day in each if day < CHANGE or chance.random() < 1 / 3] for each in days]
    one, other = judged_by_two_workers(changed)
    assert (one + other).drifted
    assert (one + other).gap < -0.06
