"""What is held back, why, and in which order it comes out."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.alerts import rules
from stream.alerts.storm import BEHIND, BUDGET, MASS_DROP, STALE, Gate, drops
from stream.state.storm import Storm

NOW_MS = 1_764_000_000_000
MINUTE_MS = 60_000
RULE = rules.load().rule[0]
LIMITS = rules.Storm(
    budget_per_minute=3,
    mass_drop_percent=5.0,
    mass_drop_least=10,
    mass_drop_minutes=10.0,
    behind_minutes=15.0,
    stale_hours=24.0,
)


def gate(
    storm: Storm,
    n: int,
    *,
    now_ms: int = NOW_MS,
    limits: rules.Storm = LIMITS,
    customers: int = 10_000,
    worth: list[float] | None = None,
    segments: list[bytes] | None = None,
    newest_ms: int | None = None,
    behind_ms: int = 0,
) -> Gate:
    return Gate(
        storm,
        limits,
        customers,
        now_ms,
        now_ms + behind_ms,
        now_ms if newest_ms is None else newest_ms,
        np.array(segments or [b""] * n, "S16"),
        lambda chosen: np.array(worth or [0.0] * n)[chosen],
    )


def reasons(of: Gate, n: int, *, released: bool = False, rule: rules.Rule = RULE) -> list[int]:
    found: list[int] = of(rule, np.arange(n), released=released).tolist()
    return found


def test_budget_of_a_minute_opens_the_most_worth_first() -> None:
    """Unknown worth counts as none, and ties keep their order."""
    storm = Storm()
    found = reasons(gate(storm, 5, worth=[1.0, float("nan"), 9.0, 5.0, 7.0]), 5)
    assert found == [BUDGET, BUDGET, 0, 0, 0]
    assert reasons(gate(storm, 1), 1) == [BUDGET]


def test_the_next_minute_has_a_budget_of_its_own() -> None:
    """What a minute did not use is gone."""
    storm = Storm()
    assert reasons(gate(storm, 3), 3) == [0, 0, 0]
    assert reasons(gate(storm, 1, now_ms=NOW_MS + MINUTE_MS), 1) == [0]


def test_each_segment_has_its_own_budget() -> None:
    """A storm among some does not silence the others."""
    found = reasons(gate(Storm(), 6, segments=[b"a"] * 4 + [b"b"] * 2), 6)
    assert found == [0, 0, 0, BUDGET, 0, 0]


def test_shadow_rules_use_no_budget() -> None:
    """Nobody is told of them."""
    shadow = msgspec.structs.replace(RULE, mode="shadow")
    storm = Storm()
    assert reasons(gate(storm, 9), 9, rule=shadow) == [0] * 9
    assert storm.opened == {}


def test_a_rule_on_trial_is_no_mass_drop() -> None:
    """It holds for whomever it holds as it begins: that tells nobody of the data, and holds nobody back."""
    shadow = msgspec.structs.replace(RULE, mode="shadow")
    storm, limits = Storm(), msgspec.structs.replace(LIMITS, budget_per_minute=0)
    assert reasons(gate(storm, 900, customers=1000, limits=limits), 900, rule=shadow) == [0] * 900
    assert reasons(gate(storm, 9, customers=1000, limits=limits), 9) == [0] * 9
    assert (storm.since_ms, storm.seq) == (0, 0)


def test_mass_drop_holds_everybody_and_opens_one_alert_about_the_data() -> None:
    """More than 5 % within ten minutes, spread over them; later crossings are held too."""
    storm = Storm()
    limits = msgspec.structs.replace(LIMITS, budget_per_minute=0)
    assert reasons(gate(storm, 30, customers=1000, limits=limits), 30) == [0] * 30
    assert storm.since_ms == 0
    later = NOW_MS + 5 * MINUTE_MS
    assert reasons(gate(storm, 21, customers=1000, limits=limits, now_ms=later), 21) == [MASS_DROP] * 21
    assert (storm.since_ms, storm.rule, storm.share, storm.episode, storm.seq) == (later, RULE.id, 5.1, 1, 1)
    assert reasons(gate(storm, 1, customers=1000, limits=limits, now_ms=later + 1), 1) == [MASS_DROP]
    assert storm.seq == 1


def test_crossings_of_long_ago_are_no_drop() -> None:
    """30 and 30 of a thousand are 6 %, but not within ten minutes."""
    storm, limits = Storm(), msgspec.structs.replace(LIMITS, budget_per_minute=0)
    assert reasons(gate(storm, 30, customers=1000, limits=limits), 30) == [0] * 30
    later = NOW_MS + 11 * MINUTE_MS
    assert reasons(gate(storm, 30, customers=1000, limits=limits, now_ms=later), 30) == [0] * 30


def test_few_customers_are_no_mass() -> None:
    """Nine of ten, below the least number."""
    limits = msgspec.structs.replace(LIMITS, budget_per_minute=0)
    assert reasons(gate(Storm(), 9, customers=10, limits=limits), 9) == [0] * 9


def test_what_is_held_back_already_does_not_cross_again() -> None:
    """Asking again each minute is no new storm."""
    storm, limits = Storm(), msgspec.structs.replace(LIMITS, budget_per_minute=1)
    for minute in range(30):
        gate_now = gate(storm, 100, customers=200, limits=limits, now_ms=NOW_MS + minute * MINUTE_MS)
        assert reasons(gate_now, 100, released=True).count(0) == 1
    assert storm.crossed == {}
    assert storm.since_ms == 0


@pytest.mark.parametrize(
    ("behind_ms", "age_ms", "reason"),
    [
        (15 * MINUTE_MS, 0, 0),
        (15 * MINUTE_MS + 1, 0, BEHIND),
        (0, 24 * 60 * MINUTE_MS, 0),
        (0, 24 * 60 * MINUTE_MS + 1, STALE),
    ],
)
def test_nothing_opens_while_the_data_are_old(behind_ms: int, age_ms: int, reason: int) -> None:
    """Behind the wall clock, or without a new event for too long; on the line it still opens."""
    of = gate(Storm(), 2, behind_ms=behind_ms, newest_ms=NOW_MS - age_ms)
    assert reasons(of, 2) == [reason, reason]


def test_old_data_count_for_nothing() -> None:
    """Neither as a crossing nor against the budget: nothing is known of now."""
    storm = Storm()
    reasons(gate(storm, 100, customers=100, behind_ms=10**9), 100)
    assert storm == Storm()


def test_limits_of_zero_hold_nothing_back() -> None:
    """Each can be turned off."""
    none = rules.Storm(budget_per_minute=0, mass_drop_percent=0.0, behind_minutes=0.0, stale_hours=0.0)
    of = gate(Storm(), 50, customers=50, limits=none, behind_ms=10**10, newest_ms=0)
    assert reasons(of, 50) == [0] * 50


def test_alert_about_the_data_is_over_when_its_customers_are_back() -> None:
    """Below half of what opened it, so that it does not flap."""
    storm = Storm(since_ms=NOW_MS)
    assert drops(storm, LIMITS, 10_000, 6)
    assert not drops(storm, LIMITS, 10_000, 5)
    assert not drops(Storm(), LIMITS, 10_000, 100)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12)), max_size=20))
def test_a_minute_never_opens_more_than_its_budget(steps: list[tuple[int, int]]) -> None:
    """However the openings are split over steps, and through a restart after each."""
    storm, opened, now_ms = Storm(), dict[int, int](), NOW_MS
    for seconds, n in steps:
        now_ms += seconds * 1000
        found = reasons(gate(storm, n, now_ms=now_ms, customers=10**6), n)
        opened[now_ms // MINUTE_MS] = opened.get(now_ms // MINUTE_MS, 0) + found.count(0)
        storm = msgspec.json.decode(msgspec.json.encode(storm), type=Storm)
    assert all(n <= 3 for n in opened.values())
