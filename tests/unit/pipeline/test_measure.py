"""What the rules look at, on columns, is what the slow oracle says of each customer."""

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.alerts.evaluate import Measured
from stream.alerts.rules import SCALE, Kind, Rule, Rules
from stream.model import parameters
from stream.model.columns import CHANNELS, TIERS
from stream.model.score import score
from stream.pipeline import Pipeline
from stream.pipeline.measure import measure
from stream.state.facts import facts
from stream.state.layout import take
from stream.state.past import trust_then
from stream.state.table import CustomerTable
from tests.oracles import Oracle
from tests.oracles.measuring import speaks_of, value_of
from tests.strategies import DAY_MS, START_MS, Body, bodies, history, iso, records

PARAMETERS = parameters.load()
PIPELINE = Pipeline(PARAMETERS, Rules())
NOW_MS = START_MS + 130 * DAY_MS
KINDS: tuple[Kind, ...] = get_args(Kind)
OF_KIND: dict[Kind, dict[str, Any]] = {
    "trust_drop": {"days": 30},
    "component_below": {"component": "reliability"},
    "value_at_risk_above": {"currency": "EUR"},
}
COMPONENTS = ("delivery", "delivery_overdue", "recovery", "responsiveness", "assurance", "empathy")


def rule(kind: Kind, name: str = "r", opens: float = 0.0, **more: Any) -> Rule:
    return Rule(
        id=name,
        kind=kind,
        open=opens,
        clear=0.0,
        severity="info",
        owner="o",
        action="a",
        **(OF_KIND.get(kind, {}) | more),
    )


EVERY = tuple(rule(kind, kind) for kind in KINDS if kind != "trust_drop")
PARTS = tuple(rule("component_below", name, component=name) for name in COMPONENTS)


def table_of(found: list[Body]) -> CustomerTable:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(found), NOW_MS)
    return table


def measured(table: CustomerTable, *rules: Rule, now_ms: int = NOW_MS) -> Measured:
    rows = table.live(0, table.n_rows)
    store, known = take(table.rows, rows), facts(table, rows, now_ms, PARAMETERS)
    scores = score(known, now_ms, PARAMETERS)
    return measure(Rules(rule=rules), table, rows, store, known, scores, now_ms, PARAMETERS)


def slotted(table: CustomerTable) -> CustomerTable:
    """Every customer has had an alert: nothing may be left out."""
    table.alerts.claim(table.live(0, table.n_rows), 1)
    return table


few_types = bodies(max_size=60, customers=4, types=("purchase", "payment", "profile", "delivery"), refs=9)


@given(bodies(max_size=80, customers=4, refs=9) | few_types, st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_values_are_those_of_the_oracle(found: list[Body], later_days: int) -> None:
    """Of every kind, each cause and dimension, tails included; unknown where the oracle knows nothing."""
    now_ms = NOW_MS + later_days * DAY_MS
    table, oracle = slotted(table_of(found)), Oracle(PARAMETERS, Rules())
    for one in records(found):
        oracle.feed(one)
    rules = EVERY + PARTS
    values = measured(table, *rules, now_ms=now_ms).value
    for i, key in enumerate(table.key_list(table.live(0, table.n_rows))):
        memory, scored = oracle.customer(key.decode()), oracle.score_at(key.decode(), now_ms)
        for r, each in enumerate(rules):
            expected = value_of(each, memory, scored, now_ms, PARAMETERS)
            if expected is None:
                assert np.isnan(values[r, i])
                continue
            step = 1.0 / SCALE[each.kind]
            assert values[r, i] == pytest.approx(expected, rel=1e-4, abs=0.5 * step + 1e-9), each.id
            assert values[r, i] == round(values[r, i] * SCALE[each.kind]) / SCALE[each.kind]


def test_published_scores_are_compared_as_they_are() -> None:
    """Trust and risk to the very bit, so that a value on the threshold is on it."""
    table = table_of(history(3, 60))
    rows = table.live(0, table.n_rows)
    scores = PIPELINE.scores(table, NOW_MS)[1]
    trust, risk = measured(table, rule("trust_below"), rule("churn_risk_above")).value
    assert trust.tolist() == (np.round(scores.trust_centi.astype(float)) / 100).tolist()
    known = scores.risk_e4 >= 0
    assert known.any()
    assert not known.all() or len(rows) > 0
    assert risk[known].tolist() == [round(each) / 10_000 for each in scores.risk_e4[known].tolist()]
    assert np.isnan(risk[~known]).all()


scopes = st.fixed_dictionaries(
    {},
    optional={
        "segments": st.sampled_from([("retail",), ("smb", "vip"), ("ret",)]),
        "tiers": st.sampled_from([("silver",), ("gold", "platinum"), TIERS]),
        "locales": st.sampled_from([("ja",), ("ja-JP", "fr"), ("JA-jp",), ("d",), ("de-AT",), ("de", "ja")]),
        "channels": st.sampled_from([("web",), ("store", "app"), CHANNELS, ("other",)]),
        "min_purchase_days": st.integers(0, 4),
        "max_uncertainty": st.floats(0.0, 1.0),
    },
)


@given(
    bodies(max_size=60, customers=6, types=("purchase", "profile", "review")), st.lists(scopes, max_size=4)
)
@settings(max_examples=40, deadline=None)
def test_scope_is_that_of_the_oracle(found: list[Body], wanted: list[dict[str, Any]]) -> None:
    """Segments whole, locales up to a hyphen and in any case, one of the channels; all of them together."""
    table, oracle = table_of(found), Oracle(PARAMETERS, Rules())
    for one in records(found):
        oracle.feed(one)
    rules = [rule("trust_below", f"r{r}", **scope) for r, scope in enumerate(wanted)]
    scope = measured(table, *rules).in_scope
    for i, key in enumerate(table.key_list(table.live(0, table.n_rows))):
        memory, scored = oracle.customer(key.decode()), oracle.score_at(key.decode(), NOW_MS)
        assert scope[:, i].tolist() == [speaks_of(each, memory, scored) for each in rules]


@given(
    bodies(max_size=100, customers=6, refs=9, days=129.0),
    st.integers(1, 90),
    st.sampled_from([0.05, 1.0, 5.0, 10.0, 25.0, 50.0]),
    st.integers(0, 2),
)
@settings(max_examples=60, deadline=None)
def test_nobody_is_left_out_whose_trust_fell_so_far(
    found: list[Body], days: int, opens: float, least: int
) -> None:
    """A drop is unknown only where it does not open the rule, or is not its business; else it is exact."""
    table = table_of(found)
    rows = table.live(0, table.n_rows)
    now, then = PIPELINE.scores(table, NOW_MS)[1], trust_then(table, rows, NOW_MS, days, PARAMETERS)
    full = (np.rint(then * 100.0) - now.trust_centi) / 100.0
    falls = rule("trust_drop", opens=opens, days=days, min_purchase_days=least)
    few = measured(table, falls)
    must = (full >= opens) & few.in_scope[0]
    assert few.value[0][must].tolist() == full[must].tolist()
    assert (np.isnan(few.value[0]) | (few.value[0] == full)).all()
    assert np.array_equal(measured(slotted(table), falls).value[0], full, equal_nan=True)


@given(bodies(max_size=60, customers=6, types=("purchase", "survey", "subscription")), st.floats(0.0, 3.0))
@settings(max_examples=40, deadline=None)
def test_nobody_is_left_out_who_is_worth_so_much(found: list[Body], power: float) -> None:
    """Value at risk is unknown only where it does not open the rule; else it is what it is for all."""
    opens = 10.0**power
    worth = rule("value_at_risk_above", opens=opens)
    table = table_of(found)
    few, full = measured(table, worth).value[0], measured(slotted(table_of(found)), worth).value[0]
    must = full >= opens
    assert few[must].tolist() == full[must].tolist()
    assert (np.isnan(few) | (few == full)).all()


def promised(i: int, due_ms: int, status: str = "promised") -> Body:
    return {
        "type": "delivery",
        "event_id": f"e{i}{status}",
        "customer_id": "c",
        "occurred_at": iso(START_MS),
        "delivery_id": f"d{i}",
        "status": status,
        "promised_at": iso(due_ms),
    }


def test_most_overdue_promise_decides_and_never_before_its_time() -> None:
    """Of ten promises, most of them in the tail, the oldest open one; a second early is not late."""
    found = [promised(i, START_MS + (i + 1) * DAY_MS) for i in range(10)]
    table = table_of([*found, promised(0, START_MS, "arrived")])
    late = rule("promise_overdue")
    assert measured(table, late, now_ms=START_MS + 4 * DAY_MS).value[0, 0] == 48.0
    assert measured(table, late, now_ms=START_MS + 4 * DAY_MS - 1000).value[0, 0] == 47.99
    assert measured(table, late, now_ms=START_MS + 2 * DAY_MS).value[0, 0] == 0.0


def test_no_rule_and_no_customer_are_fine() -> None:
    """Nothing in, nothing out."""
    assert measured(table_of(history(1, 10))).value.shape[0] == 0
    empty = measured(PIPELINE.new_table(), *EVERY, rule("trust_drop"))
    assert empty.value.shape == (7, 0)
