"""`kizuna generate` and `kizuna rehearse` as a person types them."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stream.cli.main import run

NOISE = ("--disorder", "0.1", "--late", "0.05", "--duplicates", "0.05", "--skew", "0.1", "--bad", "0.05")
SMALL = ("generate", "--customers", "60", "--days", "200", "--seed", "3", "--json")


def _last(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return summary


def _files(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_same_command_writes_the_same_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Events, truth and the list of bad records, byte for byte; the summary counts what is in them."""
    found = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        assert run([*SMALL, *NOISE, "--out", str(tmp_path / name / "e.jsonl")]) == 0
        found.append(_last(capsys))
    files = _files(tmp_path / "a")
    assert files == _files(tmp_path / "b")
    assert set(files) == {"e.jsonl", "e.jsonl.truth.csv", "e.jsonl.bad.csv"}
    told = found[0]
    assert files["e.jsonl"].count(b"\n") == told["lines"]
    assert told["lines"] == told["events"] + told["duplicates"] + sum(told["bad"].values())
    with (tmp_path / "a/e.jsonl.bad.csv").open(newline="") as file:
        bad = list(csv.DictReader(file))
    assert Counter(row["kind"] for row in bad) == Counter(told["bad"])
    assert Counter(row["cause"] for row in bad) == Counter(told["dead_letters"])


def test_without_noise_no_list_of_bad_records_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older list beside a file that has no bad records any more would be a lie."""
    out = str(tmp_path / "e.jsonl")
    assert run([*SMALL, "--bad", "0.1", "--out", out]) == 0
    assert run([*SMALL, "--out", out]) == 0
    capsys.readouterr()
    assert set(_files(tmp_path)) == {"e.jsonl", "e.jsonl.truth.csv"}


def test_rehearsal_accounts_for_every_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Scored, duplicate and dead letters by cause are exactly what the generator says it wrote."""
    out = str(tmp_path / "e.jsonl")
    assert run([*SMALL, *NOISE, "--out", out]) == 0
    told = _last(capsys)
    assert run(["rehearse", out, "--json"]) == 0
    found = _last(capsys)
    assert found["events"] == told["lines"]
    assert (found["scored"], found["duplicates"]) == (told["events"], told["duplicates"])
    assert found["dead_letters"] == told["dead_letters"]
    assert (found["customers"], found["left"]) == (told["customers"], told["churned"])


def test_rehearsal_shows_the_recency_rules_beside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For people: one table with three columns, and the catch of every cause."""
    out = str(tmp_path / "e.jsonl")
    assert run([*SMALL, "--out", out]) == 0
    capsys.readouterr()
    assert run(["rehearse", out]) == 0
    said = capsys.readouterr().out
    for words in ("recency", "x usual gap", "flap rate", "lead, median days", "drifted_away"):
        assert words in said


def test_rehearsal_with_a_team_says_that_it_is_invented(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people: of whom the answers are, and how many a day; without a team, that there are none."""
    out = str(tmp_path / "e.jsonl")
    assert run([*SMALL, "--out", out]) == 0
    assert run(["rehearse", out]) == 0
    assert "Answers: no acknowledgements" in capsys.readouterr().out
    assert run(["rehearse", out, "--team-per-day", "2"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Answers of an invented team, 2 a day: " in said
    assert "hours in the median" in said


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("generate", "--out", "e.jsonl", "--bad", "0.6"), 2, "--bad"),
        (("generate", "--out", "e.jsonl", "--skew", "-0.1"), 2, "--skew"),
        (("generate", "--out", "no/such/place.jsonl", "--customers", "1"), 1, "no directory"),
        (("generate", "--out", "e.jsonl", "--end", "soon"), 2, "soon"),
        (("rehearse", "e.jsonl", "--team-per-day", "0"), 2, "--team-per-day"),
        (("rehearse", "e.jsonl"), 1, "e.jsonl.truth.csv"),
    ],
)
def test_wrong_use_says_what_to_do(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    """An exit code, a sentence and a next step; nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    said = capsys.readouterr().err
    assert words in said
    assert "next: " in said
    assert list(tmp_path.iterdir()) == []
