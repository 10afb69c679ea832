"""How soon alerts were taken on: against a log walked through by hand, and by its own invariants."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.alert import Action, AlertV1, State, Transition
from stream.offline.response import Response, answer_line, response_summary, responses
from tests.alerts import BASE as USUAL

START = datetime(2025, 1, 1, tzinfo=UTC)
START_MS = round(START.timestamp() * 1000)
HOUR_MS = 3_600_000
STATES: dict[Transition, State] = {
    "suppressed": "suppressed",
    "acknowledged": "acknowledged",
    "snoozed": "snoozed",
    "resolved": "resolved",
    "expired": "expired",
}
BASE = replace(
    USUAL,
    severity="error",
    state_since=START,
    opened_at=START,
    as_of=START,
    due_at=START + timedelta(hours=48),
)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def log(number: int, opened: float, *steps: tuple[Transition, float], due: float = 10.0) -> list[AlertV1]:
    """Transitions of one alert that opens at an hour, and is due so many hours later."""
    first = replace(
        BASE,
        alert_id=f"{number:036d}",
        opened_at=at(opened),
        as_of=at(opened),
        action=Action("call_today", None, "support", at(opened + due), None),
    )
    found = [first]
    for kind, hour in steps:
        over = kind in ("resolved", "expired")
        found.append(
            replace(
                found[-1],
                transition=kind,
                state=STATES.get(kind, "open"),
                as_of=at(hour),
                resolved_at=at(hour) if over else None,
                resolve_reason=kind if over else None,
            )
        )
    return found


def summary(*logs: list[AlertV1], end: float = 100.0) -> dict[str, Any]:
    found = responses(each for one in logs for each in one)
    return response_summary(found, START_MS + round(end * HOUR_MS))


def test_time_to_acknowledge_is_from_opening_to_the_first_word() -> None:
    """In time, late, missed, gone by itself, not due yet: each counted once, the median of those taken on."""
    said = summary(
        log(1, 0, ("acknowledged", 4), ("acknowledged", 9), ("resolved", 20)),
        log(2, 10, ("escalated", 15), ("acknowledged", 30)),
        log(3, 20, ("escalated", 25)),
        log(4, 30, ("resolved", 35)),
        log(5, 95),
        log(6, 40, ("assigned", 42)),
    )
    assert {name: said[name] for name in ("in_time", "late", "missed", "gone", "waiting")} == {
        "in_time": 2,
        "late": 1,
        "missed": 1,
        "gone": 1,
        "waiting": 1,
    }
    assert (said["alerts"], said["acknowledged"]) == (6, 3)
    assert said["median_hours"] == pytest.approx(4.0)
    assert said["in_time_share"] == pytest.approx(2 / 4)
    assert answer_line(said) == (
        "3 taken on, after 4.0 hours in the median; 50% of those due were in time, 1 were missed"
    )


def test_a_log_without_people_says_nothing_of_people() -> None:
    """No acknowledgement at all: no median, no share, and a sentence that says so."""
    said = summary(log(1, 0), log(2, 1, ("resolved", 3)))
    assert (said["median_hours"], said["q90_hours"], said["in_time_share"]) == (None, None, None)
    assert answer_line(said).startswith("no acknowledgements in this log")
    assert summary()["alerts"] == 0


def test_only_alerts_that_people_are_told_of_are_counted() -> None:
    """Not those about the data, in shadow, or held back; one that is released counts from its release."""
    held = replace(log(1, 0)[0], opened_at=None, state="suppressed", transition="suppressed", action=None)
    released = [held, *log(1, 50, ("acknowledged", 51))]
    data = [replace(each, subject="data") for each in log(2, 0)]
    shadow = [replace(each, mode="shadow") for each in log(3, 0)]
    said = summary(released, data, shadow)
    assert (said["alerts"], said["in_time"], said["median_hours"]) == (1, 1, pytest.approx(1.0))
    assert summary([held])["alerts"] == 0


def test_an_older_log_is_due_by_its_rule() -> None:
    """Where no play is named, the rule's time counts; an end by a person is an answer."""
    [opened] = log(1, 0)
    old = replace(opened, action=None)
    by_hand = replace(old, state="resolved", resolved_at=at(47), as_of=at(47), resolve_reason="manual")
    assert responses([old, by_hand]) == [
        Response(
            old.alert_id, START_MS, START_MS + 48 * HOUR_MS, START_MS + 47 * HOUR_MS, START_MS + 47 * HOUR_MS
        )
    ]


@given(
    st.lists(st.tuples(st.integers(0, 90), st.none() | st.integers(0, 30), st.none() | st.integers(0, 40)))
)
def test_every_alert_has_one_verdict(lives: list[tuple[int, int | None, int | None]]) -> None:
    """However people answer: the five counts add up, and the shares are of what they say."""
    logs = []
    for number, (opened, taken, over) in enumerate(lives):
        steps: list[tuple[Transition, float]] = []
        if taken is not None and (over is None or taken <= over):
            steps.append(("acknowledged", opened + taken))
        if over is not None:
            steps.append(("resolved", opened + over))
        logs.append(log(number, opened, *steps))
    said = summary(*logs)
    counts = [said[name] for name in ("in_time", "late", "missed", "gone", "waiting")]
    assert sum(counts) == said["alerts"] == len(lives)
    assert said["acknowledged"] == said["in_time"] + said["late"]
    if said["acknowledged"]:
        assert said["in_time_share"] == said["in_time"] / sum(counts[:3])
        taken_after = sorted(
            taken for _, taken, over in lives if taken is not None and (over is None or taken <= over)
        )
        assert taken_after[0] <= said["median_hours"] <= taken_after[-1]
