"""`kizuna override`: what is refused before anything is sent."""

from pathlib import Path

import pytest

from stream.cli.main import run

WHO = ("override", "c0", "--by", "ana", "--bootstrap", "127.0.0.1:1")
ALL = {"--band": "good", "--reason": "ours", "--until": "+7d"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "needs a band, a reason and an end"),
        ([part for name in ("--band", "--until") for part in (name, ALL[name])], "needs a band"),
        (["--withdraw", "--band", "good"], "neither a band nor an end"),
        ([part for pair in (ALL | {"--band": "best"}).items() for part in pair], "'best' is not one of"),
        ([part for pair in (ALL | {"--until": "+7y"}).items() for part in pair], "'+7y' is not a time"),
        ([part for pair in (ALL | {"--until": "+0d"}).items() for part in pair], "is over"),
        ([part for pair in (ALL | {"--reason": "x" * 1025}).items() for part in pair], "<= 1024"),
    ],
)
def test_a_wrong_command_is_refused_with_exit_code_2(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No Kafka is asked for it; the sentence says what is wrong."""
    monkeypatch.chdir(tmp_path)
    assert run([*WHO, *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_kafka_that_is_away_is_said_with_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In bounded time, and with the way on."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIZUNA_CONNECT_TIMEOUT_S", "1")
    assert run([*WHO, *(part for pair in ALL.items() for part in pair)]) == 1
    assert "next: start one with `kizuna kafka start`" in capsys.readouterr().err
