"""`kizuna rules check` as a person types it: every fault with its line, and what a file would have done."""

import json
from pathlib import Path
from typing import Any

import pytest

from stream.alerts import rules
from stream.cli.main import run
from stream.model import parameters
from stream.offline import history
from stream.offline.trial import trial

MINE = """\
segments = ["consumer", "ghost"]

[[rule]]
id = "low"
kind = "trust_below"
open = 60
clear = 61
severity = "warning"
escalate = 30
escalate_severity = "critical"
escalate_owner = "head"
owner = "support"
action = "call_today"

[[rule]]
id = "quiet"
kind = "trust_below"
open = 60
clear = 61
severity = "info"
owner = "support"
action = "call_today"
segments = ["ghost"]
mode = "shadow"

[[rule]]
id = "late"
kind = "promise_overdue"
open = 24
clear = 1
severity = "info"
owner = "shipping"
action = "fix_delivery"
mode = "shadow"
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small history."""
    path = tmp_path_factory.mktemp("history") / "events.jsonl"
    assert run(["generate", "--customers", "40", "--days", "120", "--seed", "3", "--out", str(path)]) == 0
    return path


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A sound file."""
    path = tmp_path / "mine.toml"
    path.write_text(MINE, encoding="utf-8")
    return path


def last(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return said


def test_every_fault_is_printed_with_its_line(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2; each fault as file:line: reason on stdout, their number and a next step on stderr."""
    mine.write_text(MINE.replace("clear = 1\n", "clear = 30\n").replace('["ghost"]\n', '["host"]\n'))
    assert run(["rules", "check", str(mine)]) == 2
    said = capsys.readouterr()
    assert [line.partition(": ")[0] for line in said.out.splitlines()] == [f"{mine}:23", f"{mine}:30"]
    assert f"{mine} has 2 faults" in said.err
    assert "next: " in said.err


def test_faults_as_json(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for a script: not good, and a list of lines and reasons; exit code 2."""
    mine.write_text(MINE.replace("open = 24", "opens = 24"))
    assert run(["rules", "check", str(mine), "--json"]) == 2
    said = last(capsys)
    assert not said["good"]
    assert [fault["line"] for fault in said["faults"]] == [26, 29]
    assert "did you mean `open`?" in said["faults"][1]["reason"]


def test_a_sound_file_is_shown_as_a_table(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each rule with its kind, thresholds, scope, severity, owner and mode; the shipped file is sound."""
    assert run(["rules", "check", str(mine)]) == 0
    said = capsys.readouterr().out
    assert f"{mine}: good; 3 rules, version {rules.load(mine).version}" in said
    for word in ("low", "trust_below", "60", "61", "at 30:", "critical", "ghost", "shadow", "shipping"):
        assert word in said
    assert run(["rules", "check", str(rules.SHIPPED), "--json"]) == 0
    assert [rule["id"] for rule in last(capsys)["rules"]] == [rule.id for rule in rules.load().rule]


def test_a_history_says_how_often_each_rule_would_have_rung(
    mine: Path, events: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts per rule, those in shadow mode too and marked; segments that nobody is in are warned of."""
    assert run(["rules", "check", str(mine), "--against", str(events)]) == 0
    said = capsys.readouterr()
    assert run(["rules", "check", str(mine), "--against", str(events), "--json"]) == 0
    found = last(capsys)
    low, quiet, late = found["rules"]
    assert low["opened"] >= low["customers"] > 0
    assert late["opened"] > 0
    assert quiet["opened"] == quiet["customers"] == quiet["still_open"] == 0
    line = next(line for line in said.out.splitlines() if line.startswith("  low: "))
    assert f"would have opened {low['opened']} alerts in {found['days']:.0f} days about" in line
    assert f"{low['per_1000_and_week']:.1f} per 1,000 customers and week" in line
    assert f"{low['still_open']} still open" in line
    assert "shadow" not in line
    assert all("in shadow mode" in line for line in said.out.splitlines() if line.startswith("  late: "))
    assert found["segments_not_seen"] == ["ghost"]
    assert "segment 'ghost' of rule 'quiet'" in said.err
    assert "Replaying events" in said.err


def test_counts_are_those_of_the_alert_log(mine: Path, events: Path) -> None:
    """Opened and ended alerts agree with what the replay counted, and rates with the customers' weeks."""
    tried = trial(history.read(events), parameters.load(), rules.load(mine), now_ms=2_000_000_000_000)
    assert sum(rung.opened for rung in tried.rungs) == tried.account.opened.total()
    assert sum(rung.opened - rung.still_open for rung in tried.rungs) == tried.account.resolved.total()
    low = tried.rungs[0]
    weeks = low.opened / low.per_1000_and_week * 1000.0
    assert weeks <= len(tried.account.table) * tried.days / 7.0


@pytest.mark.parametrize("text", ["", "not json\n", "{}\n"])
def test_a_history_without_events_is_refused(
    text: str, mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing to judge by is no calm: exit code 1, with the next step."""
    (tmp_path / "none.jsonl").write_text(text)
    assert run(["rules", "check", str(mine), "--against", str(tmp_path / "none.jsonl")]) == 1
    assert "no event could be scored" in capsys.readouterr().err


def test_a_missing_file_is_said_so(mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of rules: wrong use; of events: the job failed."""
    assert run(["rules", "check", str(tmp_path / "absent.toml")]) == 2
    assert run(["rules", "check", str(mine), "--against", str(tmp_path / "absent.jsonl")]) == 1
    assert capsys.readouterr().err.count("cannot read") == 2
