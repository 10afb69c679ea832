"""What people say of alerts, through a step: records, order, repetition, state, and who may say it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas import dead_letter
from schemas.alert import Acknowledged, AlertV1, Note, Snoozed
from schemas.codec import decode_alert, decode_command, decode_score, encode
from schemas.command import MAC, mac
from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Effects, FileRecord, Pipeline
from stream.pipeline.encode import rfc3339
from stream.state.table import CustomerTable
from tests import calm
from tests.strategies import DAY_MS, START_MS, Body, iso, records

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
escalate = 15
escalate_severity = "critical"
escalate_owner = "lead"

[[rule]]
id = "never"
kind = "churn_risk_above"
open = 0.99
clear = 0.5
severity = "info"
owner = "support"
action = "call_today"
"""
LAW = replace(rules.parse(RULES), storm=calm.NO_STORM)
SECRET = b"0123456789abcdef"
HOUR_MS = DAY_MS // 24
PIPELINE = Pipeline(parameters.load(), LAW)
SIGNED = Pipeline(parameters.load(), LAW, command_key=SECRET)


def survey(number: int, score: int) -> Body:
    own = {"instrument": "nps", "score": score, "event_id": f"e{number}"}
    return {"type": "survey", "customer_id": "c0", "occurred_at": iso(START_MS)} | own


def angry() -> CustomerTable:
    """One customer whose alert is open."""
    table = PIPELINE.new_table()
    [opened] = alerts(PIPELINE.step(table, records([survey(1, 0)]), START_MS))
    assert (opened.transition, opened.seq, opened.severity) == ("opened", 1, "warning")
    return table


def alerts(effects: Effects) -> list[AlertV1]:
    found = [decode_alert(value) for _, value in effects.alert_log]
    assert [encode(each) for each in found] == [value for _, value in effects.alert_log]
    assert effects.alerts == effects.alert_log
    return found


def order(action: str, number: int = 0, key: bytes | None = None, **own: Any) -> FileRecord:
    fields: dict[str, Any] = {
        "command_id": f"{action} {number}",
        "customer_id": "c0",
        "rule_id": "low",
        "action": action,
        "issued_at": iso(START_MS + HOUR_MS),
        "issued_by": "mika",
        "reason": "because",
    }
    fields |= {"snooze": {"until": iso(START_MS + 3 * HOUR_MS)}, "assign": {"assignee": "ana"}}.get(
        action, {}
    )
    value = encode(fields | own)
    headers = () if key is None else ((MAC, mac(key, value)),)
    return FileRecord(
        "alert-commands", 3, 41, START_MS, (own.get("customer_id") or "c0").encode(), value, headers
    )


def say(table: CustomerTable, *commands: FileRecord, at_ms: int = START_MS + 2 * HOUR_MS) -> Effects:
    return PIPELINE.step(table, [], at_ms, commands=commands)


def test_each_word_of_a_step_is_a_transition_with_what_was_known_then() -> None:
    """In the order of the topic, one number each; one score record beside them, one row."""
    table = angry()
    said = [order("acknowledge"), order("assign"), order("note"), order("snooze"), order("resolve")]
    effects = say(table, *said)
    found = alerts(effects)
    assert [each.transition for each in found] == ["acknowledged", "assigned", "noted", "snoozed", "resolved"]
    assert [each.seq for each in found] == [2, 3, 4, 5, 6]
    assert [each.command_id for each in found] == [
        decode_command(each.value or b"").command_id for each in said
    ]
    assert [each.owner for each in found] == ["support", "ana", "ana", "ana", "ana"]
    at = rfc3339(START_MS + HOUR_MS)
    ack, note = Acknowledged("mika", at, "because"), Note("mika", at, "because")
    snooze = Snoozed(rfc3339(START_MS + 3 * HOUR_MS), "mika", "because")
    assert [(each.ack, each.snooze, each.note is not None) for each in found[:4]] == [
        (ack, None, False),
        (ack, None, True),
        (ack, None, True),
        (ack, snooze, True),
    ]
    assert found[2].note == note
    assert (found[4].state, found[4].resolve_reason) == ("resolved", "manual")
    assert len({each.alert_id for each in found}) == 1
    [score] = [decode_score(value) for _, value in effects.scores]
    assert {(each.trust, each.as_of) for each in found} == {(score.trust, score.as_of)}
    assert {each.value for each in found} == {score.trust}
    assert [key for key, _ in effects.changelog] == [b"c0"]
    assert effects.outcomes == {("command", "applied"): 5}


def test_what_was_said_is_in_the_row() -> None:
    """A worker that starts anew goes on from there: the snooze ends, the ids are known."""
    table = angry()
    effects = say(table, order("acknowledge"), order("snooze"))
    again = PIPELINE.new_table()
    again.load([key for key, _ in effects.changelog], [value for _, value in effects.changelog])
    for each in (table, again):
        assert say(each, order("acknowledge")).outcomes == {("command", "superseded"): 1}
        assert PIPELINE.due(each, START_MS + 3 * HOUR_MS - 1).alert_log == []
        [over] = alerts(PIPELINE.due(each, START_MS + 3 * HOUR_MS))
        assert (over.transition, over.state, over.snooze, over.seq) == ("snooze_over", "open", None, 4)


def test_a_snooze_that_is_over_when_it_arrives_is_said_and_ends() -> None:
    """Both transitions in one step; nobody is left asleep."""
    found = alerts(say(angry(), order("snooze"), at_ms=START_MS + 4 * HOUR_MS))
    assert [each.transition for each in found] == ["snoozed", "snooze_over"]
    assert [each.seq for each in found] == [2, 3]


def test_a_worse_value_wakes_whatever_a_person_said() -> None:
    """Escalated: open again, with the owner of the higher severity."""
    table = angry()
    say(table, order("acknowledge"), order("assign"), order("snooze"))
    effects = PIPELINE.step(table, records([survey(n, 0) for n in (2, 3, 4)]), START_MS + 2 * HOUR_MS)
    [risen] = alerts(effects)
    assert (risen.transition, risen.state, risen.owner) == ("escalated", "open", "lead")
    assert (risen.ack, risen.snooze) == (None, None)


def test_a_manual_end_holds_for_the_cool_down() -> None:
    """Though the value is as low as before; then the next episode opens, without the last one's words."""
    table = angry()
    say(table, order("acknowledge"), order("resolve"))
    end_ms = START_MS + 26 * HOUR_MS
    assert PIPELINE.due(table, end_ms - 1).alert_log == []
    [anew] = alerts(PIPELINE.due(table, end_ms))
    assert (anew.transition, anew.episode, anew.seq, anew.ack, anew.note) == ("opened", 2, 4, None, None)


def test_a_manual_end_without_a_cool_down_holds_until_something_is_heard() -> None:
    """Not opened again by the same step, nor by time; by the next bad word it is."""
    pipeline = Pipeline(
        parameters.load(), replace(rules.parse(RULES.replace("cooldown_hours = 24", "")), storm=calm.NO_STORM)
    )
    table = pipeline.new_table()
    pipeline.step(table, records([survey(1, 0)]), START_MS)
    at_ms = START_MS + 2 * HOUR_MS
    [ended] = alerts(pipeline.step(table, [], at_ms, commands=[order("resolve")]))
    assert (ended.state, ended.resolve_reason) == ("resolved", "manual")
    assert pipeline.sweep(table, 0, 1, at_ms + 30 * DAY_MS).alert_log == []
    [anew] = alerts(pipeline.step(table, records([survey(2, 0)]), at_ms + 30 * DAY_MS))
    assert (anew.transition, anew.episode) == ("opened", 2)


def test_the_interactions_of_a_step_come_first() -> None:
    """An alert that they open can be acted on in the same step, and one that they end cannot."""
    table = PIPELINE.new_table()
    effects = PIPELINE.step(table, records([survey(1, 0)]), START_MS, commands=[order("acknowledge")])
    assert [each.transition for each in alerts(effects)] == ["opened", "acknowledged"]
    praise = records([survey(n, 10) for n in range(2, 9)])
    effects = PIPELINE.step(table, praise, START_MS, commands=[order("note")])
    assert [each.transition for each in alerts(effects)] == ["resolved"]
    assert effects.causes == {"not_open": 1}


@given(st.lists(st.integers(0, 11), max_size=14), st.integers(0, 14))
def test_repetition_and_cuts_change_nothing(places: list[int], cut: int) -> None:
    """Whatever is sent twice, in one step or two: the transitions of the first time and no others."""
    actions = ("acknowledge", "assign", "snooze", "note")
    sent = [order(actions[k % 4], k, reason=str(k)) for k in places]
    once = list(dict.fromkeys(sent))
    whole = alerts(say(angry(), *once))
    table = angry()
    parts = [say(table, *sent[:cut]), say(table, *sent[cut:])]
    found = [each for part in parts for each in alerts(part)]
    assert _without_past(found) == _without_past(whole)
    assert sum(part.outcomes["command", "superseded"] for part in parts) == len(sent) - len(once)
    assert all(part.dead_letters == [] for part in parts)


def _without_past(found: list[AlertV1]) -> list[AlertV1]:
    """A cut makes one more score, whose value is the previous one of what follows."""
    return [replace(each, previous_value=None) for each in found]


BAD = {
    "a rule that is not in force": ("unknown_alert", order("note", rule_id="gone")),
    "an alert that never was": ("unknown_alert", order("note", rule_id="never")),
    "another number": ("stale_command", order("resolve", expected_seq=5)),
    "a snooze without end": ("invalid_field", order("snooze", until=iso(START_MS + 100 * DAY_MS))),
    "a snooze that ended before": ("invalid_field", order("snooze", until=iso(START_MS))),
    "our own name": ("forged_author", order("note", issued_by="kizuna")),
    "a control character": ("forged_author", order("note", issued_by="\x02ana")),
    "a stranger": ("unknown_customer", order("note", customer_id="x")),
    "another's key": ("key_mismatch", order("note")._replace(key=b"x")),
    "an override in our name": (
        "forged_author",
        order("override", issued_by="Kizuna", band="good", until=iso(START_MS + DAY_MS)),
    ),
}

OF_WHAT_IS_OVER = "not_open"


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_done_is_refused_aloud(name: str) -> None:
    """As it came, with its cause; nothing of the alert moves; what stands beside it is done."""
    cause, bad = BAD[name]
    effects = say(angry(), bad, order("acknowledge", expected_seq=1))
    [letter] = effects.dead_letters
    assert (letter.key, letter.value) == (bad.key, bad.value)
    assert dead_letter.said(letter.headers)["cause"] == cause
    assert effects.causes == {cause: 1}
    assert effects.outcomes == {("command", "invalid"): 1, ("command", "applied"): 1}
    assert [each.seq for each in alerts(effects)] == [2]


def test_a_command_that_is_over_is_refused_and_one_that_was_done_is_quiet() -> None:
    """`not_open` for a new word on an ended alert; the old ones, sent again, are no mistake."""
    table = angry()
    done = [order("acknowledge", expected_seq=1), order("resolve", expected_seq=2)]
    say(table, *done)
    effects = say(table, *done, order("note"))
    assert effects.outcomes == {("command", "superseded"): 2, ("command", "invalid"): 1}
    assert effects.causes == {OF_WHAT_IS_OVER: 1}
    assert effects.changelog == effects.scores == effects.alert_log == []


def test_with_a_key_only_what_was_signed_is_taken() -> None:
    """Missing, of another key, of another command, empty: refused, overrides too."""
    good = order("acknowledge", key=SECRET)
    band = order("override", key=SECRET, band="good", until=iso(START_MS + DAY_MS))
    forged = [
        order("note"),
        order("note", key=b"fedcba9876543210"),
        good._replace(value=order("resolve").value),
        order("note")._replace(headers=[(MAC, None)]),
        order("note")._replace(headers=[(MAC, b"")]),
        order("note")._replace(headers=[(MAC, "é".encode())]),
        band._replace(headers=[]),
        FileRecord("alert-commands", 3, 41, START_MS, b"c0", b"{"),
    ]
    table = angry()
    effects = SIGNED.step(table, [], START_MS + 2 * HOUR_MS, commands=[*forged, good, band])
    assert effects.causes == {"forged_author": len(forged)}
    assert effects.outcomes["command", "applied"] == 2
    assert [each.transition for each in alerts(effects)] == ["acknowledged"]


def test_without_a_key_a_signature_does_no_harm() -> None:
    """Senders may begin to sign before the workers ask for it."""
    assert say(angry(), order("acknowledge", key=SECRET)).outcomes == {("command", "applied"): 1}
