"""An alert in words: what happened, why, and what to do about it."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from msgspec.structs import replace

from schemas.alert import Acknowledged, Action, AlertV1, Note, Snoozed, State, Suppressed, Transition, WhatIf
from schemas.score import Reason
from stream.alerts.rules import Kind
from stream.texts.alerts import alert_lines, alert_title, play_words, why
from stream.texts.languages import ENGLISH, JAPANESE, LANGUAGES, Language
from tests.contract.strategies import struct

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
REASONS = [
    Reason("trust", "recovery", 3.0, 1.0, 0.0),
    Reason("trust", "survey", -2.5, -0.5, 0.0),
    Reason("trust", "delivery", -12.25, -0.8, 0.0),
    Reason("churn_risk", "silence", 2.0, 64.0, 6.0),
]
ACTION = Action(
    "fix_delivery",
    "delivery",
    "support",
    NOW + timedelta(hours=24),
    WhatIf(["deliver", "apologise"], ["D-7", None], 70.0, 52.4, 0.5),
)


BASE = AlertV1(
    alert_id="5f3b6c2e-6a64-5b1e-9d0a-0c2a4be1f7aa",
    dedup_key="c-1|low",
    episode=1,
    seq=1,
    rule_id="low",
    rule_version="1",
    model_version="1",
    customer_id="c-1",
    segment=None,
    severity="error",
    state="open",
    state_since=NOW,
    opened_at=NOW,
    resolved_at=None,
    resolve_reason=None,
    as_of=NOW,
    trust=31.2,
    churn_risk=None,
    horizon_days=90,
    threshold_open=40.0,
    threshold_clear=50.0,
    reasons=REASONS,
    recommended_action="fix_delivery",
    owner="support",
    due_at=NOW + timedelta(hours=48),
    transition="opened",
    value=31.2,
    trend=-0.5,
    value_at_risk=120.0,
    currency="EUR",
    action=ACTION,
    kind="trust_below",
)


def alert(**fields: object) -> AlertV1:
    return replace(BASE, **fields)


def test_an_alert_says_what_why_and_what_to_do() -> None:
    """What speaks against the customer, largest first, with observed and usual; the play; what is enough."""
    assert alert_title(alert()) == "trust 31.2, at or below 40.0: c-1"
    assert alert_lines(alert()) == [
        "opened (error, since 2026-11-22 10:00 UTC): trust 31.2, at or below 40.0",
        "why: deliveries came late or failed (reliability, mean grade -0.80, neutral 0)",
        "why: gave bad marks in surveys (assurance, mean grade -0.50, neutral 0)",
        "trust moves by -0.50 points a day; at risk: 120.00 EUR",
        "to do: apologise, compensate, and give a date that will hold (support, by 2026-11-23 10:00 UTC)",
        "enough at once: deliver D-7 and apologise in person (70 min)",
    ]


def test_the_same_in_japanese() -> None:
    """Every line is there, and none is English but for names and numbers."""
    lines = alert_lines(alert(), JAPANESE)
    assert len(lines) == len(alert_lines(alert()))
    assert lines[1] == "理由: 配達が遅れた、または届かなかった (信頼性、平均評価 -0.80、中立は0)"
    assert "お詫びと補償" in lines[4]
    assert not any(line.isascii() for line in lines)


def test_a_silence_is_said_with_its_length() -> None:
    """An alert about the risk names the reasons of the risk, in their own units."""
    lines = alert_lines(alert(kind="churn_risk_above", value=0.9, threshold_open=0.85))
    assert [line for line in lines if line.startswith("why")] == [
        "why: silent for longer than usual (64 days, usual gap 6)"
    ]


def test_what_people_said_is_passed_on() -> None:
    """Who took it on, until when it rests, the last note."""
    lines = alert_lines(
        alert(
            state="snoozed",
            transition="snoozed",
            ack=Acknowledged("mika", NOW, None),
            snooze=Snoozed(NOW + timedelta(days=2), "mika", "holiday"),
            note=Note("ayumi", NOW, "Called twice."),
        )
    )
    assert lines[1:4] == [
        "taken on by mika",
        "snoozed until 2026-11-24 10:00 UTC by mika",
        "ayumi: Called twice.",
    ]


def test_the_reason_that_a_rule_rang_for_comes_first() -> None:
    """A failed payment says so, though a parcel that is late weighs more; without its reason size decides."""
    failed = Reason("churn_risk", "payment_failures", 0.2, 2.0, 0.0)
    assert why(alert(kind="payment_failed", reasons=[*REASONS, failed]))[0].startswith("payments failed")
    overdue = Reason("trust", "delivery_overdue", -0.5, -1.0, 0.0)
    found = why(alert(kind="promise_overdue", reasons=[*REASONS, overdue]))
    assert found[0].startswith("a promised delivery is overdue")
    assert why(alert(kind="payment_failed"))[0].startswith("deliveries came late or failed")


def test_an_alert_that_is_over_asks_for_nothing() -> None:
    """It says why it is over; an unknown reason is passed on as it is."""
    over = alert(state="resolved", transition="resolved", resolve_reason="recovered")
    lines = alert_lines(over)
    assert "over: the cause is gone" in lines
    assert not any(line.startswith(("to do", "enough")) for line in lines)
    assert "over: moved away" in alert_lines(alert(state="resolved", resolve_reason="moved away"))


@pytest.mark.parametrize("state", ["recovering", "resolved", "expired"])
def test_what_holds_no_longer_is_not_said_to_hold(state: State) -> None:
    """A rule that rang below 40 is named, without `at or below` beside a value that is above."""
    over = alert(state=state, value=62.0)
    assert alert_title(over) == f"rule {over.rule_id}: {over.customer_id}"
    assert "at or below" not in alert_lines(over)[0]
    assert "at or below" in alert_lines(alert(value=38.0))[0]


@pytest.mark.parametrize("state", ["open", "acknowledged", "snoozed"])
def test_between_its_thresholds_an_alert_names_both_and_claims_neither(state: State) -> None:
    """On `open` it holds; from there to `clear`, where it stays open, the value is said to be beyond none."""
    assert alert_title(alert(state=state, value=40.0)) == "trust 40.0, at or below 40.0: c-1"
    eased = alert(state=state, value=45.2)
    assert alert_title(eased) == "trust 45.2 (opens at or below 40.0, over only above 50.0): c-1"
    assert alert_title(eased, JAPANESE) == "信頼 45.2 (40.0以下で発生、50.0を超えるまで続く): c-1"
    assert ", at or below" not in alert_lines(eased)[0]
    risk = alert(state=state, kind="churn_risk_above", value=0.85, threshold_open=0.85, threshold_clear=0.75)
    assert alert_title(risk) == "churn risk 0.85, at or above 0.85: c-1"
    assert alert_title(replace(risk, value=0.8)) == (
        "churn risk 0.80 (opens at or above 0.85, over only below 0.75): c-1"
    )


@pytest.mark.parametrize("state", get_args(State))
def test_only_an_alert_that_lives_rests(state: State) -> None:
    """Nothing is snoozed any more of what is over; who took it on, and the note, stay what happened."""
    asleep = Snoozed(NOW + timedelta(days=2), "mika", "holiday")
    said = alert(state=state, snooze=asleep, ack=Acknowledged("mika", NOW, None))
    for language, word in ((ENGLISH, "snoozed until"), (JAPANESE, "一時停止")):
        lines = alert_lines(replace(said, transition="noted"), language)
        assert any(word in line for line in lines) == (state not in ("resolved", "expired"))
        assert language.say("acknowledged_by", author="mika") in lines


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=lambda language: language.code)
def test_every_transition_state_and_kind_has_its_words(language: Language) -> None:
    """No code of the contract reaches a person as a code, and no two transitions read the same."""
    said = {name: alert_lines(alert(transition=name), language)[0] for name in get_args(Transition)}
    assert len(set(said.values())) == len(said)
    values = (-1e6, 1e6)  # of each kind, one opens it and the other no longer does
    titles = {alert_title(alert(kind=kind, value=v), language) for kind in get_args(Kind) for v in values}
    assert len(titles) == len(values) * len(get_args(Kind))
    assert not any(kind in title for kind in get_args(Kind) for title in titles)
    for held in get_args(Suppressed):
        assert len(alert_lines(alert(state="suppressed", suppressed_by=held), language)) == 7
    for state in get_args(State):
        assert alert_lines(alert(state=state, transition=None), language)


def test_the_customer_need_not_be_named() -> None:
    """A sink that may not hold ids gives another name; the lines name nobody."""
    assert alert_title(alert(), who="a customer").endswith(": a customer")
    assert "c-1" not in "".join(alert_lines(alert()))


def test_doubtful_data_are_no_customers_matter() -> None:
    """The alert about the data asks to check them, and gives no reason of anybody."""
    data = alert(
        subject="data",
        customer_id="partition-3",
        reasons=[],
        trust=None,
        action=None,
        trend=None,
        value_at_risk=None,
        recommended_action="check_the_data",
    )
    assert "data may be at fault" in alert_title(data)
    assert alert_lines(data)[1:] == [
        "to do: check the data before anybody calls a customer (support, by 2026-11-24 10:00 UTC)"
    ]
    assert play_words("of_tomorrow") == "of_tomorrow"


@given(struct(AlertV1))
def test_any_alert_can_be_said(any_alert: AlertV1) -> None:
    """Whatever the contract allows has a title and at least one line, in every language."""
    for language in (ENGLISH, JAPANESE):
        assert alert_title(any_alert, language)
        assert all(alert_lines(any_alert, language))
