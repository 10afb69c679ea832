"""Changes of a score are explained exactly, code by code."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.alerts import rules
from stream.model import parameters
from stream.model.change import changes, nothing_known
from stream.model.explain import Explanation
from stream.pipeline import Pipeline
from tests.strategies import DAY_MS, END_MS, START_MS, Body, bodies, iso, records

PIPELINE = Pipeline(parameters.load(), rules.load())
KEY = b"c0"


def explained(events: list[Body], at_ms: int) -> Explanation:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(events), END_MS)
    return PIPELINE.explain(table, KEY, at_ms) or nothing_known(PIPELINE.parameters)


@given(bodies(max_size=30, customers=1), st.floats(0.0, 1.0), st.integers(0, 300))
def test_changes_sum_to_the_change_of_both_scores(found: list[Body], share: float, days: int) -> None:
    """Whatever happened in between, and however long it took: nothing is left over."""
    cut = int(share * len(found))
    then_ms = START_MS + 130 * DAY_MS
    before = explained(found[:cut], then_ms)
    after = explained(found, then_ms + days * DAY_MS)
    moved = changes(before, after)
    assert math.fsum(change.contribution for change in moved.trust) == pytest.approx(
        after.trust - before.trust, abs=1e-9
    )
    if moved.churn is None:
        assert before.churn_risk is None or after.churn_risk is None
    else:
        assert before.churn_log_odds is not None
        assert after.churn_log_odds is not None
        assert math.fsum(change.contribution for change in moved.churn) == pytest.approx(
            after.churn_log_odds - before.churn_log_odds, abs=1e-9
        )


def test_a_reason_that_came_and_one_that_went_are_both_told() -> None:
    """A code of one side only counts as 0 on the other; what stayed the same is not told."""
    late = START_MS + 10 * DAY_MS
    common = {"customer_id": "c0", "occurred_at": iso(START_MS)}
    promised = common | {"type": "delivery", "event_id": "1", "delivery_id": "d", "status": "promised"}
    promised["promised_at"] = iso(START_MS + DAY_MS)
    arrived = {**common, "type": "delivery", "event_id": "2", "delivery_id": "d", "status": "arrived"}
    arrived["occurred_at"] = iso(late)
    moved = changes(explained([promised], late), explained([promised, arrived], late))
    told = {change.code: (change.before, change.after) for change in moved.trust}
    assert told.keys() == {"delivery_overdue", "delivery"}
    assert told["delivery_overdue"][0] < 0.0 == told["delivery_overdue"][1]
    assert told["delivery"][0] == 0.0 > told["delivery"][1]
    assert changes(moved.after, moved.after).trust == []


def test_of_a_customer_not_known_yet_there_is_the_base_rate() -> None:
    """Before the first event trust is the base rate and churn risk is absent, so it has no change."""
    common = {"customer_id": "c0", "occurred_at": iso(START_MS)}
    bought = common | {"type": "purchase", "event_id": "1", "amount": 5, "currency": "EUR"}
    moved = changes(nothing_known(PIPELINE.parameters), explained([bought], START_MS))
    assert (moved.before.trust, moved.before.churn_risk, moved.churn) == (50.0, None, None)
    assert moved.after.churn_risk is not None
