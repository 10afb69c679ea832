"""Lead times, flaps and precision: against timelines walked through one moment after the other."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.offline.leadtime import (
    DAY_MS,
    Episode,
    chance_precision,
    flaps,
    lead_summary,
    lead_times,
    precision,
)
from stream.offline.truth import Truth

START = datetime(2025, 1, 1, tzinfo=UTC)
START_MS = round(START.timestamp() * 1000)
END_DAY = 120
NEVER = 10**6


def _at(day: float) -> datetime:
    return START + timedelta(days=day)


def _episode(customer: str, opened: float, closed: float | None, rule: str = "a") -> Episode:
    end = None if closed is None else START_MS + round(closed * DAY_MS)
    return Episode(customer, rule, "error", START_MS + round(opened * DAY_MS), end)


@st.composite
def logs(draw: st.DrawFn) -> list[Episode]:
    """Episodes of three customers and two rules; those of one rule follow one another."""
    log = []
    for customer in "xyz":
        for rule in "ab":
            turns = sorted(draw(st.sets(st.integers(0, END_DAY), max_size=8)))
            for opened, closed in zip(turns[::2], [*turns[1::2], None], strict=False):
                log.append(_episode(customer, opened, closed, rule))
    return draw(st.permutations(log))


@st.composite
def truths(draw: st.DrawFn) -> list[Truth]:
    """Whether and when each of the three left, and was dissatisfied."""
    rows = []
    for customer in "xyz":
        left = draw(st.none() | st.integers(1, END_DAY))
        unhappy = draw(st.none() | st.integers(0, END_DAY if left is None else left - 1))
        rows.append(
            Truth(
                customer,
                left is not None,
                None if left is None else _at(left),
                "cause" if unhappy is not None else "",
                None if unhappy is None else _at(unhappy),
            )
        )
    return rows


def test_lead_is_counted_from_the_first_alert_that_was_still_open() -> None:
    """A resolved alert warned of nothing; of several open ones the first counts; later ones are delay."""
    log = [
        _episode("x", 1, 5),
        _episode("x", 20, None),
        _episode("x", 30, 60, rule="b"),
        _episode("y", 10, 39),
        _episode("y", 45, None),
        _episode("z", 8, None),
    ]
    truth = [
        Truth("x", True, _at(40), "late", _at(15)),
        Truth("y", True, _at(40), "late", _at(5)),
        Truth("z", False, None, ""),
    ]
    x, y = lead_times(log, truth)
    assert (x.lead_days, x.by_chance, math.isnan(x.delay_days)) == (20.0, False, True)
    assert (math.isnan(y.lead_days), y.delay_days) == (True, 5.0)
    early = [Truth("x", True, _at(40), "late", _at(25))]
    assert lead_times(log, early)[0].by_chance
    found = lead_summary([x, y])
    assert (found["left"], found["warned"], found["caught"], found["median_days"]) == (2, 1, 0.5, 20.0)
    assert (found["share_14d"], found["share_30d"], found["told_after"]) == (1.0, 0.0, 1)


@given(log=logs(), truth=truths())
def test_lead_times_are_those_of_somebody_who_watched(log: list[Episode], truth: list[Truth]) -> None:
    """Walk through the days, keep a list of open alerts, look at it on the day the customer leaves."""
    expected = []
    for row in truth:
        if row.churn_at is None:
            continue
        mine = [each for each in log if each.customer_id == row.customer_id]
        open_since: dict[str, int] = {}
        after = math.nan
        left = (row.churn_at - START).days
        lead = math.nan
        for day in range(END_DAY + 1):
            now_ms = START_MS + day * DAY_MS
            for each in mine:
                if each.closed_ms == now_ms:
                    open_since.pop(each.rule, None)
            for each in mine:
                if each.opened_ms == now_ms:
                    open_since[each.rule] = day
                    if day > left and math.isnan(after):
                        after = float(day - left)
            if day == left and open_since:
                lead = float(left - min(open_since.values()))
        expected.append((row.customer_id, lead, after))
    got = [(each.customer_id, each.lead_days, each.delay_days) for each in lead_times(log, truth)]
    assert repr(got) == repr(expected)


@given(log=logs(), within=st.integers(0, 40))
def test_flap_is_an_alert_that_is_back_soon(log: list[Episode], within: int) -> None:
    """Compare each alert with every other one of the same customer and rule."""
    expected = sum(
        any(
            (other.customer_id, other.rule) == (each.customer_id, each.rule)
            and other.closed_ms is not None
            and 0 <= each.opened_ms - other.closed_ms <= within * DAY_MS
            for other in log
        )
        for each in log
    )
    assert flaps(log, within) == expected


@given(log=logs(), truth=truths(), within=st.integers(1, 60))
def test_every_alert_has_one_verdict(log: list[Episode], truth: list[Truth], within: int) -> None:
    """Right, too late, wrong and undecided add up; right ones are followed by a departure in time."""
    end_ms = START_MS + END_DAY * DAY_MS
    found = precision(log, truth, end_ms=end_ms, within_days=within)
    assert sum(found[name] for name in ("right", "too_late", "wrong", "undecided")) == len(log)
    left = {row.customer_id: NEVER if row.churn_at is None else (row.churn_at - START).days for row in truth}
    waits = [left[each.customer_id] - (each.opened_ms - START_MS) // DAY_MS for each in log]
    assert found["right"] == sum(0 <= wait <= within for wait in waits)
    assert found["too_late"] == sum(wait < 0 for wait in waits)
    decided = len(log) - found["undecided"]
    assert found["precision"] == (found["right"] / decided if decided else None)


@given(log=logs(), truth=truths(), budget=st.integers(0, 3))
def test_budget_is_kept_every_week(log: list[Episode], truth: list[Truth], budget: int) -> None:
    """No week has more alerts worked on than the budget, nor fewer than there were customers to work on."""
    end_ms = START_MS + END_DAY * DAY_MS
    found = precision(log, truth, end_ms=end_ms, within_days=30, weekly_budget=budget)
    weeks: dict[int, set[str]] = {}
    for each in log:
        weeks.setdefault(each.opened_ms // (7 * DAY_MS), set()).add(each.customer_id)
    worked = sum(found[name] for name in ("right", "too_late", "wrong", "undecided"))
    assert worked == sum(min(budget, len(customers)) for customers in weeks.values())


def test_most_severe_alerts_are_worked_on_first() -> None:
    """A critical alert late in the week takes the place of an earlier warning."""
    warning = _episode("x", 2, None)._replace(severity="warning")
    critical = _episode("y", 5, None)._replace(severity="critical")
    truth = [Truth("x", False, None, ""), Truth("y", True, _at(20), "late", _at(1))]
    end_ms = START_MS + END_DAY * DAY_MS
    found = precision([warning, critical], truth, end_ms=end_ms, within_days=30, weekly_budget=1)
    assert (found["right"], found["wrong"], found["in_trouble"]) == (1, 0, 1)


@given(truth=truths(), within=st.integers(1, 60))
def test_chance_is_the_precision_of_an_alert_on_every_day(truth: list[Truth], within: int) -> None:
    """One alert at noon of every day on which a customer is still there is right as often as chance says."""
    end_ms = START_MS + END_DAY * DAY_MS
    log = [
        _episode(row.customer_id, day + 0.5, None)
        for row in truth
        for day in range(END_DAY if row.churn_at is None else (row.churn_at - START).days)
    ]
    stays = [(START_MS, row.churn_ms) for row in truth]
    by_chance = chance_precision(stays, end_ms=end_ms, within_days=within)
    found = precision(log, truth, end_ms=end_ms, within_days=within)
    assert found["precision"] == (None if by_chance is None else pytest.approx(by_chance))


def test_nothing_to_judge_is_said_as_nothing() -> None:
    """No churner, no alert: counts of 0 and no number, never a warning or nan."""
    found = lead_summary([])
    assert (found["left"], found["caught"], found["median_days"], found["share_14d"]) == (0, None, None, None)
    assert precision([], [], end_ms=START_MS, within_days=30)["precision"] is None
    assert flaps([], 30) == 0
    assert not any(isinstance(value, float) and np.isnan(value) for value in found.values())
