"""What is added to an alert: equal to what the other rooms say of the customer, and free of effects."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from schemas.alert import Severity
from schemas.codec import decode_alert
from stream.alerts import plays, rules
from stream.alerts.life import Transition
from stream.alerts.rules import Rule
from stream.model import parameters
from stream.model.columns import currency_code
from stream.model.explain import observations
from stream.model.score import score
from stream.pipeline import FileRecord, Pipeline, actions
from stream.pipeline.decode import decode
from stream.pipeline.derive import derive
from stream.pipeline.effects import Effects
from stream.pipeline.encode import Enriched, rfc3339
from stream.pipeline.enrich import TRIED, Cause, Playbook, Scored, causes, enrich
from stream.pipeline.reasons import top_reasons
from stream.state.alerts import State
from stream.state.facts import facts
from stream.state.table import CustomerTable
from tests.strategies import DAY_MS, START_MS, Body, bodies, iso, records, splits

PIPELINE = Pipeline(parameters.load(), rules.load())
EFFORTS = actions.load()
PLAYBOOK = Playbook(plays.load(), EFFORTS)
TRUST, *_ = (rule for rule in PIPELINE.rules.rule if rule.kind == "trust_below")
RISK, *_ = (rule for rule in PIPELINE.rules.rule if rule.kind == "churn_risk_above")
NOW_MS = START_MS + 150 * DAY_MS
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def known(found: list[Body]) -> CustomerTable:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(found), NOW_MS)
    return table


def moved(customer: int = 0, rule: Rule = TRUST, **fields: Any) -> Transition:
    base = Transition(
        customer=customer,
        rule=rule,
        kind="opened",
        place=0,
        state=State.OPEN,
        since_ms=NOW_MS,
        episode=1,
        seq=1,
        severity=rule.severity,
        opened_ms=NOW_MS,
        now_ms=NOW_MS,
        held=0,
        mode="live",
        notifications=1,
        reason="",
        value=30.0,
    )
    return structs.replace(base, **fields)


def enriched(
    table: CustomerTable,
    told: Sequence[Transition],
    caused: Mapping[bytes, Cause] | None = None,
    playbook: Playbook = PLAYBOOK,
) -> list[Enriched]:
    rows = table.live(0, table.n_rows)
    seen = facts(table, rows, NOW_MS, PIPELINE.parameters)
    scores = score(seen, NOW_MS, PIPELINE.parameters)
    top = top_reasons(scores, observations(seen, scores, NOW_MS, PIPELINE.parameters))
    reasons = top.of(np.unique([each.customer for each in told]))
    scored = Scored(table, rows, table.key_list(rows), seen, scores, NOW_MS)
    return enrich(PIPELINE, playbook, scored, told, reasons, caused or {})


def event(name: str, number: int, days_ago: float, who: str = "c0", **own: Any) -> Body:
    at = iso(NOW_MS - round(days_ago * DAY_MS))
    return {"type": name, "event_id": f"e{number}", "customer_id": who, "occurred_at": at} | own


LATE_TICKET = [
    event("purchase", 1, 40, amount=30, currency="EUR"),
    event("ticket", 2, 9, ticket_id="T-7", status="opened", priority="high"),
]


@given(bodies(max_size=40, refs=12), st.data())
def test_asking_changes_nothing(found: list[Body], data: st.DataObject) -> None:
    """The table is the same bytes after everything was asked of everybody, what-if included."""
    table = known(found)
    rows = table.live(0, table.n_rows)
    before = table.encode(rows)
    told = [
        moved(i, data.draw(st.sampled_from([TRUST, RISK])), kind=data.draw(st.sampled_from(TRIED)))
        for i in range(len(rows))
    ]
    assert len(enriched(table, told)) == len(told)
    assert table.encode(rows) == before
    assert table.n_rows == len(before)


@given(bodies(max_size=60, customers=8, refs=12, days=60.0))
def test_what_is_said_of_one_does_not_depend_on_who_else_is_told(found: list[Body]) -> None:
    """All transitions at once, or each by itself: the same, but for the what-ifs that a step asks."""
    table, nothing_asked = known(found), replace(PLAYBOOK, max_questions=0)
    escalated = structs.replace(TRUST, escalate_owner="lead")
    each = [
        transition
        for i in range(table.n_rows)
        for transition in (moved(i), moved(i, RISK), moved(i, escalated, severity="critical"))
    ]
    together = enriched(table, each, playbook=nothing_asked)
    assert together == [enriched(table, [one], playbook=nothing_asked)[0] for one in each]


@given(bodies(max_size=60, days=60.0))
def test_figures_are_those_that_explain_tells(found: list[Body]) -> None:
    """Trend and value at risk, as `kizuna explain` derives them for the same moment."""
    table = known(found)
    rows = table.live(0, table.n_rows)
    told = enriched(table, [moved(i, kind="acknowledged") for i in range(len(rows))])
    expected = derive(table, rows, NOW_MS, PIPELINE.parameters)
    for i, each in enumerate(told):
        change, at_risk = expected.change[7][i], expected.at_risk[i]
        assert each.trend == (None if np.isnan(change) else pytest.approx(change / 7, abs=0.00501))
        assert each.value_at_risk == (None if np.isnan(at_risk) else pytest.approx(at_risk, abs=0.00501))
        assert (each.currency is None) == (each.value_at_risk is None)
        if each.currency is not None:
            assert each.currency == currency_code(int(expected.currency[i]))


def test_a_new_alert_says_what_to_do_and_what_would_be_enough() -> None:
    """A ticket that waits: its play, due by the sooner of both times, and the smallest step by its own id."""
    table = known(LATE_TICKET)
    rule = structs.replace(TRUST, clear=25.0, due_hours=48.0)
    cheap = {code: structs.replace(e, effort=1.0 + 99.0 * (code != "resolve")) for code, e in EFFORTS.items()}
    playbook = replace(PLAYBOOK, efforts=cheap)
    part = decode(records(LATE_TICKET), NOW_MS, Effects())
    caused = causes({b"c0"}, part, np.ones(2, np.bool_))
    [told] = enriched(table, [moved(rule=rule)], caused, playbook)
    assert told.action is not None
    assert (told.recommended_action, told.action.code, told.action.cause) == (
        "answer_ticket",
        "answer_ticket",
        "ticket_overdue",
    )
    assert told.action.due_at == rfc3339(NOW_MS + 8 * 3_600_000)
    assert told.action.owner == rule.owner
    assert told.action.what_if is not None
    assert told.action.what_if.trust > 25.0
    assert (told.action.what_if.actions, told.action.what_if.about) == (["resolve"], ["T-7"])
    assert told.event_id == "e2"
    [unnamed] = enriched(table, [moved(rule=rule)], playbook=playbook)
    assert unnamed.action is not None
    assert unnamed.action.what_if is not None
    assert (unnamed.action.what_if.actions, unnamed.action.what_if.about) == (["resolve"], [None])
    assert unnamed.event_id is None


def test_nobody_is_asked_to_act_on_what_is_held_back_or_over() -> None:
    """No action then; and a what-if only where somebody begins to act."""
    table = known(LATE_TICKET)
    held = moved(kind="suppressed", opened_ms=0)
    over = moved(kind="resolved", state=State.RESOLVED)
    taken = moved(kind="acknowledged")
    first, second, third = enriched(table, [held, over, taken])
    assert first.action is None
    assert second.action is None
    assert first.recommended_action == "answer_ticket"
    assert third.action is not None
    assert third.action.what_if is None


def test_a_storm_asks_no_more_than_a_step_can_bear() -> None:
    """So many what-ifs at most: of the most severe alerts, then of those with most value at risk."""
    found = [
        each | {"customer_id": f"c{i}", "event_id": f"{each['event_id']}-{i}"} | own
        for i in range(9)
        for each, own in zip(LATE_TICKET, ({"amount": 10.0 * (i + 1)}, {}), strict=True)
    ]
    table = known(found)
    rule = structs.replace(TRUST, clear=25.0)
    severities: list[Severity] = ["warning"] * 9
    severities[0] = "critical"
    told = [moved(i, rule, severity=severity) for i, severity in enumerate(severities)]
    few = enriched(table, told, playbook=replace(PLAYBOOK, max_questions=3))
    asked = [i for i, each in enumerate(few) if each.action is not None and each.action.what_if is not None]
    assert asked == [0, 7, 8]
    everybody = enriched(table, told)
    assert all(each.action is not None and each.action.what_if is not None for each in everybody)
    assert [few[i] for i in asked] == [everybody[i] for i in asked]
    nobody = enriched(table, told, playbook=replace(PLAYBOOK, max_questions=0))
    assert all(each.action is not None and each.action.what_if is None for each in nobody)


def test_who_was_sent_from_desk_to_desk_gets_one_owner() -> None:
    """Two tickets through several channels are a circumstance; one is not."""
    found = [
        event("ticket", 10 * i + j, 9 - j, ticket_id=f"T-{i}", status=status, channel=channel)
        for i in range(2)
        for j, (status, channel) in enumerate([("opened", "phone"), ("first_reply", "email")])
    ]
    assert enriched(known(found), [moved()])[0].recommended_action == "one_owner"
    assert enriched(known(found[:2]), [moved()])[0].recommended_action == "answer_ticket"


def test_a_fall_is_over_where_trust_was() -> None:
    """The goal of a `trust_drop` is the trust from which it would not be a fall any more."""
    table = known(LATE_TICKET)
    trust = PIPELINE.scores(table, NOW_MS)[1].trust_centi[0] / 100
    drop = structs.replace(TRUST, kind="trust_drop", open=5.0, clear=2.0, days=7)
    for fell, reachable in ((2.5, True), (60.0, False)):
        [told] = enriched(table, [moved(rule=drop, value=fell)])
        assert told.action is not None
        assert (told.action.what_if is not None) == reachable
        if told.action.what_if is not None:
            assert told.action.what_if.trust > trust + fell - 2.0


def test_the_cause_is_the_last_accepted_interaction() -> None:
    """In order of arrival; what was refused as a duplicate causes nothing, nor what others sent."""
    found = [event("review", i, 9 - i, who=f"c{i % 2}", rating=1) for i in range(6)]
    part = decode(records(found), NOW_MS, Effects())
    accepted = np.array([True, True, True, True, False, True])
    told = causes({b"c0", b"c9"}, part, accepted)
    assert {key: cause.event_id for key, cause in told.items()} == {b"c0": "e2"}


HEADERS: dict[str, tuple[list[tuple[str, bytes | None]], str | None]] = {
    "well formed": ([("traceparent", TRACE.encode())], TRACE),
    "beside others": ([("a", b"b"), ("traceparent", TRACE.encode())], TRACE),
    "none": ([("tracestate", b"x=y")], None),
    "null": ([("traceparent", None)], None),
    "empty": ([("traceparent", b"")], None),
    "upper case": ([("traceparent", TRACE.upper().encode())], None),
    "no trace": ([("traceparent", b"00-" + b"0" * 32 + TRACE[35:].encode())], None),
    "no parent": ([("traceparent", TRACE[:36].encode() + b"0" * 16 + b"-01")], None),
    "too long": ([("traceparent", TRACE.encode() + b"-x")], None),
    "line break": ([("traceparent", TRACE.encode() + b"\n")], None),
    "not text": ([("traceparent", b"\xff" * 55)], None),
    "other version": ([("traceparent", b"ff" + TRACE[2:].encode())], None),
    "twice": ([("traceparent", TRACE.encode())] * 2, None),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_trace_is_passed_on_if_it_is_one(case: str) -> None:
    """The header of the causing record, if it is well formed by W3C Trace Context; else nothing."""
    headers, expected = HEADERS[case]
    plain = records([event("review", 1, 1, rating=1)])[0]
    part = decode([plain._replace(headers=headers)], NOW_MS, Effects())
    told = causes({b"c0"}, part, np.ones(1, np.bool_))
    assert told[b"c0"].traceparent == expected


def test_every_event_keeps_the_record_it_came_in() -> None:
    """Refused records leave no gap: each event's record is its own, whatever was wrong beside it."""
    good = [event("review", i, 9 - i, rating=1) for i in range(5)]
    run = records(good)
    run[1] = run[1]._replace(value=b"{")
    run[3] = records([good[3] | {"occurred_at": iso(NOW_MS + 9 * DAY_MS)}])[0]._replace(offset=3)
    part = decode(run, NOW_MS, Effects())
    offsets = [record.offset for record in part.records]
    assert offsets == [0, 2, 4]
    assert [each.event_id for each in part.part(1, 3).events] == ["e2", "e4"]
    assert [record.offset for record in part.part(1, 3).records] == [2, 4]
    assert isinstance(run[0], FileRecord)


ADVISED = Pipeline(PIPELINE.parameters, PIPELINE.rules, playbook=PLAYBOOK)
"""What the worker runs."""


@given(bodies(max_size=60), st.data())
def test_a_playbook_changes_nothing_but_what_alerts_say(found: list[Body], data: st.DataObject) -> None:
    """Scores, rows and letters are the same bytes; so are alerts, but for the fields that are added."""
    source = records(found)
    runs = [source[part] for part in data.draw(splits(len(source)))]
    plain, advised = (_run(pipeline, runs) for pipeline in (PIPELINE, ADVISED))
    for without, with_ in zip(plain, advised, strict=True):
        assert with_.scores == without.scores
        assert with_.changelog == without.changelog
        assert with_.dead_letters == without.dead_letters
        assert len(with_.alert_log) == len(without.alert_log)
        for (key, told), (_, bare) in zip(with_.alert_log, without.alert_log, strict=True):
            more, less = decode_alert(told), decode_alert(bare)
            assert structs.replace(more, **dict.fromkeys(Enriched._fields)) == structs.replace(
                less, **dict.fromkeys(Enriched._fields)
            )
            assert key.decode() == more.dedup_key
            assert less.action is None
            if more.action is not None:
                assert more.recommended_action == more.action.code
                assert more.due_at is not None
                assert more.action.due_at <= more.due_at


def _run(pipeline: Pipeline, runs: list[list[FileRecord]]) -> list[Effects]:
    table = pipeline.new_table()
    done = [pipeline.step(table, run, NOW_MS + i) for i, run in enumerate(runs)]
    return [*done, pipeline.sweep(table, 0, table.n_rows, NOW_MS + 60 * DAY_MS)]


def test_an_alert_of_the_stream_names_its_cause_and_its_end_names_none_for_time() -> None:
    """The event that opened it, with its trace; what only time does names no event."""
    [fine, bad] = records(
        [event("survey", 1, 2, instrument="csat", score=5), event("incident", 2, 1, kind="breach")]
    )
    table = ADVISED.new_table()
    ADVISED.step(table, [fine], NOW_MS)
    effects = ADVISED.step(table, [bad._replace(headers=[("traceparent", TRACE.encode())])], NOW_MS)
    told = {alert.rule_id: alert for _, value in effects.alert_log for alert in [decode_alert(value)]}
    alert = told[TRUST.id]
    assert (alert.event_id, alert.traceparent, alert.kind) == ("e2", TRACE, "trust_below")
    assert alert.action is not None
    assert (alert.action.code, alert.action.cause) == ("disclose", "breach")
    assert alert.action.owner == "data-protection"
    later = ADVISED.sweep(table, 0, table.n_rows, NOW_MS + 400 * DAY_MS)
    ends = [decode_alert(value) for _, value in later.alert_log]
    assert ends
    assert {(end.event_id, end.traceparent, end.action) for end in ends} == {(None, None, None)}
