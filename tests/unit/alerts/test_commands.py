"""What people say of an alert: what it does in each state, what is refused, what a repetition does."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_command, encode
from schemas.command import CommandV1
from stream.alerts.commands import REMEMBERED, Refused, Told, apply, reserved
from stream.alerts.life import Transition
from stream.alerts.rules import Rule, parse
from stream.pipeline.times import to_ms
from stream.state.alerts import AlertSlots, State
from stream.state.people import Said, Snooze

START = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOW_MS = to_ms(START + timedelta(minutes=5))
RULES = """
[[rule]]
id = "low"
kind = "trust_below"
open = 40
clear = 50
severity = "warning"
owner = "support"
action = "call_today"
cooldown_hours = 24

[[rule]]
id = "bare"
kind = "churn_risk_above"
open = 0.8
clear = 0.7
severity = "warning"
owner = "support"
action = "call_today"
"""
BY_ID: dict[str, Rule] = {rule.id: rule for rule in parse(RULES).rule}
OPEN = (State.OPEN, State.ACKNOWLEDGED, State.SNOOZED, State.RECOVERING, State.SUPPRESSED)
ABOUT_ALERTS = ("acknowledge", "assign", "snooze", "resolve", "note")


def slots(state: State, rule: str = "low", seq: int = 7) -> tuple[AlertSlots, int]:
    """One slot of row 0 in a state, and its place."""
    alerts = AlertSlots(1)
    [place] = alerts.claim(np.array([0]), BY_ID[rule].key).tolist()
    slot = alerts.slots[place]
    slot["state"], slot["seq"], slot["episode"], slot["severity"] = state, seq, 2, 2
    slot["since_ms"] = NOW_MS - 1000
    slot["opened_ms"] = 0 if state is State.SUPPRESSED else NOW_MS - 2000
    slot["back"], slot["held"] = State.OPEN, int(state is State.SUPPRESSED)
    return alerts, place


def command(action: str, **own: Any) -> CommandV1:
    usual = {
        "command_id": action,
        "customer_id": "c0",
        "rule_id": "low",
        "action": action,
        "issued_at": START,
        "issued_by": "mika",
        "reason": "because",
    }
    if action == "snooze":
        usual["until"] = START + timedelta(days=2)
    if action == "assign":
        usual["assignee"] = "ana"
    return decode_command(encode(usual | own))


def do(alerts: AlertSlots, said: CommandV1, now_ms: int = NOW_MS) -> Transition | Refused | None:
    told = Told(to_ms(said.issued_at), to_ms(said.until) if said.until else 0)
    return apply(alerts, 0, 9, said, told, BY_ID, now_ms)


def done(alerts: AlertSlots, said: CommandV1) -> Transition:
    found = do(alerts, said)
    assert isinstance(found, Transition)
    return found


def test_every_action_about_an_alert_is_known_here() -> None:
    """The contract's, without the two about a customer's band."""
    declared = get_args(get_type_hints(CommandV1)["action"])
    assert set(declared) == {*ABOUT_ALERTS, "override", "withdraw"}


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("action", ABOUT_ALERTS)
def test_whatever_is_open_can_be_acted_on(action: str, state: State) -> None:
    """One transition: the next number, the command's id, the same episode; nothing else is touched."""
    alerts, place = slots(state)
    moved = done(alerts, command(action, expected_seq=7))
    assert (moved.seq, moved.episode, moved.command_id) == (8, 2, action)
    assert (moved.now_ms, moved.place, moved.severity) == (NOW_MS, place, "warning")
    assert int(alerts.slots["seq"][place]) == 8
    assert len(alerts) == 1


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("acknowledge", "acknowledged"),
        ("assign", "assigned"),
        ("snooze", "snoozed"),
        ("resolve", "resolved"),
        ("note", "noted"),
    ],
)
def test_each_action_has_its_transition(action: str, kind: str) -> None:
    """Published under the contract's name for it."""
    alerts, _place = slots(State.OPEN)
    assert done(alerts, command(action)).kind == kind


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED, State.SNOOZED])
@pytest.mark.parametrize(
    ("action", "after"), [("acknowledge", State.ACKNOWLEDGED), ("snooze", State.SNOOZED)]
)
def test_taking_on_and_snoozing_begin_a_state(action: str, after: State, state: State) -> None:
    """From any other, at the time of the step."""
    alerts, _place = slots(state)
    moved = done(alerts, command(action))
    assert (moved.state, moved.since_ms, moved.opened_ms) == (after, NOW_MS, NOW_MS - 2000)


@pytest.mark.parametrize(
    ("action", "after"), [("acknowledge", State.ACKNOWLEDGED), ("snooze", State.SNOOZED)]
)
def test_what_recovers_goes_on_recovering(action: str, after: State) -> None:
    """Its time of being clear is not begun anew; if it relapses, it is as the person said."""
    alerts, place = slots(State.RECOVERING)
    moved = done(alerts, command(action))
    assert (moved.state, moved.since_ms) == (State.RECOVERING, NOW_MS - 1000)
    assert alerts.slots["back"][place] == after


@pytest.mark.parametrize("action", ["acknowledge", "snooze"])
def test_what_was_held_back_opens_for_who_takes_it_on(action: str) -> None:
    """It is theirs now, from now on; no budget holds it back again."""
    alerts, place = slots(State.SUPPRESSED)
    moved = done(alerts, command(action))
    assert (moved.opened_ms, moved.held, int(alerts.slots["held"][place])) == (NOW_MS, 0, 0)


@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("action", ["assign", "note"])
def test_an_owner_and_a_note_change_no_state(action: str, state: State) -> None:
    """Neither the state nor when it began."""
    alerts, _place = slots(state)
    moved = done(alerts, command(action))
    assert (moved.state, moved.since_ms) == (state, NOW_MS - 1000)


def test_the_last_word_of_each_kind_is_kept_with_who_said_it() -> None:
    """As the record shows it, at each transition what was known then."""
    alerts, _place = slots(State.OPEN)
    at = to_ms(START)
    first = done(alerts, command("acknowledge"))
    assert first.said is not None
    assert (first.said.ack, first.said.snooze) == (Said("mika", at, "because"), None)
    asleep = done(alerts, command("snooze", reason="holiday")).said
    assert asleep is not None
    assert asleep.snooze == Snooze("mika", to_ms(START + timedelta(days=2)), "holiday")
    assert asleep.ack == Said("mika", at, "because")
    owned = done(alerts, command("assign", issued_by="ben", reason="knows them")).said
    assert owned is not None
    assert (owned.assignee, owned.note) == ("ana", Said("ben", at, "knows them"))
    awake = done(alerts, command("acknowledge", command_id="2", issued_by="ana", reason=None)).said
    assert awake is not None
    assert (awake.ack, awake.snooze, awake.assignee) == (Said("ana", at, None), None, "ana")
    noted = done(alerts, command("note", reason="calls back")).said
    assert noted is not None
    assert noted.note == Said("mika", at, "calls back")
    assert (first.said.snooze, first.said.assignee, first.said.note) == (None, None, None)


def test_a_manual_end_begins_the_cool_down() -> None:
    """Resolved by the step's time, with the events heard so far; what was held back cools down too."""
    for state in OPEN:
        alerts, place = slots(state)
        moved = done(alerts, command("resolve"))
        assert (moved.state, moved.reason, moved.since_ms) == (State.RESOLVED, "manual", NOW_MS)
        slot = alerts.slots[place]
        assert (slot["state"], slot["since_ms"], slot["events"]) == (State.RESOLVED, NOW_MS, 9)
        assert slot["held"] == 0


def test_a_manual_end_without_a_cool_down_waits_for_news() -> None:
    """As after an expiry: it would open again in the same step."""
    alerts, place = slots(State.OPEN, "bare")
    moved = done(alerts, command("resolve", rule_id="bare"))
    assert (moved.state, moved.reason) == (State.RESOLVED, "manual")
    slot = alerts.slots[place]
    assert (slot["state"], slot["back"]) == (State.RESOLVED, State.EXPIRED)


@pytest.mark.parametrize("state", [State.NONE, State.PENDING, State.RESOLVED, State.EXPIRED])
@pytest.mark.parametrize("action", ABOUT_ALERTS)
def test_what_is_over_cannot_be_acted_on(action: str, state: State) -> None:
    """Refused aloud as `not_open`, even if its number is the expected one."""
    alerts, place = slots(state)
    before = alerts.slots[place].copy()
    assert do(alerts, command(action, expected_seq=7)) == Refused(
        "not_open", "episode 2 of the alert is over"
    )
    assert alerts.slots[place] == before
    assert alerts.people == {}


@pytest.mark.parametrize(("rule", "words"), [("bare", "ever open"), ("gone", "not in force")])
def test_an_alert_that_never_was_is_unknown(rule: str, words: str) -> None:
    """Another rule, or one that is no longer in the file; the detail says which."""
    alerts, _place = slots(State.OPEN)
    found = do(alerts, command("note", rule_id=rule))
    assert isinstance(found, Refused)
    assert found.cause == "unknown_alert"
    assert words in found.detail


def test_what_was_never_published_is_unknown() -> None:
    """A rule that holds and has to go on holding before anybody hears of it."""
    alerts, _place = slots(State.PENDING, seq=0)
    found = do(alerts, command("acknowledge"))
    assert isinstance(found, Refused)
    assert found.cause == "unknown_alert"


@pytest.mark.parametrize("expected", [0, 6, 8])
def test_a_stale_command_is_refused_with_both_numbers(expected: int) -> None:
    """Its author has not seen what the alert is now."""
    alerts, place = slots(State.OPEN)
    found = do(alerts, command("resolve", expected_seq=expected))
    assert found == Refused("stale_command", f"`expected_seq` is {expected}, the `seq` of the alert is 7")
    assert alerts.slots["state"][place] == State.OPEN


@pytest.mark.parametrize(
    ("until", "cause"),
    [
        (timedelta(0), "invalid_field"),
        (timedelta(days=-1), "invalid_field"),
        (timedelta(days=90, milliseconds=1), "invalid_field"),
        (timedelta(days=90), ""),
        (timedelta(milliseconds=1), ""),
    ],
)
def test_a_snooze_ends_after_it_begins_and_within_ninety_days(until: timedelta, cause: str) -> None:
    """To the millisecond, counted from when it was issued."""
    alerts, _place = slots(State.OPEN)
    found = do(alerts, command("snooze", until=START + until))
    assert (found.cause if isinstance(found, Refused) else "") == cause


@given(st.lists(st.integers(0, 40), max_size=60))
def test_of_the_last_commands_none_is_done_twice(ids: list[int]) -> None:
    """A repeated id changes nothing; an alert remembers as many ids as it promises, the latest."""
    alerts, place = slots(State.OPEN)
    known: list[int] = []
    for number in ids:
        moved = do(alerts, command("note", command_id=f"id {number}"))
        assert (moved is None) == (number in known)
        if moved is not None:
            known = [*known, number][-REMEMBERED:]
    remembered = alerts.people[place].commands if ids else []
    assert len(remembered) == len(known)


def test_a_repeated_command_is_quiet_even_when_the_alert_has_moved_on() -> None:
    """Neither stale nor not open: it was done, and what came after it was another's doing."""
    alerts, _place = slots(State.OPEN)
    for said in (command("acknowledge", expected_seq=7), command("resolve", expected_seq=8)):
        assert isinstance(do(alerts, said), Transition)
    assert do(alerts, command("acknowledge", expected_seq=7)) is None
    assert do(alerts, command("resolve", expected_seq=8)) is None


def test_commands_outlive_the_episode_and_its_words_do_not() -> None:
    """A repetition that comes when the alert is open anew does not act on the new one."""
    alerts, place = slots(State.OPEN)
    done(alerts, command("acknowledge"))
    people = alerts.people[place]
    people.begin()
    alerts.slots["episode"][place] += 1
    assert do(alerts, command("acknowledge")) is None
    assert people.ack is None


@pytest.mark.parametrize(
    ("author", "is_so"),
    [("kizuna", True), (" Kizuna ", True), ("\x00ana", True), ("\x1fana", True), ("ana", False)],
)
def test_nobody_speaks_in_our_name(author: str, is_so: bool) -> None:
    """Nor under a name that begins with a control character."""
    assert reserved(author) is is_so
