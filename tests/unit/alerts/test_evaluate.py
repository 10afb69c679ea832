"""Laws of an evaluation that hold for whatever values."""

from random import Random
from uuid import UUID, uuid5

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.alerts.evaluate import Measured, evaluate
from stream.alerts.life import alert_id, open_alerts
from stream.alerts.rules import Rule, Rules
from stream.state.alerts import AlertSlots
from tests.strategies import START_MS
from tests.unit.alerts.story import DEFAULTS, LOW, RISK, Story, low


def test_opens_at_its_threshold_and_clears_only_above_the_other() -> None:
    """Exactly 40 opens; between the thresholds nothing happens; exactly 50 is not yet over."""
    assert Story(LOW).kinds(40.01, 40.0, 39.0, 45.0, 50.0, 50.01) == ["", "opened", "", "", "", "resolved"]


def test_risk_opens_from_above() -> None:
    """A probability opens at or above its line and clears below the other."""
    assert Story(RISK).kinds(0.8499, 0.85, 0.8, 0.75, 0.7499) == ["", "opened", "", "", "resolved"]


@pytest.mark.parametrize("line", [0.07, 0.29, 28.57, 57.01])
def test_line_is_compared_in_published_units(line: float) -> None:
    """A value that is published as the line's own decimals is on it, whatever floats say of the product."""
    story = Story(Rule(id="low", kind="trust_below", open=line, clear=90.0, **DEFAULTS))
    assert story.kinds((round(line * 100) + 1) / 100, round(line * 100) / 100) == ["", "opened"]


def test_trembling_around_one_line_rings_once() -> None:
    """Two thresholds: a value that swings between them neither opens again nor resolves."""
    assert Story(LOW).kinds(40.0, 41.0, 40.0, 41.0, 40.0) == ["opened", "", "", "", ""]


def test_noise_on_the_threshold_does_not_flap() -> None:
    """A thousand noisy values on either line, with an event each: one alert, or none; told at most twice."""
    for seed in range(5):
        chance = Random(seed)
        for line in (40.0, 50.0):
            story = Story(low(hold_hours=3, keep_open_hours=24, cooldown_hours=48))
            story.tell(30.0)
            values = [round(chance.gauss(line, 2.0), 2) for _ in range(1000)]
            kinds = " ".join(story.kinds(*values)).split()
            assert kinds.count("opened") <= 1
            assert kinds.count("resolved") <= 1


def test_absent_value_neither_opens_nor_resolves() -> None:
    """Nothing is known of the risk: an open alert stays, a closed one too."""
    assert Story(RISK).kinds(None, 0.9, None, 0.1, None) == ["", "opened", "", "resolved", ""]


def test_scope_bars_opening_but_never_resolving() -> None:
    """Out of scope nothing opens; what is open resolves all the same."""
    story = Story(LOW)
    assert story.tell(10.0, in_scope=False) == []
    assert [each.kind for each in story.tell(10.0)] == ["opened"]
    assert [each.kind for each in story.tell(90.0, in_scope=False)] == ["resolved"]


def test_resolved_alert_knows_when_it_opened() -> None:
    """opened_ms of the resolution is that of the opening."""
    story = Story(LOW)
    [opened] = story.tell(30.0)
    story.tell(30.0)
    [resolved] = story.tell(60.0)
    assert (resolved.opened_ms, resolved.now_ms) == (opened.now_ms, story.now_ms)


@given(st.text(max_size=20), st.integers(0, 2**32))
def test_an_alert_id_is_a_uuid5_of_its_name(customer: str, episode: int) -> None:
    """As the standard library makes it, whatever the customer is called."""
    expected = uuid5(UUID("6f1c8f6e-2f53-5c0b-9d0e-6b697a756e61"), f"{customer}|low|{episode}")
    assert alert_id(customer, "low", episode) == str(expected)


def test_id_depends_on_customer_rule_and_episode_alone() -> None:
    """A replay on another machine gives the same ids; another episode another one."""
    assert alert_id("c-1", "low", 1) == "fe930f1e-b540-5ec7-b234-3c3267afffb4"
    assert UUID(alert_id("c-1", "low", 1)).version == 5
    assert len({alert_id(c, r, e) for c in "ab" for r in "xy" for e in (1, 2)}) == 8


def test_rules_are_independent() -> None:
    """Two rules over the same score open and resolve each at its own lines; so are they read out."""
    deep = Rule(id="deep", kind="trust_below", open=20.0, clear=35.0, **DEFAULTS)
    story = Story(LOW, deep)
    told = [(each.rule.id, each.kind) for trust in (10, 36, 60) for each in story.tell(trust)]
    assert told == [("low", "opened"), ("deep", "opened"), ("deep", "resolved"), ("low", "resolved")]
    [opened] = story.tell(30.0)
    assert open_alerts(story.alerts, 3, story.rules) == [(LOW, opened.now_ms)]
    assert open_alerts(story.alerts, 3, Rules(rule=(deep,))) == []


VALUES = st.lists(st.none() | st.floats(0, 100).map(lambda value: round(value, 2)), max_size=60)


@given(values=VALUES, hold=st.sampled_from([0.0, 2.0]), heard=st.booleans())
def test_never_two_open_and_never_a_gap(values: list[float | None], hold: float, heard: bool) -> None:
    """Whatever the values: openings and ends alternate, seq has no gap, episodes count openings."""
    story = Story(low(hold_hours=hold, expire_days=1.0, cooldown_hours=3.0))
    told = [each for value in values for each in story.tell(value, heard=heard)]
    assert [each.seq for each in told] == list(range(1, len(told) + 1))
    assert [each.kind == "opened" for each in told] == ([True, False] * len(told))[: len(told)]
    assert [each.episode for each in told] == [(i + 2) // 2 for i in range(len(told))]


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 100), st.booleans()), min_size=1, max_size=9),
        min_size=1,
        max_size=5,
    )
)
def test_customers_do_not_touch_each_other(rounds: list[list[tuple[float, bool]]]) -> None:
    """Many customers at once end as each alone, slot for slot."""
    rules = Rules(rule=(low(keep_open_hours=1, cooldown_hours=2), RISK))
    n = max(map(len, rounds))
    together, alone = AlertSlots(n), AlertSlots(n)
    for number, values in enumerate(rounds):
        now_ms = START_MS + number * 3_600_000
        rows = np.arange(len(values))
        value = np.array([[trust for trust, _ in values], [trust / 100 for trust, _ in values]])
        scope = np.array([[inside for _, inside in values]] * 2)
        events = np.full(len(values), number)
        last_ms = np.full(len(values), now_ms)
        found = evaluate(together, rows, events, last_ms, Measured(value, scope), rules, now_ms)
        single = []
        for i in rows.tolist():
            one = slice(i, i + 1)
            measured = Measured(value[:, one], scope[:, one])
            single.append(evaluate(alone, rows[one], events[one], last_ms[one], measured, rules, now_ms))
        assert [(each.customer, each.rule.id, each.kind) for each in found.transitions] == [
            (i, each.rule.id, each.kind) for i, part in enumerate(single) for each in part.transitions
        ]
        assert found.moved.tolist() == [bool(part.moved[0]) for part in single]
    assert together.encode(np.arange(n)) == alone.encode(np.arange(n))
