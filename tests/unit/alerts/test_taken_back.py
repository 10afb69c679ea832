"""What is kept of rules, so that the end of an alert can be said when its rule is gone."""

import msgspec
import numpy as np
import pytest

from stream.alerts.rules import Rules, load
from stream.alerts.taken_back import begin, removed
from stream.state.alerts import AlertSlots, State
from tests.unit.alerts.story import LOW, RISK

NONE = Rules()


def slots(state: State, rule: int = LOW.key) -> AlertSlots:
    """One row with one slot."""
    made = AlertSlots(8)
    made.slots["state"][made.claim(np.array([3]), rule)] = state
    return made


def test_a_rule_comes_back_as_it_was() -> None:
    """Every shipped one, and what is as by default takes no room beside the position."""
    shipped = load()
    known = begin(AlertSlots(8), {}, shipped)
    assert removed(known, NONE) == {rule.key: rule for rule in shipped.rule}
    assert removed(known, shipped) == {}
    assert b"hold_hours" not in bytes(begin(AlertSlots(8), {}, Rules((LOW,)))["low"])


@pytest.mark.parametrize(
    "state", [State.OPEN, State.ACKNOWLEDGED, State.SNOOZED, State.RECOVERING, State.SUPPRESSED]
)
def test_a_removed_rule_is_known_while_an_alert_of_it_is_there(state: State) -> None:
    """And the alert is due at once; that of a rule which stays is not."""
    alerts = slots(state)
    known = begin(alerts, {}, Rules((LOW, RISK)))
    assert alerts.due(1, 9).tolist() == []
    assert list(begin(alerts, known, Rules((RISK,)))) == ["risk", "low"]
    assert alerts.due(1, 9).tolist() == [3]


@pytest.mark.parametrize("state", [State.NONE, State.PENDING, State.RESOLVED, State.EXPIRED])
def test_a_removed_rule_without_alerts_is_forgotten(state: State) -> None:
    """Nobody waits for an end."""
    alerts = slots(state)
    assert begin(alerts, begin(alerts, {}, Rules((LOW,))), NONE) == {}
    assert alerts.due(1, 9).tolist() == []


def test_what_another_version_wrote_is_left_out() -> None:
    """Fields that no rule has, and bytes that are none: the alert stays as it is."""
    known = {"low": msgspec.Raw(b'{"colour":"red"}'), "risk": msgspec.Raw(b"7"), "other": msgspec.Raw(b"{}")}
    assert removed(known, NONE) == {}
    assert begin(slots(State.OPEN), known, NONE) == {}
