"""The rules file: what ships, what is refused as a whole, and how the first fault is told."""

from pathlib import Path

import pytest

from stream.alerts import rules
from stream.errors import ConfigError

TEXT = rules.SHIPPED.read_text(encoding="utf-8")


def test_no_rules_are_fine() -> None:
    """An empty file means no alerts."""
    assert rules.parse("").rule == ()


def test_shipped_rules_are_valid_and_versioned() -> None:
    """Few rules, each with owner and action; the version changes with any of them, not with comments."""
    shipped = rules.load()
    assert [rule.id for rule in shipped.rule] == [
        "trust_low",
        "churn_risk_high",
        "promise_late",
        "payment_trouble",
    ]
    assert all(rule.owner and rule.action for rule in shipped.rule)
    assert rules.parse(TEXT + "# more").version == shipped.version
    assert rules.parse(TEXT.replace("due_hours = 48", "due_hours = 49")).version != shipped.version


def test_every_kind_has_an_example_that_holds() -> None:
    """Without their comment marks the examples are sound rules, and with those that ship one of each kind."""
    lines = TEXT.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("# [["))
    examples = rules.parse("\n".join(lines[:start] + [line.removeprefix("# ") for line in lines[start:]]))
    assert {rule.kind for rule in examples.rule} == set(rules.KINDS)
    assert examples.storm == rules.Storm()


def test_first_fault_stops_and_says_how_many_there_are() -> None:
    """source:line: reason of the topmost, and a next step that names the others."""
    text = TEXT.replace("open = 0.85", "open = 85.0").replace("clear = 50.0", "clear = 5.0")
    line = text.splitlines().index("clear = 5.0") + 1
    with pytest.raises(ConfigError) as refused:
        rules.parse(text, "mine.toml")
    assert (
        str(refused.value)
        == f"mine.toml:{line}: trust_low: clear (5) must be above open (40) for trust_below"
    )
    assert "`kizuna rules check mine.toml` names 1 more" in refused.value.hint


def test_one_fault_is_not_said_to_be_several() -> None:
    """Where there is nothing more to see, nobody is sent to look."""
    with pytest.raises(ConfigError) as refused:
        rules.parse("segment = []")
    assert "more" not in refused.value.hint


def test_unreadable_file_is_said_so(tmp_path: Path) -> None:
    """A missing file and one that is not text are refused with the next step."""
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name in ("absent.toml", "binary.toml"):
        with pytest.raises(ConfigError, match=name) as refused:
            rules.load(tmp_path / name)
        assert refused.value.hint
