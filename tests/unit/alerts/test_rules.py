"""The rules file: each fault is named with its line and its reason."""

from pathlib import Path

import pytest

from stream.alerts import rules
from stream.errors import ConfigError

TEXT = rules.SHIPPED.read_text(encoding="utf-8")
LINES = TEXT.splitlines()
FIRST, SECOND, THIRD = (i for i, line in enumerate(LINES, 1) if line == "[[rule]]")
ONE = """[[rule]]
id = "{}"
kind = "trust_below"
open = 1.0
clear = 2.0
severity = "info"
owner = "o"
action = "a"
"""


def line_of(text: str) -> int:
    return next(i for i, line in enumerate(LINES, 1) if text in line)


FAULTS: dict[str, tuple[str, str, int | None, str]] = {
    "syntax": ("open = 20.0", "open = ", None, ""),
    "not a number": ("open = 20.0", 'open = "low"', SECOND, "Expected `float`"),
    "nan": ("open = 20.0", "open = nan", SECOND, ">="),
    "out of range": ("open = 20.0", "open = -1.0", SECOND, "from 0 to 100"),
    "unknown kind": (
        'id = "churn_risk_high"\nkind = "churn_risk_above"',
        'id = "x"\nkind = "y"',
        THIRD,
        "enum",
    ),
    "unknown field": ("min_purchase_days = 4", "min_purchases = 4", THIRD, "unknown field"),
    "missing field": ('severity = "critical"\n', "", SECOND, "severity"),
    "bad severity": ('severity = "critical"', 'severity = "high"', SECOND, "enum"),
    "bad name": ('id = "trust_critical"', 'id = "Trust critical"', SECOND, "regex"),
    "name with a line break": ('id = "trust_critical"', 'id = "trust_critical\\n"', SECOND, "regex"),
    "same id twice": ('id = "trust_critical"', 'id = "trust_low"', SECOND, "occurs twice"),
    "thresholds crossed": ("clear = 35.0", "clear = 15.0", SECOND, "must be above open"),
    "risk thresholds crossed": ("clear = 0.75", "clear = 0.9", THIRD, "must be below open"),
    "risk in percent": ("open = 0.85", "open = 85.0", THIRD, "from 0 to 1 "),
    "negative hold": ("due_hours = 72", "hold_hours = -1.0", THIRD, ">= 0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named_with_line_and_reason(fault: str) -> None:
    """source:line: reason, and a next step."""
    before, after, line, reason = FAULTS[fault]
    assert TEXT.count(before) == 1
    line = line or line_of(before)
    with pytest.raises(ConfigError) as refused:
        rules.parse(TEXT.replace(before, after), "mine.toml")
    assert str(refused.value).startswith(f"mine.toml:{line}: ")
    assert reason in str(refused.value)
    assert refused.value.hint


def test_more_rules_than_a_row_has_room_for() -> None:
    """One too many is refused at its own line, with the number."""
    text = "".join(ONE.format(f"r{i}") for i in range(rules.MAX_RULES + 1))
    with pytest.raises(ConfigError, match=rf":{8 * rules.MAX_RULES + 1}: {rules.MAX_RULES + 1} rules"):
        rules.parse(text)


def test_no_rules_are_fine() -> None:
    """An empty file means no alerts."""
    assert rules.parse("").rule == ()


def test_shipped_rules_are_valid_and_versioned() -> None:
    """Three rules with owner and action; the version changes with any of them, not with comments."""
    shipped = rules.load()
    assert [rule.id for rule in shipped.rule] == ["trust_low", "trust_critical", "churn_risk_high"]
    assert all(rule.owner and rule.action for rule in shipped.rule)
    assert rules.parse(TEXT + "# more").version == shipped.version
    assert rules.parse(TEXT.replace("due_hours = 8", "due_hours = 9")).version != shipped.version


def test_unreadable_file_is_said_so(tmp_path: Path) -> None:
    """A missing file and one that is not text are refused with the next step."""
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name in ("absent.toml", "binary.toml"):
        with pytest.raises(ConfigError, match=name) as refused:
            rules.load(tmp_path / name)
        assert refused.value.hint
