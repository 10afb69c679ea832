"""Which transitions are worth a message, and of what nobody is told."""

from typing import Any

import pytest

from stream.notify.told import Mark, is_shown, kind_of
from tests.alerts import alert, at

KNOWN = Mark(seq=1, episode=1, severity="warning")


@pytest.mark.parametrize(
    ("changed", "told", "kind"),
    [
        ({}, None, "opened"),
        ({"transition": "released"}, None, "released"),
        ({"transition": "noted", "seq": 2}, None, "opened"),
        ({"transition": "noted", "seq": 2}, KNOWN, None),
        ({"transition": "assigned", "seq": 2}, KNOWN, None),
        ({"transition": "recovering", "state": "recovering", "seq": 2}, KNOWN, None),
        ({"transition": "relapsed", "seq": 2}, KNOWN, None),
        ({"transition": "escalated", "severity": "error", "seq": 2}, KNOWN, "escalated"),
        ({"transition": "noted", "severity": "error", "seq": 3}, KNOWN, "escalated"),
        ({"transition": "acknowledged", "state": "acknowledged", "seq": 2}, KNOWN, "acknowledged"),
        ({"transition": "snoozed", "state": "snoozed", "seq": 2}, KNOWN, "snoozed"),
        ({"transition": "snooze_over", "seq": 2}, KNOWN, "snooze_over"),
        ({"transition": "resolved", "state": "resolved", "seq": 2}, KNOWN, "resolved"),
        ({"transition": "expired", "state": "expired", "seq": 2}, KNOWN, "expired"),
        ({"transition": "resolved", "state": "resolved", "seq": 2}, None, None),
        ({"transition": "resolved", "state": "resolved", "seq": 4, "episode": 2}, KNOWN, None),
        ({"transition": "noted", "seq": 4, "episode": 2}, KNOWN, "opened"),
        ({"transition": "suppressed", "state": "suppressed"}, None, None),
        ({"mode": "shadow"}, None, None),
        ({"mode": "shadow", "transition": "resolved", "state": "resolved", "seq": 2}, None, None),
        ({"mode": "shadow", "transition": "resolved", "state": "resolved", "seq": 2}, KNOWN, "resolved"),
        ({"mode": "shadow", "transition": "acknowledged", "state": "acknowledged", "seq": 2}, KNOWN, None),
        ({}, KNOWN, None),
        ({"subject": "data", "transition": "opened"}, None, "opened"),
    ],
)
def test_people_are_told_of_what_asks_for_an_act_and_once(
    changed: dict[str, Any], told: Mark | None, kind: str | None
) -> None:
    """Each transition, and what stands for those that compaction took away."""
    assert kind_of(alert(**changed), told) == kind


def test_what_is_held_back_in_shadow_or_over_is_not_shown() -> None:
    """Of alerts alike in all else, only those that are open, in any state of being so, are seen."""
    for state in ("open", "acknowledged", "snoozed", "recovering"):
        assert is_shown(alert(state=state))
        assert not is_shown(alert(state=state, mode="shadow"))
    for state in ("suppressed", "resolved", "expired"):
        assert not is_shown(alert(state=state, resolved_at=at(0)))
