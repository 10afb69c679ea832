"""An invented team takes on what presses most, once, and no more a day than it can; a rehearsal says so."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.alert import AlertV1, Severity
from schemas.codec import decode_alert, decode_command, encode
from stream.alerts import plays, rules
from stream.model import parameters
from stream.offline import history
from stream.offline.generate import History, generate
from stream.offline.leadtime import DAY_MS
from stream.offline.rehearse import rehearse
from stream.offline.replay import Replay, replay
from stream.offline.response import answer_line
from stream.offline.team import NAME, Team
from stream.pipeline import FileRecord, Pipeline
from stream.pipeline.enrich import Playbook
from tests.alerts import BASE as USUAL

START = datetime(2025, 1, 1, tzinfo=UTC)
NOW_MS = round(START.timestamp() * 1000) + 5 * DAY_MS
END_MS = 1_767_225_600_000
SEVERITIES: tuple[Severity, ...] = ("critical", "error", "warning", "info")
BASE = replace(
    USUAL,
    seq=4,
    rule_id="low_trust",
    severity="error",
    state_since=START,
    opened_at=START,
    as_of=START,
    due_at=None,
)


def alert(name: str, **changes: Any) -> AlertV1:
    """An open alert of a customer."""
    found = replace(BASE, alert_id=f"{name:0>36}", dedup_key=f"{name}|low_trust", customer_id=name)
    return replace(found, **changes)


def customers(commands: Sequence[FileRecord]) -> list[str]:
    return [decode_command(each.value or b"").customer_id for each in commands]


def days(team: Team) -> list[str]:
    """Whom it takes on until nobody is left, one after the other."""
    found: list[str] = []
    while taken := customers(team.take(NOW_MS)):
        found += taken
    return found


def test_severity_then_value_then_age_decides_who_is_first() -> None:
    """Given in the wrong order, one a day: the gravest, of these the most at risk, of these the oldest."""
    team = Team(1)
    team.read(
        [
            alert("info-dear", severity="info", value_at_risk=9_000.0),
            alert("no-value", opened_at=START - timedelta(days=9)),
            alert("young", value_at_risk=50.0, opened_at=START + timedelta(hours=1)),
            alert("old", value_at_risk=50.0),
            alert("dear", value_at_risk=51.0, opened_at=START + timedelta(days=1)),
            alert("warning", severity="warning"),
            alert("critical", severity="critical"),
        ]
    )
    assert days(team) == ["critical", "dear", "old", "young", "no-value", "warning", "info-dear"]


def test_a_command_says_which_state_of_the_alert_was_seen() -> None:
    """Two teams that read the same send the same bytes; a later state is the one that is answered."""
    log = [alert("a", seq=4), alert("a", seq=6, severity="critical", transition="escalated")]
    teams = Team(2), Team(2)
    for team in teams:
        team.read(log)
    [[record], [again]] = [team.take(NOW_MS) for team in teams]
    command = decode_command(record.value or b"")
    assert record == again
    assert (record.key, record.timestamp) == (b"a", NOW_MS)
    assert (command.action, command.rule_id, command.expected_seq) == ("acknowledge", "low_trust", 6)
    assert (command.issued_by, command.issued_at) == (NAME, START + timedelta(days=5))


def test_only_what_is_open_and_told_to_people_is_taken() -> None:
    """Over, recovering, in shadow, about the data: none; one that relapses is taken then."""
    team = Team(9)
    recovering = alert("back", state="recovering", transition="recovering")
    team.read([alert("over"), alert("back"), alert("shadow", mode="shadow"), alert("data", subject="data")])
    team.read([alert("over", state="resolved", resolved_at=START), recovering])
    team.read([alert("stale"), alert("stale", state="expired", resolved_at=START)])
    assert team.take(NOW_MS) == []
    team.read([alert("back", transition="relapsed")])
    assert customers(team.take(NOW_MS)) == ["back"]


def test_what_opens_again_because_it_got_worse_is_not_taken_twice() -> None:
    """The same alert, escalated after it was taken, waits for nobody; the next episode does."""
    team = Team(9)
    team.read([alert("a")])
    assert customers(team.take(NOW_MS)) == ["a"]
    team.read([alert("a", state="acknowledged"), alert("a", severity="critical", transition="escalated")])
    assert team.take(NOW_MS) == []
    team.read([alert("a", state="resolved"), alert("a", alert_id="2" * 36, episode=2)])
    assert customers(team.take(NOW_MS)) == ["a"]


@given(
    per_day=st.integers(1, 4),
    opened=st.lists(st.lists(st.sampled_from(SEVERITIES), max_size=6), max_size=8),
)
def test_a_team_works_to_its_limit_and_leaves_only_what_presses_less(
    per_day: int, opened: list[list[Severity]]
) -> None:
    """Whatever opens on which day: N or all that wait, each once, and nothing graver is left waiting."""
    team, waiting, taken = Team(per_day), dict[str, int](), list[str]()
    for day, severities in enumerate(opened):
        new = {f"{day}-{i}": severity for i, severity in enumerate(severities)}
        team.read(alert(name, severity=severity) for name, severity in new.items())
        waiting |= {name: SEVERITIES.index(severity) for name, severity in new.items()}
        chosen = customers(team.take(NOW_MS))
        assert len(chosen) == min(per_day, len(waiting))
        ranks = [waiting.pop(name) for name in chosen]
        assert max(ranks, default=0) <= min(waiting.values(), default=len(SEVERITIES))
        taken += chosen
    assert len(set(taken)) == len(taken)


@pytest.fixture(scope="module")
def planted() -> History:
    """A generated history, in which nobody acts."""
    return generate(150, 250, seed=1, end_ms=END_MS)


def _records(planted: History) -> list[FileRecord]:
    return [history.record("f", number, encode(event)) for number, event in enumerate(planted.events, 1)]


def _rehearse(planted: History, per_day: int | None) -> tuple[Replay, dict[str, Any]]:
    team = None if per_day is None else Team(per_day)
    playbook = None if per_day is None else Playbook(plays.load(), {}, max_questions=0)
    return rehearse(
        _records(planted),
        planted.truth,
        parameters.load(),
        rules.load(),
        now_ms=END_MS + DAY_MS,
        team=team,
        playbook=playbook,
    )


def test_a_rehearsal_tells_how_soon_a_team_answers(planted: History) -> None:
    """Nobody without a team; with one the same alerts are answered, sooner by a larger one."""
    nobody, one, five = (_rehearse(planted, per_day) for per_day in (None, 1, 5))
    answers = [report["response"] for _, report in (nobody, one, five)]
    assert [report["team_per_day"] for _, report in (nobody, one, five)] == [None, 1, 5]
    assert answer_line(answers[0]).startswith("no acknowledgements in this log")
    assert answers[0]["acknowledged"] == 0 < answers[1]["acknowledged"] <= answers[2]["acknowledged"]
    assert answers[2]["acknowledged"] > 0.8 * answers[2]["alerts"]
    assert answers[2]["median_hours"] <= answers[1]["median_hours"]
    assert one[0].opened == nobody[0].opened
    assert one[1]["kizuna"]["lead"] == nobody[1]["kizuna"]["lead"]


def test_every_command_of_a_team_is_done_by_the_pipeline(planted: History) -> None:
    """Each is applied, none refused: one transition to acknowledged per command, at most N a day."""
    team, log, issued = Team(2), list[AlertV1](), list[FileRecord]()

    def keep(alerts: Sequence[tuple[bytes, bytes]]) -> None:
        moved = [decode_alert(value) for _key, value in alerts]
        log.extend(moved)
        team.read(moved)

    def people(time_ms: int) -> list[FileRecord]:
        issued.extend(commands := team.take(time_ms))
        return commands

    daily = parameters.load()
    daily = replace(daily, publication=replace(daily.publication, event_clock_sweep_days=1))
    pipeline = Pipeline(daily, rules.load(), clock="event")
    account = replay(pipeline, _records(planted), now_ms=END_MS + DAY_MS, on_alerts=keep, people=people)
    done = [each for each in log if each.transition == "acknowledged"]
    assert len(done) > 30
    answered = Counter(each.command_id for each in done)
    assert answered == Counter(decode_command(each.value or b"").command_id for each in issued)
    assert max(answered.values()) == 1
    assert {each.ack.by for each in done if each.ack is not None} == {NAME}
    assert account.outcomes["command", "applied"] == len(issued)
    assert not account.causes
    assert max(Counter(each.timestamp // DAY_MS for each in issued).values()) == 2
