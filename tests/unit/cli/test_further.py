"""What follows from the scores, as `kizuna explain` and `kizuna replay --segments` print it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from stream.cli.main import run
from stream.pipeline.segments import GROUPINGS
from tests.strategies import DAY_MS, START_MS, Body, iso

AT = "2026-03-02T00:00:00Z"


def step(name: str, day: float, /, who: str, **own: Any) -> Body:
    at = iso(START_MS + round(day * DAY_MS))
    return {"type": name, "event_id": f"{who}{name}{day}", "customer_id": who, "occurred_at": at} | own


HISTORY = [
    *(step("purchase", day, "a", amount=50, currency="EUR", channel="web") for day in (1, 12, 25, 40)),
    step("profile", 1, "a", segment="retail", tier="gold"),
    step("survey", 50, "a", instrument="nps", score=9),
    step("survey", 58, "a", instrument="nps", score=2),
    step("ticket", 58.1, "a", ticket_id="t", status="opened", channel="phone"),
    step("ticket", 58.5, "a", ticket_id="t", status="first_reply", channel="email"),
    step("purchase", 30, "b", amount=9, currency="JPY"),
    step("purchase", 35, "b", amount=9, currency="EUR"),
    step("profile", 30, "b", segment="retail"),
]


MARKS = {"l": 2, "m": 6, "h": 9, "o": 0}
"""Customer -> answer to the NPS question; `o` is of no segment."""


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(map(json.dumps, HISTORY)) + "\n")
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == 0
    return capsys.readouterr().out


def test_explain_tells_what_follows(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Change, loyalty, value, surveys, feedback acted on, hops: as lines and in the JSON object."""
    common = ("explain", "a", "--events", str(events), "--at", AT)
    its = json.loads(said(capsys, *common, "--json").splitlines()[-1])["derived"]
    assert its["trust_change_7d"] < its["trust_change_30d"] < 0.0
    assert 0.0 < its["value_at_risk"] < its["lifetime_value"]
    assert (its["currency"], its["value_absent"]) == ("EUR", None)
    assert its["surveys"]["nps"] == {
        "answers": 2,
        "value": 0.0,
        "standard_error": pytest.approx(70.71, abs=0.01),
    }
    assert (its["low_answers"], its["low_answers_acted_on"], its["low_answers_waiting"]) == (1, 1, 0)
    assert (its["tickets_with_channel"], its["tickets_that_hopped"]) == (1, 1)
    assert (its["contacts_that_hopped"], its["contacts_that_could_hop"]) == (1, 1)
    assert its["share_of_contacts_that_hopped"] == 1.0
    assert [its[by] for by in GROUPINGS] == ["retail", "gold", "web", "returning"]
    lines = said(capsys, *common)
    for words in (
        "trust moved",
        f"loyalty        {its['loyalty_type']}",
        "at risk",
        "nps",
        "1 of 1 ticket, 1 of 1 contact",
    ):
        assert words in lines


def test_explain_says_it_in_japanese(events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No English word is left in the Japanese lines, of a buyer and of who has neither tier nor value."""
    for who in ("a", "b"):
        told = said(capsys, "explain", who, "--events", str(events), "--at", AT, "--lang", "ja")
        start = told.index("信頼の動き")
        block = told[start : told.index("\n\n", start)]
        assert "ロイヤルティ" in block
        assert set(re.findall("[A-Za-z]{2,}", block)) <= {"EUR", "NPS"}


def test_explain_places_a_customer_in_its_segment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By hand: of three the places are 17, 50 and 83; others and the future do not count."""
    told = [step("survey", 50, who, instrument="nps", score=mark) for who, mark in MARKS.items()]
    told += [step("profile", 1, who, segment="retail") for who in "lmh"]
    told += [step("purchase", 40, who, amount=9, currency="EUR") for who in "lm"]
    told += [
        step("survey", 200, "l", instrument="nps", score=10),
        step("profile", 200, "o", segment="retail"),
    ]
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(map(json.dumps, told)) + "\n")
    found = {}
    for who in MARKS:
        common = ("explain", who, "--events", str(path), "--at", AT, "--percentile")
        its = json.loads(said(capsys, *common, "--json").splitlines()[-1])["derived"]["percentile_in_segment"]
        found[who] = (round(its["trust"]), its["churn_risk"], its["customers"])
    assert found == {"l": (17, 75.0, 3), "m": (50, 25.0, 3), "h": (83, None, 3), "o": (50, None, 1)}
    assert "percentile     trust 17, risk 75, of 3 in segment retail" in said(
        capsys, "explain", "l", "--events", str(path), "--at", AT, "--percentile"
    )


def test_a_place_needs_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Kafka's customer is refused with the next step, before Kafka is asked."""
    assert run(["explain", "a", "--percentile"]) == 2
    assert "--events" in capsys.readouterr().err


@pytest.mark.parametrize("by", GROUPINGS)
def test_replay_prints_groups(by: str, events: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line a group, figures with their error; the same in the JSON object, customers adding up."""
    common = (
        "replay",
        str(events),
        "--out",
        str(events.parent / "out.jsonl"),
        "--as-of",
        AT,
        "--segments",
        by,
    )
    groups = json.loads(said(capsys, *common, "--json").splitlines()[-1])["segments"][by]
    assert sum(group["customers"] for group in groups) == 2
    assert sum(group["surveys"]["nps"]["answers"] for group in groups) == 2
    assert [list(group["value"]) for group in groups if group["value"]] == [["EUR"]]
    table = said(capsys, *common).splitlines()[-len(groups) - 1 :]
    assert table[0].split()[:3] == [by, "customers", "trust"]
    assert {line.split("  ")[0].strip() for line in table[1:]} == {group["name"] for group in groups}
    assert any("0.0 ± 70.7 (2)" in line for line in table)
