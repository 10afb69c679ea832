"""The risk of a horizon ago, made again from today's rows, is the risk that was known then."""

import json
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.alerts import rules
from stream.model import parameters
from stream.model.drift import Sums
from stream.pipeline import FileRecord, Pipeline
from stream.state.table import CustomerTable
from tests.strategies import DAY_MS, START_MS, iso

PIPELINE = Pipeline(parameters.load(), rules.load())
HORIZON = PIPELINE.parameters.churn.horizon_days
LIFE = 3 * HORIZON
ANCHOR = LIFE - 1 - HORIZON
Days = list[list[int]]


def bought(days: Days, until: int = LIFE) -> CustomerTable:
    """A table that has seen each customer's purchases up to a day, and one of a bystander on the last."""
    table = PIPELINE.new_table()
    found = [(day, f"c{i}") for i, each in enumerate(days) for day in sorted(set(each)) if day <= until]
    records = []
    for n, (day, who) in enumerate([*found, (until, "clock")]):
        body = {"type": "purchase", "event_id": f"e{n}", "customer_id": who, "amount": 10, "currency": "EUR"}
        value = json.dumps(body | {"occurred_at": iso(START_MS + day * DAY_MS)}).encode()
        records.append(FileRecord("interactions", 0, n, 0, who.encode(), value))
    PIPELINE.step(table, records, START_MS + until * DAY_MS)
    return table


def slowly(days: Days) -> Sums:
    """The same from a table that was given nothing after the anchor."""
    then = bought(days, ANCHOR)
    keys, scores = PIPELINE.scores(then, START_MS // DAY_MS * DAY_MS + ANCHOR * DAY_MS)
    risk = dict(zip(keys, scores.risk.churn_risk.tolist(), strict=True))
    pairs = [
        (risk[f"c{i}".encode()], not any(ANCHOR < day <= ANCHOR + HORIZON for day in each))
        for i, each in enumerate(days)
        if any(day <= ANCHOR for day in each)
    ]
    return Sums.of(
        np.array([p for p, _ in pairs], np.float64), np.array([left for _, left in pairs], np.bool_)
    )


@given(st.lists(st.lists(st.integers(0, LIFE), min_size=1, max_size=40), min_size=1, max_size=4))
def test_risk_of_then_and_what_came_of_it_are_those_of_a_table_that_ends_then(days: Days) -> None:
    """Purchase days beyond the row's slots included; customers who came later are left out."""
    table = bought(days)
    for mine, theirs in zip(astuple(PIPELINE.outcomes(table, 0, 99)), astuple(slowly(days)), strict=True):
        assert mine == pytest.approx(theirs, abs=1e-6)


def test_slices_add_up_to_the_whole() -> None:
    """Wherever they are cut."""
    table = bought([[3 * i, 5 * i + 1, 9 * i] for i in range(20)])
    whole = PIPELINE.outcomes(table, 0, 99)
    parts = PIPELINE.outcomes(table, 0, 7) + PIPELINE.outcomes(table, 7, 99)
    assert whole.count > 0
    for mine, theirs in zip(astuple(parts), astuple(whole), strict=True):
        assert mine == pytest.approx(theirs)


def lives(n: int) -> Days:
    """Purchase days of n customers who behave as the shipped MBG/NBD says."""
    chance, mbg = np.random.default_rng(11), PIPELINE.parameters.churn.mbg
    found = []
    for _ in range(n):
        per_day = chance.gamma(mbg.r, 1.0 / mbg.alpha) / 7.0
        stays, day = 1.0 - chance.beta(mbg.a, mbg.b), float(chance.uniform(0.0, ANCHOR))
        days = []
        while day <= LIFE:
            days.append(int(day))
            if chance.random() > stays:
                break
            day += chance.exponential(1.0 / per_day)
        found.append(days)
    return found


def test_customers_who_stop_buying_are_a_drift() -> None:
    """Customers as the model expects them raise no alarm; the same ones gone silent at the anchor do."""
    days = lives(1_500)
    sound = PIPELINE.outcomes(bought(days), 0, 9_999)
    assert sound.count > 1_000
    assert not sound.drifted
    gone = PIPELINE.outcomes(bought([[day for day in each if day <= ANCHOR] for each in days]), 0, 9_999)
    assert gone.count == sound.count
    assert gone.drifted
    assert gone.realised == 1.0


def test_contracts_are_not_judged_by_purchases() -> None:
    """Whoever has one is left out."""
    table = bought([[1, 2]])
    body = {"type": "subscription", "event_id": "s", "customer_id": "c0", "status": "started"}
    body["subscription_id"] = "one"
    value = json.dumps(body | {"occurred_at": iso(START_MS)}).encode()
    assert PIPELINE.outcomes(table, 0, 9).count == 1
    PIPELINE.step(table, [FileRecord("interactions", 0, 9, 0, b"c0", value)], START_MS + LIFE * DAY_MS)
    assert PIPELINE.outcomes(table, 0, 9).count == 0
