"""The fast pipeline says what the slow oracle says: every score, every alert, every row, exactly."""

from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.codec import decode_alert, decode_score
from stream.alerts import rules
from stream.model import parameters
from stream.offline.walk import with_horizon
from stream.pipeline import FileRecord, Pipeline
from tests import calm
from tests.contracts import CONTRACT
from tests.oracles import (
    Oracle,
    alert_differences,
    checkpoint_differences,
    score_differences,
    table_differences,
)
from tests.strategies import DAY_MS, START_MS, Body, bodies, records, splits

PARAMETERS, RULES = parameters.load(), calm.RULES
LAYERED = parameters.parse(
    parameters.SHIPPED.read_text(encoding="utf-8")
    + """
[churn.layer]
horizon_days = 182
history_days = 273
base = 1.04
coefficient = { recency = 0.11, frequency = -0.95, age = 0.18, amount = -0.085, mbg = 0.28, nbd = 0.046 }
usual = { frequency = -0.52, silence = 1.03, age = 0.96, amount = -0.28 }
nbd = { r = 0.385, alpha = 12.07 }
"""
)
SHORT = with_horizon(PARAMETERS, 20)  # over several times in a history
FITTED = replace(LAYERED, churn=replace(LAYERED.churn, contract=CONTRACT))
HELD = rules.parse(
    rules.SHIPPED.read_text(encoding="utf-8").replace("due_hours", "hold_hours = 30\ndue_hours")
)
BUSY = rules.parse(
    """
[[rule]]
id = "trust"
kind = "trust_below"
open = 45.0
clear = 50.0
severity = "info"
owner = "support"
action = "call_today"
keep_open_hours = 40
cooldown_hours = 200
expire_days = 20
escalate = 35.0
escalate_severity = "error"
escalate_owner = "lead"

[[rule]]
id = "risk"
kind = "churn_risk_above"
open = 0.5
clear = 0.45
severity = "warning"
owner = "support"
action = "call_today"
mode = "shadow"
hold_hours = 10
keep_open_hours = 1
cooldown_hours = 100
expire_days = 30
escalate_severity = "critical"
escalate_after_hours = 60
"""
)
Clock = Literal["wall", "event"]


def run(
    source: list[FileRecord],
    runs: list[slice],
    clock: Clock,
    law: rules.Rules,
    model: parameters.Parameters,
    sweeps: bool,
) -> list[str]:
    """Every difference between pipeline and oracle on one history, in these runs."""
    pipeline, oracle = Pipeline(model, law, clock), Oracle(model, law)
    table = pipeline.new_table()
    scores, alerts, invalid = [], [], 0
    for number, part in enumerate(runs):
        now_ms = START_MS + (part.stop * 130 * DAY_MS) // len(source)
        effects = [pipeline.step(table, source[part], now_ms)]
        if sweeps and number % 2:
            effects.append(pipeline.due(table, now_ms + DAY_MS // 2))
            effects.append(pipeline.sweep(table, 0, table.n_rows, now_ms + DAY_MS))
        for effect in effects:
            scores += [decode_score(value) for _, value in effect.scores]
            alerts += [decode_alert(value) for _, value in effect.alert_log]
            invalid += len(effect.dead_letters)
        outcomes = [oracle.feed(each, now_ms) for each in source[part]]
        assert effects[0].causes == {
            cause: outcomes.count(cause) for cause in outcomes if cause not in ("scored", "duplicate")
        }
    assert invalid + oracle.outcomes["scored"] + oracle.outcomes["duplicate"] == len(source)
    return (
        score_differences(oracle, scores)
        + alert_differences(oracle, scores, alerts)
        + table_differences(oracle, table)
        + checkpoint_differences(oracle, scores, table)
    )


@given(
    history=bodies(max_size=120, customers=4),
    again=st.lists(st.tuples(st.integers(0, 119), st.integers(0, 119)), max_size=20),
    data=st.data(),
    clock=st.sampled_from(["wall", "event"]),
    law=st.sampled_from([RULES, *(replace(law, storm=calm.NO_STORM) for law in (HELD, BUSY))]),
    model=st.sampled_from([PARAMETERS, SHORT, FITTED]),
    sweeps=st.booleans(),
)
@settings(max_examples=200)
def test_every_score_alert_and_row_is_the_oracles(
    history: list[Body],
    again: list[tuple[int, int]],
    data: st.DataObject,
    clock: Clock,
    law: rules.Rules,
    model: parameters.Parameters,
    sweeps: bool,
) -> None:
    """Any history with duplicates near and far, cut anywhere, swept or not, both clocks and models."""
    for origin, place in again:
        history.insert(place % len(history), history[origin % len(history)])
    source = records(history)
    runs = data.draw(splits(len(source)))
    assert run(source, runs, clock, law, model, sweeps) == []
