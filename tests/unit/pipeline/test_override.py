"""Exceptions and overrides in published scores: beside the computed value, for as long as they hold."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import dead_letter
from schemas.codec import decode_command, decode_score, encode
from schemas.command import CommandV1
from schemas.interaction import MAX_RECORD_BYTES
from schemas.score import ScoreV1
from stream.alerts import rules
from stream.model import parameters
from stream.model.override import BANDS
from stream.pipeline import Effects, FileRecord, Pipeline
from stream.pipeline.decisions import decision
from stream.pipeline.encode import rfc3339
from stream.state.table import CustomerTable
from tests.strategies import DAY_MS, END_MS, START_MS, Body, bodies, iso, records

PIPELINE = Pipeline(parameters.load(), rules.load())
KEY = b"c0"


def event(name: str, number: int, day: float, **own: Any) -> Body:
    at = iso(START_MS + round(day * DAY_MS))
    return {"type": name, "event_id": f"e{number}", "customer_id": "c0", "occurred_at": at} | own


CHARGEBACK = event("refund", 1, 0, amount=5, currency="EUR", kind="chargeback")
PRAISE = [event("survey", i, 0, instrument="nps", score=10) for i in range(2, 6)]


def only(effects: Effects) -> ScoreV1:
    (record,) = effects.scores
    score = decode_score(record[1])
    assert encode(score) == record[1]
    return score


def test_a_chargeback_forces_its_band_beside_the_computed_value() -> None:
    """Trust is what the evidence says; the band is what the chargeback says; the record names both."""
    score = only(PIPELINE.step(PIPELINE.new_table(), records([CHARGEBACK, *PRAISE]), START_MS))
    assert score.trust > 60.0
    assert score.band == "critical"
    assert score.forced_by is not None
    assert [(forced.event, forced.band, forced.until) for forced in score.forced_by] == [
        ("chargeback", "critical", rfc3339(START_MS + 30 * DAY_MS))
    ]
    assert score.override is None


@pytest.mark.parametrize(
    ("body", "band"),
    [
        (event("refund", 1, 0, amount=5, currency="EUR", kind="refund"), "fair"),
        (event("incident", 1, 0, kind="outage", severity="major"), "low"),
        (event("incident", 1, 0, kind="other", severity="critical"), "critical"),
    ],
)
def test_only_what_is_declared_forces(body: Body, band: str) -> None:
    """A refund and a major incident speak through trust alone."""
    score = only(PIPELINE.step(PIPELINE.new_table(), records([body]), START_MS))
    assert score.band == band
    assert (score.forced_by is None) == (band != "critical")


def test_the_sweep_after_its_end_publishes_that_it_is_over() -> None:
    """One millisecond before the end nothing is said, at the end one record, and never again."""
    table = PIPELINE.new_table()
    PIPELINE.step(table, records([CHARGEBACK, *PRAISE]), START_MS)
    end_ms = START_MS + 30 * DAY_MS
    for at_ms in range(START_MS + DAY_MS, end_ms, DAY_MS):  # whatever trust moves is said on the way
        PIPELINE.sweep(table, 0, table.n_rows, at_ms)
    PIPELINE.sweep(table, 0, table.n_rows, end_ms - 1)
    assert PIPELINE.sweep(table, 0, table.n_rows, end_ms - 1).scores == []
    score = only(PIPELINE.sweep(table, 0, table.n_rows, end_ms))
    assert (score.band, score.forced_by) == ("good", None)
    assert PIPELINE.sweep(table, 0, table.n_rows, end_ms).scores == []


@given(bodies(max_size=30, customers=1), st.data())
def test_exceptions_do_not_depend_on_order_or_repetition(found: list[Body], data: st.DataObject) -> None:
    """Shuffled and cut, with a repeated chargeback, the same band is forced until the same time."""
    events = [CHARGEBACK | {"event_id": "x"}, *found]
    expected = standing_of(events, [len(events)])
    shuffled = data.draw(st.permutations(events))
    assert standing_of([*shuffled, shuffled[-1]], [data.draw(st.integers(1, len(events)))]) == expected


def standing_of(events: list[Body], cuts: list[int]) -> Any:
    table = PIPELINE.new_table()
    for part in (events[: cuts[0]], events[cuts[0] :]):
        PIPELINE.step(table, records(part), END_MS)
    return PIPELINE.standing(table, KEY, START_MS + DAY_MS)


def command(**own: Any) -> CommandV1:
    given_ = {"command_id": "1", "customer_id": "c0", "issued_by": "mika", "reason": "our mistake"}
    times = {"issued_at": iso(START_MS + DAY_MS), "until": iso(START_MS + 10 * DAY_MS)}
    return decode_command(encode(given_ | times | {"action": "override", "band": "good"} | own))


def told(body: bytes | None, key: bytes | None = KEY) -> FileRecord:
    return FileRecord("alert-commands", 3, 41, START_MS + 7, key, body)


def order(**own: Any) -> FileRecord:
    return told(encode(command(**own)))


def step(table: CustomerTable, *commands: FileRecord, at_ms: int = START_MS + 4 * DAY_MS) -> Effects:
    return PIPELINE.step(table, [], at_ms, commands=commands)


def known() -> CustomerTable:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(PRAISE), START_MS)
    return table


def test_a_person_overrides_with_reason_author_and_end() -> None:
    """All of it is in the record, the forced band too, and the numbers are those of before."""
    table = PIPELINE.new_table()
    before = only(PIPELINE.step(table, records([CHARGEBACK]), START_MS + DAY_MS))
    effects = step(table, order(), at_ms=START_MS + DAY_MS)
    score = only(effects)
    assert effects.outcomes == {("command", "applied"): 1}
    assert effects.n_records == 1
    assert [key for key, _ in effects.changelog] == [KEY]
    assert score.band == "good"
    assert score.override is not None
    assert (score.override.author, score.override.reason) == ("mika", "our mistake")
    assert score.override.until == rfc3339(START_MS + 10 * DAY_MS)
    assert (score.trust, score.churn_risk, score.reasons) == (before.trust, before.churn_risk, before.reasons)
    assert score.forced_by == before.forced_by
    later = only(PIPELINE.sweep(table, 0, table.n_rows, START_MS + 10 * DAY_MS))
    assert (later.band, later.override, later.forced_by) == ("critical", None, before.forced_by)


@given(st.permutations(range(4)), st.integers(0, 4))
def test_decisions_merge_in_any_order(places: list[int], cut: int) -> None:
    """The latest issue counts; a withdrawal beats what was decided before it, though it arrives before it."""
    day = [iso(START_MS + k * DAY_MS) for k in range(9)]
    all_ = [
        order(issued_at=day[1], band="good"),
        order(issued_at=day[2], band="strong"),
        order(issued_at=day[3], action="withdraw"),
        order(issued_at=day[0], band="low"),
    ]
    table = known()
    for part in (places[:cut], places[cut:]):
        step(table, *(all_[k] for k in part))
    assert PIPELINE.standing(table, KEY, START_MS + 4 * DAY_MS).override is None
    step(table, order(issued_at=day[4], band="low"))
    held = PIPELINE.standing(table, KEY, START_MS + 4 * DAY_MS).override
    assert held is not None
    assert BANDS[held.band] == "low"


def test_a_repeated_or_older_command_publishes_nothing() -> None:
    """It is counted as superseded; neither row nor score is written."""
    table = known()
    step(table, order())
    effects = step(table, order(), order(issued_at=iso(START_MS), band="low"))
    assert effects.outcomes == {("command", "superseded"): 2}
    assert effects.scores == effects.changelog == []
    assert effects.dead_letters == []


def test_interactions_of_the_same_step_come_first() -> None:
    """Whom they make known may be decided about, and the row is written once with all of it."""
    table = PIPELINE.new_table()
    effects = PIPELINE.step(table, records(PRAISE), START_MS + DAY_MS, commands=[order()])
    scores = [decode_score(value) for _, value in effects.scores]
    assert [(score.seq, score.override is not None) for score in scores] == [(1, False), (2, True)]
    assert [key for key, _ in effects.changelog] == [KEY]
    again = PIPELINE.new_table()
    again.load([key for key, _ in effects.changelog], [value for _, value in effects.changelog])
    assert PIPELINE.standing(again, KEY, START_MS + DAY_MS).override is not None


BAD_COMMANDS: dict[str, tuple[str, FileRecord]] = {
    "no value": ("empty_value", told(None)),
    "torn": ("invalid_json", told(encode(command())[:-1])),
    "another action": ("invalid_field", told(encode(command()).replace(b'"override"', b'"promote"'))),
    "another band": ("invalid_field", told(encode(command()).replace(b'"good"', b'"best"'))),
    "text for a time": ("invalid_field", told(encode(command()).replace(iso(START_MS).encode()[:4], b"now"))),
    "no reason": ("invalid_field", told(encode(command()).replace(b'"our mistake"', b"null"))),
    "no key": ("key_missing", told(encode(command()), None)),
    "another's key": ("key_mismatch", told(encode(command()), b"c1")),
    "too large": ("too_large", told(b" " * MAX_RECORD_BYTES + encode(command()))),
    "before 1990": ("too_old", order(issued_at="1989-12-31T23:59:59Z")),
    "would win for days": ("too_future", order(issued_at=iso(START_MS + 6 * DAY_MS))),
    "a stranger": ("unknown_customer", told(encode(command(customer_id="x")), b"x")),
    "about an alert that never was": ("unknown_alert", order(action="acknowledge", rule_id="trust_low")),
    "in our name": ("forged_author", order(issued_by="kizuna")),
}


@pytest.mark.parametrize("name", BAD_COMMANDS)
def test_a_bad_command_becomes_a_dead_letter_with_its_cause(name: str) -> None:
    """As it came, with cause and origin; a good one of the same step is applied; nobody is made up."""
    cause, bad = BAD_COMMANDS[name]
    table = known()
    effects = step(table, bad, order())
    [letter] = effects.dead_letters
    assert (letter.key, letter.value) == (bad.key, bad.value)
    said = dead_letter.said(letter.headers)
    assert (said["cause"], said["topic"], said["offset"]) == (cause, "alert-commands", "41")
    assert effects.causes == {cause: 1}
    assert effects.outcomes == {("command", "invalid"): 1, ("command", "applied"): 1}
    assert len(effects.scores) == len(table) == 1


def test_commands_about_alerts_decide_nothing_about_bands() -> None:
    """The two kinds are told apart; a time beyond all that an event may have counts as the last one."""
    assert decision(command(action="acknowledge", rule_id="trust_low")) is None
    far = decision(command(until="9999-12-31T23:59:59.999999Z"))
    assert far is not None
    assert rfc3339(far.until_ms).year == 2099
