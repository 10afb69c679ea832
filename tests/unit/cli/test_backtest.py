"""`kizuna backtest`, run as a shell runs it."""

import json
from pathlib import Path

import pytest

from schemas.codec import encode
from stream.cli.main import run
from stream.offline.backtest import MODELS
from stream.offline.generate import generate

END_MS = 1_767_225_600_000  # 2026-01-01


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "events.jsonl"
    history = generate(120, 300, seed=9, end_ms=END_MS).events
    path.write_bytes(b"".join(encode(event) + b"\n" for event in history) + b"not json\n")
    return path


def _arguments(events: Path, *more: str, origin: str = "2025-10-15") -> list[str]:
    return ["backtest", str(events), "--origin", origin, "--horizon-days", "45", *more]


def test_last_line_is_one_object_with_the_promised_keys(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All models with all measures; the refused line is counted; the report is there."""
    report = tmp_path / "report.html"
    assert run(_arguments(events, "--folds", "2", "--json", "--report", str(report))) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"origin", "horizon_days", "customers", "churn_rate", "models", "warnings", "folds"} <= said.keys()
    assert (said["origin"], said["horizon_days"], len(said["folds"])) == ("2025-10-15", 45, 2)
    assert list(said["models"]) == list(MODELS)
    for model in said["models"].values():
        assert {"auc", "pr_auc", "brier", "log_loss", "ece", "lift_10"} <= model.keys()
    assert any("1 lines were refused" in warning for warning in said["warnings"])
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_people_get_a_table(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line per model, ours first."""
    assert run(_arguments(events)) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    names = [words[0] for words in lines if words and words[0] in MODELS]
    assert names == list(MODELS)


def test_given_parameters_are_used_as_they_are(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--params` scores with a file, and says that its honesty is not ours to vouch for."""
    shipped = Path("stream/model/parameters.toml").resolve()
    assert run(_arguments(events, "--params", str(shipped), "--json")) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert any("parameters.toml as it is" in warning for warning in said["warnings"])


@pytest.mark.parametrize(
    ("origin", "code", "word"),
    [
        ("2031-01-01", 2, "nothing is known after"),
        ("2001-01-01", 2, "nobody is known"),
        ("soon", 2, "not a time"),
    ],
)
def test_wrong_origin_is_wrong_use(
    events: Path, capsys: pytest.CaptureFixture[str], origin: str, code: int, word: str
) -> None:
    """Exit code 2, what is wrong, and what to type instead."""
    assert run(_arguments(events, origin=origin)) == code
    complaint = capsys.readouterr().err
    assert word in complaint
    assert "next:" in complaint


def test_a_file_that_is_none_is_a_failed_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 for lines that are no interactions; the first is named, and no report is left."""
    path, report = tmp_path / "bad.jsonl", tmp_path / "r.html"
    path.write_text("no\nno\n", encoding="utf-8")
    assert run(_arguments(path, "--report", str(report))) == 1
    assert "line 1: invalid_json" in capsys.readouterr().err
    assert not report.exists()
