"""How work is told when nobody watches a terminal."""

import io
import json

import pytest
from rich.console import Console

from stream.cli import output


def test_lines_come_when_a_step_begins_and_every_ten_seconds() -> None:
    """Reports in between are dropped, so that a log stays readable."""
    text, now = io.StringIO(), [0.0]
    report = output._lines(Console(file=text), output.LINE_EVERY_S, lambda: now[0])
    for second in range(25):
        now[0] = float(second)
        report("Sending", second * 100, 2500, "100 events/s")
    report("Waiting", 0, 0)
    assert text.getvalue().splitlines() == [
        "Sending: 0 of 2,500 (0%), 100 events/s",
        "Sending: 1,000 of 2,500 (40%), 100 events/s",
        "Sending: 2,000 of 2,500 (80%), 100 events/s",
        "Waiting ...",
    ]


def test_progress_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """Results have stdout to themselves."""
    with output.progress() as report:
        report("Starting", 0, 0)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "Starting ...\n")


def test_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """No markup is read out of a customer's data, and long lines are not torn."""
    output.say("[bold]a[/bold] " + "x" * 500)
    output.complain("no [red] here", "nor [/] there")
    captured = capsys.readouterr()
    assert captured.out == "[bold]a[/bold] " + "x" * 500 + "\n"
    assert captured.err == "error: no [red] here\nnext: nor [/] there\n"


def test_json_line_refuses_what_json_has_no_word_for(capsys: pytest.CaptureFixture[str]) -> None:
    """One line that any reader parses; not-a-number is an error here, not there."""
    output.json_line({"a": 1.5, "b": None})
    assert json.loads(capsys.readouterr().out) == {"a": 1.5, "b": None}
    with pytest.raises(ValueError, match="JSON"):
        output.json_line({"a": float("nan")})
