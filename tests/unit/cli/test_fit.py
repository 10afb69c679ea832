"""`kizuna fit` and `kizuna model check` as a shell sees them: exit codes, last lines, files."""

import json
from pathlib import Path

import pytest

from schemas.codec import encode
from stream.cli.main import run
from stream.model import parameters
from tests.unit.offline.test_fit import shop


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Three hundred customers and two bad lines."""
    path = tmp_path / "events.jsonl"
    lines = [encode(event) for event in shop(300)]
    lines[3:3] = [b'{"type": "purchase", "amount": -5}', b"nonsense"]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.strip().splitlines()[-1]


def test_fitted_file_is_what_replay_scores_with(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fit, check, replay: the scores carry the fitted model's version and horizon."""
    out, scores = tmp_path / "model.toml", tmp_path / "scores.jsonl"
    assert run(["fit", str(events), "--out", str(out), "--horizon-days", "90", "--json"]) == 0
    report = json.loads(last_line(capsys))
    assert report["bad_lines"] == {"invalid_field": 1, "invalid_json": 1}
    assert report["customers"] == 300
    assert report["layer"]["windows"]
    assert any("2 of" in warning for warning in report["warnings"])
    fitted = parameters.load(out)
    assert fitted.model_version == report["model_version"]
    assert run(["model", "check", str(out), "--json"]) == 0
    assert json.loads(last_line(capsys))["layer"] is True
    assert run(["replay", str(events), "--out", str(scores), "--params", str(out), "--json"]) == 0
    score = json.loads(scores.read_text().splitlines()[0])
    assert score["model_version"] == fitted.model_version
    assert score["horizon_days"] == 90


def test_report_for_people_names_models_windows_and_warnings(
    events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parameters with errors, the windows, what was wrong with the file, and the next command."""
    out = tmp_path / "model.toml"
    assert run(["fit", str(events), "--out", str(out), "--horizon-days", "90"]) == 0
    told = capsys.readouterr().out
    for name in ("MBG/NBD", "BG/NBD", "Pareto/NBD", "Gamma-Gamma", "training windows", "warning:", "next:"):
        assert name in told
    assert "line 4: invalid_field" in told
    assert out.read_text().startswith("# Fitted by kizuna fit from events.jsonl")


@pytest.mark.parametrize("lines", [b"", b"nonsense\n", encode(shop(1)[0]) + b"\n"])
def test_too_little_data_is_a_warning_and_a_file_that_loads(
    lines: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing, nothing readable, one purchase: exit 0, what is missing, the shipped purchase model."""
    events, out = tmp_path / "few.jsonl", tmp_path / "model.toml"
    events.write_bytes(lines)
    assert run(["fit", str(events), "--out", str(out), "--json"]) == 0
    assert any("10 are needed" in warning for warning in json.loads(last_line(capsys))["warnings"])
    assert parameters.load(out).churn == parameters.load().churn


def test_wrong_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No such file: exit 1 and nothing left; a time that is none, a horizon of nothing: exit 2."""
    out = tmp_path / "model.toml"
    assert run(["fit", str(tmp_path / "absent.jsonl"), "--out", str(out)]) == 1
    assert not out.exists()
    some = tmp_path / "some.jsonl"
    some.write_bytes(b"")
    assert run(["fit", str(some), "--out", str(out), "--until", "yesterday"]) == 2
    assert run(["fit", str(some), "--out", str(out), "--horizon-days", "0"]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("credible_mass = 0.95", "credible_mass = 1.5", ["line", "$.trust.credible_mass", "< 1.0"]),
        ("mbg = { r = 0.525", "mbg = { r = -1.0", ["line", "$.churn.mbg.r", "> 0.0"]),
        ("unsubscribed = 0.8", "unsubscrybed = 0.8", ["line", "unsubscrybed"]),
        ("[risk]", "[risk", ["line"]),
    ],
)
def test_faulty_parameter_file_is_refused_with_line_name_and_reason(
    before: str, after: str, said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line in the message is the line of the fault."""
    text = parameters.SHIPPED.read_text(encoding="utf-8").replace(before, after)
    file = tmp_path / "model.toml"
    file.write_text(text, encoding="utf-8")
    assert run(["model", "check", str(file)]) == 2
    told = capsys.readouterr().err
    number = next(i for i, line in enumerate(text.splitlines(), start=1) if after in line)
    for each in [*said, f"line {number}"]:
        assert each in told


def test_shipped_parameters_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """The shipped file is good, and has no layer."""
    assert run(["model", "check", str(parameters.SHIPPED)]) == 0
    assert "good" in capsys.readouterr().out
