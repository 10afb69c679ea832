"""Derived figures of whole histories, counted again from the events themselves."""

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from stream.alerts import rules
from stream.model import parameters
from stream.model.columns import CHANNELS, TIERS
from stream.model.derived import LOYALTY, NO_VALUE
from stream.pipeline import Pipeline
from stream.pipeline.derive import Derived, derive
from stream.pipeline.segments import GROUPINGS, Segment, segments
from tests.strategies import DAY_MS, HOUR_MS, START_MS, Body, bodies, iso, records

PIPELINE = Pipeline(parameters.load(), rules.load())
NOW_MS = START_MS + 121 * DAY_MS
LOW = {"nps": range(7), "csat": (1, 2), "ces1": (4, 5), "ces2": (1, 2, 3)}


def derived(found: list[Body], now_ms: int = NOW_MS) -> tuple[list[str], Derived]:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(found), now_ms)
    rows = table.live(0, table.n_rows)
    names = [key.decode() for key in table.key_list(rows)]
    return names, derive(table, rows, now_ms, PIPELINE.parameters)


def time_of(body: Body) -> int:
    return round(datetime.fromisoformat(body["occurred_at"]).timestamp() * 1000)


def only(found: list[Body], by: str = "segment") -> Segment:
    [segment] = segments(derived(found)[1], by)
    return segment


def step(name: str, after_ms: int, /, who: str = "c", **own: Any) -> Body:
    common = {"type": name, "customer_id": who, "occurred_at": iso(NOW_MS + after_ms)}
    return common | {"event_id": f"{name}{after_ms}{own}"} | own


@given(bodies(max_size=80, customers=4, days=120.0))
@settings(max_examples=50)
def test_rolling_figures_are_those_of_the_answers(found: list[Body]) -> None:
    """NPS of the last 90 days by segment, counted from the events; nothing older, nobody twice."""
    expected: defaultdict[str, Counter[str]] = defaultdict(Counter)
    profile: dict[str, tuple[int, str]] = {}
    for body in found:
        if body["type"] == "profile" and body["segment"]:
            who, given_ = body["customer_id"], (time_of(body) // 1000, body["segment"])
            profile[who] = max(given_, profile.get(who, given_))
    for body in found:
        if (
            body["type"] == "survey"
            and body["instrument"] == "nps"
            and time_of(body) > NOW_MS - 90 * DAY_MS + 64_000
        ):
            whose = profile.get(body["customer_id"], (0, "(none)"))[1]
            kind = "p" if body["score"] >= 9 else "d" if body["score"] <= 6 else "o"
            expected[whose][kind] += 1
    for segment in segments(derived(found)[1]):
        n, value, _ = segment.surveys["nps"]
        counts = expected[segment.name]
        assert n == counts.total()
        if n:
            assert value == pytest.approx(100.0 * (counts["p"] - counts["d"]) / n)


@given(bodies(max_size=80, customers=4, days=120.0))
@settings(max_examples=50)
def test_groups_of_every_kind_hold_everybody_once(found: list[Body]) -> None:
    """By segment, tier, channel or lifecycle: counts sum to the customers, answers to the answers."""
    names, its = derived(found)
    for by in GROUPINGS:
        groups = segments(its, by)
        assert sum(group.customers for group in groups) == len(names)
        assert sum(group.surveys["csat"][0] for group in groups) == sum(
            body["type"] == "survey"
            and body["instrument"] == "csat"
            and time_of(body) > NOW_MS - 90 * DAY_MS + 64_000
            for body in found
        )
        typed = sum(sum(group.loyalty.values()) for group in groups)
        assert typed == int((its.loyalty >= 0).sum())
        assert sum(n for group in groups for n, _, _ in group.value.values()) == int(
            (its.no_value == 0).sum()
        )


def test_groups_are_named_by_what_is_known() -> None:
    """Tier, the one channel bought through, new against returning."""
    buys = [
        step("purchase", -20 * DAY_MS, amount=5, currency="EUR", channel="web"),
        step("purchase", -9 * DAY_MS, amount=5, currency="EUR", channel="WEB"),
        step("profile", -DAY_MS, tier="gold"),
    ]
    assert [only(buys, by).name for by in GROUPINGS] == ["(none)", "gold", "web", "returning"]
    assert only(buys[:1], "lifecycle").name == "new"
    assert only(buys[2:], "lifecycle").name == "never bought"
    both = [*buys, step("purchase", -DAY_MS, amount=5, currency="EUR", channel="store")]
    assert only(both, "channel").name == "several"
    assert set(TIERS) | set(CHANNELS) >= {"gold", "web", "store"}


def test_a_low_answer_is_acted_on_by_a_reply_a_solution_or_a_recovery() -> None:
    """Within the due time after it; what came before it does not count."""
    low = step("survey", -20 * DAY_MS, instrument="csat", score=1)
    due_ms = round(PIPELINE.parameters.derived.feedback_due_hours * HOUR_MS)
    ticket = {"ticket_id": "t", "status": "first_reply"}
    helps = [
        step("ticket", -20 * DAY_MS + due_ms // 2, **ticket),
        step("ticket", -20 * DAY_MS + due_ms // 2, **(ticket | {"status": "resolved"})),
        step("recovery", -20 * DAY_MS + due_ms // 2, kind="apology"),
    ]
    assert only([low]).low_answers == (1, 0, 0)
    assert [only([low, each]).low_answers for each in helps] == [(1, 1, 0)] * 3
    too_late = step("ticket", -20 * DAY_MS + due_ms + HOUR_MS, **ticket)
    before = step("ticket", -21 * DAY_MS, **ticket)
    assert only([low, too_late]).low_answers == only([low, before]).low_answers == (1, 0, 0)
    fresh = step("survey", -HOUR_MS, instrument="nps", score=6)
    assert only([fresh]).low_answers == (1, 0, 1)


def test_a_ticket_that_hops_between_channels_is_counted() -> None:
    """Any step through another channel, in any order; a ticket without a channel says nothing."""
    steps = [
        step("ticket", -5 * DAY_MS, ticket_id="a", status="opened", channel="phone"),
        step("ticket", -4 * DAY_MS, ticket_id="a", status="resolved", channel="email"),
        step("ticket", -5 * DAY_MS, ticket_id="b", status="opened", channel="Chat"),
        step("ticket", -4 * DAY_MS, ticket_id="b", status="resolved", channel="chat"),
        step("ticket", -4 * DAY_MS, ticket_id="c", status="opened"),
    ]
    assert only(steps).tickets == only(steps[::-1]).tickets == (2, 1)


def test_value_is_summed_by_currency_and_never_across() -> None:
    """Who pays in two currencies has no value and no value at risk; the others keep theirs."""
    buys = [
        step("purchase", -20 * DAY_MS - k * DAY_MS, who, amount=100, currency=currency)
        for who, currency in (("a", "EUR"), ("b", "JPY"), ("c", "EUR"), ("c", "JPY"))
        for k in range(4)
    ]
    names, its = derived(buys)
    absent = {name: NO_VALUE[reason] for name, reason in zip(names, its.no_value.tolist(), strict=True)}
    assert absent == {"a": "", "b": "", "c": "several_currencies"}
    value = only(buys).value
    assert list(value) == ["EUR", "JPY"]
    for n, worth, at_risk in value.values():
        assert n == 1
        assert 0.0 < at_risk < worth
    assert its.at_risk[0] == its.value[0] * its.scores.risk.churn_risk[0]


def test_change_of_trust_has_its_sign_and_its_window() -> None:
    """A bad answer five days ago is in both changes, one of twenty days ago in the longer only."""
    calm = step("referral", -60 * DAY_MS)
    for age, moved in ((5, (True, True)), (20, (False, True))):
        _, its = derived([calm, step("survey", -age * DAY_MS, instrument="nps", score=0)])
        fell = tuple(bool(its.change[days][0] < -5.0) for days in (7, 30))
        assert fell == moved


def test_nobody_makes_no_groups() -> None:
    """An empty table has no groups and raises nothing; one customer is one group."""
    assert segments(derived([])[1]) == []
    one = only([step("engagement", -DAY_MS, kind="visit")])
    assert (one.customers, one.churn_risk, one.surveys["nps"]) == (1, None, (0, None, None))
    assert sum(one.loyalty.values()) == 0
    assert set(one.loyalty) == set(LOYALTY)
    assert not np.isnan(one.trust)
