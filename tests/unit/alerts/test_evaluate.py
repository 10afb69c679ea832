"""The life of one alert, told as a story of published values in one row."""

from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.alerts.evaluate import State, Transition, Values, alert_id, evaluate
from stream.alerts.rules import Rule, Rules
from stream.state.layout import ALERT_SLOTS, ROW
from tests.strategies import HOUR_MS, START_MS

DEFAULTS: dict[str, Any] = {"severity": "warning", "owner": "support", "action": "call"}
LOW = Rule(id="low", kind="trust_below", open=40.0, clear=50.0, **DEFAULTS)
RISK = Rule(id="risk", kind="churn_risk_above", open=0.85, clear=0.75, **DEFAULTS)


class Story:
    """One customer whose values are told one after the other, an hour apart."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = Rules(rule=rules)
        self.row = np.zeros(1, ROW)
        self.now_ms = START_MS

    def tell(
        self,
        trust: float = 50.0,
        risk: float | None = None,
        unsure: float = 0.5,
        days: int = 9,
        hours: float = 1.0,
    ) -> list[Transition]:
        self.now_ms += int(hours * HOUR_MS)
        risk_e4 = -1 if risk is None else round(risk * 10_000)
        values = Values(
            np.array([round(trust * 100)], np.int32),
            np.array([risk_e4], np.int32),
            np.array([unsure]),
            np.array([days]),
        )
        return evaluate(self.row, values, self.rules, self.now_ms)

    def states(self, *values: float) -> list[str]:
        """What is published for a sequence of trust values; "" for nothing."""
        return ["".join(t.state.name for t in self.tell(trust)) for trust in values]


def test_opens_at_its_threshold_and_clears_only_above_the_other() -> None:
    """Exactly 40 opens; between the thresholds nothing happens; exactly 50 is not yet over."""
    story = Story(LOW)
    assert story.states(40.01, 40.0, 39.0, 45.0, 50.0, 50.01) == ["", "OPEN", "", "", "", "RESOLVED"]


def test_risk_opens_from_above() -> None:
    """A probability opens at or above its line and clears below the other."""
    story = Story(RISK)
    told = [story.tell(risk=risk) for risk in (0.8499, 0.85, 0.8, 0.75, 0.7499)]
    assert [[t.state for t in found] for found in told] == [[], [State.OPEN], [], [], [State.RESOLVED]]


def test_trembling_around_one_line_rings_once() -> None:
    """Two thresholds: a value that swings between them neither opens again nor resolves."""
    assert Story(LOW).states(40.0, 41.0, 40.0, 41.0, 40.0) == ["OPEN", "", "", "", ""]


def test_absent_value_neither_opens_nor_resolves() -> None:
    """Nothing is known of the risk: an open alert stays, a closed one too."""
    story = Story(RISK)
    assert story.tell(risk=None) == []
    assert story.tell(risk=0.9)[0].state is State.OPEN
    assert story.tell(risk=None) == []
    assert story.tell(risk=0.1)[0].state is State.RESOLVED


def test_hold_waits_and_opens_when_it_is_over() -> None:
    """The condition must hold for so long; then the alert opens, at that time."""
    story = Story(Rule(id="held", kind="trust_below", open=40.0, clear=50.0, hold_hours=3.0, **DEFAULTS))
    assert story.states(30.0, 30.0, 30.0) == ["", "", ""]
    [opened] = story.tell(30.0)
    assert (opened.state, opened.opened_ms) == (State.OPEN, story.now_ms)


def test_relenting_starts_the_wait_anew() -> None:
    """A condition that is interrupted has not held."""
    story = Story(Rule(id="held", kind="trust_below", open=40.0, clear=50.0, hold_hours=3.0, **DEFAULTS))
    assert story.states(30.0, 30.0, 30.0, 41.0, 30.0, 30.0, 30.0, 30.0) == [*[""] * 7, "OPEN"]


def test_wait_that_relents_after_an_episode_keeps_the_count() -> None:
    """Pending after a resolved episode goes back to resolved; the next opening is the second episode."""
    story = Story(Rule(id="held", kind="trust_below", open=40.0, clear=50.0, hold_hours=2.0, **DEFAULTS))
    assert story.states(30, 30, 30, 60, 30, 60) == ["", "", "OPEN", "RESOLVED", "", ""]
    story.states(30, 30)
    [again] = story.tell(30)
    assert (again.state, again.episode, again.seq) == (State.OPEN, 2, 3)


@pytest.mark.parametrize(
    ("rule", "outside", "inside"),
    [
        ({"min_purchase_days": 4}, {"days": 3}, {"days": 4}),
        ({"max_uncertainty": 0.3}, {"unsure": 0.3001}, {"unsure": 0.3}),
    ],
)
def test_scope_bars_opening_but_never_resolving(
    rule: dict[str, Any], outside: dict[str, Any], inside: dict[str, Any]
) -> None:
    """Out of scope nothing opens; what is open resolves all the same."""
    story = Story(Rule(id="scoped", kind="trust_below", open=40.0, clear=50.0, **DEFAULTS, **rule))
    assert story.tell(10.0, **outside) == []
    assert story.tell(10.0, **inside)[0].state is State.OPEN
    assert story.tell(90.0, **outside)[0].state is State.RESOLVED


def test_episodes_and_seq_count_transitions() -> None:
    """Each opening is an episode; seq grows by one with every transition."""
    story = Story(LOW)
    told = [t for trust in (30, 60, 30, 60, 30) for t in story.tell(trust)]
    assert [(t.episode, t.seq) for t in told] == [(1, 1), (1, 2), (2, 3), (2, 4), (3, 5)]


def test_resolved_alert_knows_when_it_opened() -> None:
    """opened_ms of the resolution is that of the opening."""
    story = Story(LOW)
    [opened] = story.tell(30.0)
    story.tell(30.0)
    [resolved] = story.tell(60.0)
    assert (resolved.opened_ms, resolved.now_ms) == (opened.now_ms, story.now_ms)


def test_id_depends_on_customer_rule_and_episode_alone() -> None:
    """A replay on another machine gives the same ids; another episode another one."""
    assert alert_id("c-1", "low", 1) == "fe930f1e-b540-5ec7-b234-3c3267afffb4"
    assert UUID(alert_id("c-1", "low", 1)).version == 5
    assert len({alert_id(c, r, e) for c in "ab" for r in "xy" for e in (1, 2)}) == 8


def test_rules_are_independent() -> None:
    """Two rules over the same score open and resolve each at its own lines."""
    deep = Rule(id="deep", kind="trust_below", open=20.0, clear=35.0, **DEFAULTS)
    story = Story(LOW, deep)
    told = [(t.rule.id, t.state.name) for trust in (10, 36, 60) for t in story.tell(trust)]
    assert told == [("low", "OPEN"), ("deep", "OPEN"), ("deep", "RESOLVED"), ("low", "RESOLVED")]


def test_slot_of_a_rule_that_is_gone_is_used_again() -> None:
    """A new rule takes a former one's slot; one that comes back repeats neither its episode nor its seq."""
    story = Story(
        *(Rule(id=f"old{i}", kind="trust_below", open=40.0, clear=50.0, **DEFAULTS) for i in range(4))
    )
    first = {t.rule.id: t for t in story.tell(30.0)}
    assert len(first) == ALERT_SLOTS
    kept, new = story.rules.rule[2], Rule(id="new", kind="trust_below", open=40.0, clear=50.0, **DEFAULTS)
    story.rules = Rules(rule=(new, kept))
    [opened] = story.tell(30.0)
    assert opened.rule.id == "new"
    told = [(t.rule.id, t.seq) for t in story.tell(60.0)]
    assert told == [("new", opened.seq + 1), ("old2", 2)]
    story.rules = Rules(rule=(first["old0"].rule, first["old1"].rule, new, kept))
    again = {t.rule.id: t for t in story.tell(30.0)}["old0"]
    assert again.seq > first["old0"].seq
    assert again.episode > first["old0"].episode


def test_silence_expires_an_alert_and_only_news_resolves_one() -> None:
    """Evidence that faded without a word of the customer is no recovery."""
    story = Story(LOW)
    story.row["events"] = 7
    assert [t.expired for t in story.tell(30.0)] == [False]
    assert [t.expired for t in story.tell(60.0)] == [True]
    story.tell(30.0)
    story.row["events"] = 8
    assert [t.expired for t in story.tell(60.0)] == [False]


VALUES = st.lists(st.tuples(st.floats(0, 100), st.one_of(st.none(), st.floats(0, 1))), max_size=60)


@given(values=VALUES, hold=st.sampled_from([0.0, 2.0]))
def test_never_two_open_and_never_a_gap(values: list[tuple[float, float | None]], hold: float) -> None:
    """Whatever the values: per rule open and resolved alternate, seq has no gap, episodes count openings."""
    held = {"hold_hours": hold, **DEFAULTS}
    low = Rule(id="low", kind="trust_below", open=40.0, clear=50.0, **held)
    risk = Rule(id="risk", kind="churn_risk_above", open=0.85, clear=0.75, **held)
    story = Story(low, risk)
    told = [t for trust, churn in values for t in story.tell(trust, churn)]
    for rule in (low, risk):
        mine = [t for t in told if t.rule is rule]
        assert [t.seq for t in mine] == list(range(1, len(mine) + 1))
        assert [t.state for t in mine] == ([State.OPEN, State.RESOLVED] * len(mine))[: len(mine)]
        assert [t.episode for t in mine] == [(i + 2) // 2 for i in range(len(mine))]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1), st.integers(0, 9)), min_size=1, max_size=40))
def test_customers_do_not_touch_each_other(values: list[tuple[float, float, int]]) -> None:
    """Many customers at once end as each alone."""
    rules = Rules(rule=(LOW, RISK))
    together = np.zeros(len(values), ROW)
    columns = [np.array(column) for column in zip(*values, strict=True)]
    trust, risk = np.rint(columns[0] * 100).astype(np.int32), np.rint(columns[1] * 1e4).astype(np.int32)
    unsure = np.full(len(values), 0.5)
    found = evaluate(together, Values(trust, risk, unsure, columns[2]), rules, START_MS)
    alone = []
    for i in range(len(values)):
        row, one = together[i : i + 1].copy(), slice(i, i + 1)
        row[:] = np.zeros(1, ROW)
        mine = evaluate(row, Values(trust[one], risk[one], unsure[one], columns[2][one]), rules, START_MS)
        alone += [(i, t.rule.id, t.state) for t in mine]
        assert row.tobytes() == together[one].tobytes()
    assert sorted((t.customer, t.rule.id, t.state) for t in found) == sorted(alone)
