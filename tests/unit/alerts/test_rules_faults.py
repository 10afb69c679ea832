"""Every fault of a rules file is named with the line that must change and the reason; all at once."""

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.alerts.lines import line_of, places
from stream.alerts.rules import MAX_RULES, SHIPPED, Fault, examine

SOUND = """\
segments = ["vip", "new"]

[storm]
budget_per_minute = 30

[[rule]]
id = "low"
kind = "trust_below"
open = 40.0
clear = 50.0
escalate = 20.0
severity = "warning"
escalate_severity = "critical"
owner = "support"
action = "call_today"
segments = ["vip"]
tiers = ["gold"]
locales = ["ja"]
channels = ["web"]

[[rule]]
id = "drop"
kind = "trust_drop"
days = 30
open = 25.0
clear = 10.0
severity = "warning"
owner = "support"
action = "call_today"

[[rule]]
id = "part"
kind = "component_below"
component = "reliability"
open = -20.0
clear = -10.0
severity = "warning"
owner = "support"
action = "call_today"

[[rule]]
id = "worth"
kind = "value_at_risk_above"
currency = "EUR"
open = 500.0
clear = 300.0
escalate_after_hours = 24
escalate_severity = "error"
severity = "warning"
owner = "support"
action = "call_today"
"""
LINES = SOUND.splitlines()
LOW, DROP, PART, WORTH = (i for i, line in enumerate(LINES, 1) if line == "[[rule]]")

# What is changed, into what, the line that must be named (how far below the changed one), the reason.
FAULTS: dict[str, tuple[str, str, int, str]] = {
    "syntax": ("open = 25.0", "open = ", 0, "Invalid value"),
    "unknown table": ("[storm]", "[storms]", 0, "unknown field `storms`; did you mean `storm`?"),
    "unknown limit": ("budget_per_minute", "budget_per_hour", 0, "storm: unknown field `budget_per_hour`"),
    "limit out of range": ("budget_per_minute = 30", "budget_per_minute = -1", 0, ">= 0"),
    "segment that no row can hold": ('"new"]', '"New Customers"]', 0, "Expected lower-case letters"),
    "segments that are none": ('segments = ["vip", "new"]', "segments = 3", 0, "Expected `array`"),
    "not a number": ("open = 25.0", 'open = "low"', 0, "drop: open: Expected `float`, got `str`"),
    "nan": ("open = 25.0", "open = nan", 0, ">="),
    "infinite": ("clear = 300.0", "clear = -inf", 0, ">="),
    "huge": ("open = 500.0", "open = " + "9" * 400, 0, "out of range"),
    "our own rule": ('id = "low"', 'id = "mass_drop"', 0, "alert about the data"),
    "unknown kind": ('"trust_drop"\ndays = 30', '"trust_dropp"', 0, "must be one of trust_below"),
    "unknown field": ("days = 30", "days = 30\nmin_purchase = 4", 1, "did you mean `min_purchase_days`?"),
    "missing field": ("clear = 10.0\n", "", -5, "`clear` is missing"),
    "unknown severity": ('escalate_severity = "error"', 'escalate_severity = "high"', 0, "one of critical"),
    "name with a blank": ('id = "drop"', 'id = "Trust drop"', 0, "lower-case letters"),
    "name with a line break": ('id = "drop"', 'id = "drop\\n"', 0, "lower-case letters"),
    "same id twice": ('id = "part"', 'id = "drop"', 0, f"'drop' occurs twice, first in line {DROP + 1}"),
    "thresholds crossed": ("clear = 50.0", "clear = 30.0", 0, "clear (30) must be above open (40)"),
    "thresholds equal": ("clear = 10.0", "clear = 25.0", 0, "clear (25) must be below open (25)"),
    "trust in tenths": ("clear = 50.0", "clear = 500.0", 0, "from 0 to 100 for trust_below"),
    "money below nothing": ("clear = 300.0", "clear = -1.0", 0, "from 0 to 1e+09"),
    "never over": ("clear = 300.0", "clear = 0.001", 0, "is never passed"),
    "never trusted enough": ("clear = 50.0", "clear = 100.0", 0, "is never passed"),
    "hold before now": ("days = 30", "days = 30\nhold_hours = -1.0", 1, ">= 0"),
    "days missing": ("days = 30\n", "", -1, "`days` is missing"),
    "days too many": ("days = 30", "days = 91", 0, "<= 90"),
    "days of another kind": ('component = "reliability"', 'component = "reliability"\ndays = 3', 1,
                             "`days` belongs to trust_drop"),
    "component missing": ('component = "reliability"\n', "", -1, "`component` is missing"),
    "component unknown": ('component = "reliability"', 'component = "relibility"', 0, "mean 'reliability'"),
    "component of another kind": ("days = 30", 'days = 30\ncomponent = "care"', 1, "belongs to"),
    "currency missing": ('currency = "EUR"\n', "", -1, "`currency` is missing"),
    "currency in small letters": ('"EUR"', '"eur"', 0, "three capital letters"),
    "currency of another kind": ("days = 30", 'days = 30\ncurrency = "EUR"', 1, "belongs to"),
    "segment not declared": ('segments = ["vip"]', 'segments = ["vib"]', 0, "did you mean 'vip'?"),
    "tier unknown": ('tiers = ["gold"]', 'tiers = ["wood"]', 0, "tier 'wood' is none of standard"),
    "channel unknown": ('channels = ["web"]', 'channels = ["wep"]', 0, "did you mean 'web'?"),
    "locale malformed": ('locales = ["ja"]', 'locales = ["japanese"]', 0, "ja, ja-JP"),
    "locale longer than a row has room for": ('locales = ["ja"]', 'locales = ["jpn-Japan"]', 0, "ja, ja-JP"),
    "escalates before it opens": ("escalate = 20.0", "escalate = 45.0", 0, "must be below open (40)"),
    "escalates to nothing": ('escalate_severity = "critical"\n', "", -2,
                             "`escalate` needs `escalate_severity`"),
    "escalates downward": ('escalate_severity = "error"', 'escalate_severity = "info"', 0, "above severity"),
    "escalates never": ("escalate_after_hours = 24\n", "", 0, "nothing escalates without"),
    "somebody for no escalation": ("days = 30", 'days = 30\nescalate_owner = "x"', 1, "needs"),
}  # fmt: skip


def faults(text: str) -> list[Fault]:
    found, wrong = examine(text)
    assert (found is None) == bool(wrong)
    return wrong


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_named_with_line_and_reason(fault: str) -> None:
    """The one fault, the line of the key that must change, and why."""
    before, after, below, reason = FAULTS[fault]
    assert SOUND.count(before) == 1
    line = SOUND[: SOUND.index(before)].count("\n") + 1
    wrong = faults(SOUND.replace(before, after))
    assert [each.line for each in wrong] == [line + below]
    assert reason in wrong[0].reason


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("[storm]\n\nstale_hours = [", 3, "end of document"),
        ("\nx = " + "[" * 5000, 1, "too deep"),
        ("\nx = " + "9" * 5000, 1, "4300 digits"),
        ("\n[rule]\nid = 1", 2, "written [[rule]]"),
        ("\nrule = [1, 2]", 2, "written [[rule]]"),
        ("\n[[storm]]\nstale_hours = 1", 2, "written [storm]"),
        ("\nsegments = ['a', 1]", 2, "Expected `str`, got `int`, in place 2"),
    ],
)
def test_file_of_another_shape(text: str, line: int, reason: str) -> None:
    """What is no rules file at all is refused too, never with an exception."""
    [fault] = faults(text)
    assert fault.line == line
    assert reason in fault.reason


def test_sound_file_has_no_fault() -> None:
    """What the faults are made of is sound itself, and so is what ships."""
    assert faults(SOUND) == []
    assert faults(SHIPPED.read_text(encoding="utf-8")) == []


def test_all_faults_are_named_at_once() -> None:
    """Several in one rule, others in other places, each with its own line; a wrong type hides no other."""
    text = SOUND.replace("open = 25.0", 'open = "x"').replace("days = 30", 'days = 0\ntiers = ["x"]')
    text = text.replace("budget_per_minute", "budget").replace('"EUR"', '"euro"').replace('id = "part"', "")
    found = {SOUND[: SOUND.index(part)].count("\n") + 1 for part in ("budget_per", "days = 30")}
    assert {each.line for each in faults(text)} == found | {DROP + 4, DROP + 5, PART + 1, WORTH + 4}


def test_action_that_is_no_play() -> None:
    """Nobody could be told what to do: the closest play is named."""
    [fault] = faults(SOUND.replace('action = "call_today"', 'action = "call_tody"', 1))
    assert fault.line == LINES.index('action = "call_today"') + 1
    assert fault.reason.startswith("low: action 'call_tody' is none of fix_delivery, ")
    assert fault.reason.endswith("did you mean 'call_today'?")


def test_more_rules_than_may_be() -> None:
    """One too many is refused at its own line, with the number."""
    rule = 'id = "r{0}"\nkind = "trust_drop"\nopen = 2\nclear = 1\ndays = {0}\n'
    rest = 'severity = "info"\nowner = "o"\naction = "call_today"\n'
    text = "".join("[[rule]]\n" + rule.format(i + 1) + rest for i in range(MAX_RULES + 1))
    assert faults(text) == [Fault(9 * MAX_RULES + 1, f"{MAX_RULES + 1} rules; a file may hold {MAX_RULES}")]


def twins(mine: str, theirs: str) -> list[Fault]:
    """Faults of two rules on trust, each with further lines."""
    rule = '[[rule]]\nid = "{}"\nkind = "trust_below"\nopen = 1\nclear = 2\nseverity = "info"\n{}\n'
    rest = 'owner = "o"\naction = "call_today"\n'
    return faults(
        'segments = ["a", "b"]\n'
        + "".join(rule.format(*each) + rest for each in (("x", mine), ("y", theirs)))
    )


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("", ""),
        ('segments = ["a"]', ""),
        ('segments = ["a"]', 'segments = ["b", "a"]'),
        ('tiers = ["gold"]', 'segments = ["a"]'),
        ('locales = ["ja"]', 'locales = ["en", "ja-JP"]'),
        ('channels = ["web"]', 'channels = ["app"]'),
        ("min_purchase_days = 4", "max_uncertainty = 0.5"),
        ('mode = "shadow"', 'mode = "shadow"'),
    ],
)
def test_two_rules_that_ring_for_one_customer_are_refused(mine: str, theirs: str) -> None:
    """The later one is named with the earlier one's line: who buys through web and app is in both scopes."""
    [fault] = twins(mine, theirs)
    assert fault.line == 11
    assert re.search(r"y: one customer would get two alerts, since x \(line 2\).*`escalate`", fault.reason)


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ('segments = ["a"]', 'segments = ["b"]'),
        ('tiers = ["gold"]', 'tiers = ["silver", "platinum"]'),
        ('locales = ["ja-JP"]', 'locales = ["ja-KR", "en"]'),
        ('locales = ["ja"]', 'locales = ["jam"]'),
        ('mode = "shadow"', ""),
    ],
)
def test_rules_that_exclude_each_other_stand_beside_each_other(mine: str, theirs: str) -> None:
    """No customer is in both scopes, or one of the two tells nobody."""
    assert twins(mine, theirs) == []


def test_rules_that_look_at_different_things_stand_beside_each_other() -> None:
    """A drop in 7 days is not a drop in 30, nor euros yen."""
    text = SOUND + SOUND[SOUND.index('[[rule]]\nid = "drop"') :].replace("days = 30", "days = 7").replace(
        '"EUR"', '"JPY"'
    ).replace('"reliability"', '"delivery"').replace('id = "', 'id = "second_')
    assert faults(text) == []


FILLERS = st.sampled_from(["", "# open = 3", '# """', "\t", "[storm]#", "# [[rule]]"])


@given(st.lists(st.tuples(st.integers(0, len(LINES)), FILLERS), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_lines_are_found_whatever_stands_between_them(fillers: list[tuple[int, str]], end: str) -> None:
    """Every key is where its text is, with comments, blank lines and other line ends added anywhere."""
    lines = list(LINES)
    for at, filler in fillers:
        if not filler.startswith("["):
            lines.insert(at, filler)
    found = places(end.join(lines))
    rule = -1
    for number, line in enumerate(lines, 1):
        rule += line == "[[rule]]"
        if line.startswith(("[[", "#")) or "=" not in line or rule < 0:
            continue
        assert found["rule", rule, line.split(" ")[0]] == number


def test_lines_of_unusual_spellings() -> None:
    """Quoted and dotted keys, strings and arrays over several lines, inline tables, blanks in headings."""
    text = '"segments" = [\n "a", # ]\n "b"]\nstorm.behind_minutes = 1\n'
    text += '[[ rule ]] # first\n"id" = """\n[[rule]]\nx = 1"""\n'
    text += "'kind'='y'\n  [[rule]]\n open=1\n[rule.extra]\nx = { y = 1 }\n"
    assert len(tomllib.loads(text)["rule"]) == 2
    found = places(text)
    assert {path: found[path] for path in found if path[-1] != "extra"} == {
        ("segments",): 1,
        ("storm",): 4,
        ("storm", "behind_minutes"): 4,
        ("rule",): 5,
        ("rule", 0): 5,
        ("rule", 0, "id"): 6,
        ("rule", 0, "kind"): 9,
        ("rule", 1): 10,
        ("rule", 1, "open"): 11,
        ("rule", 1, "extra", "x"): 13,
        ("rule", 1, "extra", "x", "y"): 13,
    }
    assert line_of(found, ("rule", 1, "extra", "z")) == 12
    assert line_of(found, ("rule", 7)) == 5
    assert line_of(places("\nrule = [{a = 1},\n{b = 2}]"), ("rule", 1, "c")) == 2
