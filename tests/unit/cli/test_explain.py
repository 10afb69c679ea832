"""`kizuna explain` and `kizuna whatif` on a file, run as a shell runs them."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import encode
from stream.cli.main import run
from stream.offline.generate import generate
from stream.texts.languages import LANGUAGES

ROOT = Path(__file__).resolve().parents[3]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("KIZUNA_")}
END_MS = 1_767_225_600_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a history, one line of which is torn."""
    path = tmp_path_factory.mktemp("home")
    found = generate(40, 200, seed=3, end_ms=END_MS).events
    lines = [encode(event) for event in found]
    (path / "events.jsonl").write_bytes(b"\n".join([*lines[:5], b'{"type": "purch', *lines[5:]]) + b"\n")
    counts: dict[str, int] = {}
    for event in found:
        counts[event.customer_id] = counts.get(event.customer_id, 0) + 1
    (path / "busiest").write_text(max(counts, key=lambda who: counts[who]))
    return path


def kizuna(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream", *arguments],
        cwd=home,
        env=CLEAN | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def answer(home: Path, command: str, *arguments: str) -> dict[str, Any]:
    who = (home / "busiest").read_text()
    done = kizuna(home, command, who, "--events", "events.jsonl", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_reasons_sum_to_the_scores_and_to_their_change(home: Path) -> None:
    """Without Kafka: trust, log-odds and the changes of both are the sums of their reasons, to 1e-9."""
    why = answer(home, "explain", "--since", "2025-09-15")
    sums = {
        name: math.fsum(reason["contribution"] for reason in reasons)
        for name, reasons in (
            ("trust", why["trust_reasons"]),
            ("odds", why["churn_reasons"]),
            ("trust_change", why["changes"]["trust_reasons"]),
            ("odds_change", why["changes"]["churn_reasons"]),
        )
    }
    assert why["trust"] == pytest.approx(why["trust_base"] + sums["trust"], abs=1e-9)
    assert why["churn_risk"] == pytest.approx(1 / (1 + math.exp(-sums["odds"])), abs=1e-9)
    assert why["changes"]["trust_change"] == pytest.approx(sums["trust_change"], abs=1e-9)
    assert why["changes"]["churn_log_odds_change"] == pytest.approx(sums["odds_change"], abs=1e-9)
    assert why["changes"]["trust_after"] == why["trust"]
    assert why["unreadable_lines"] == 1


def test_an_explanation_at_a_time_is_that_of_a_file_that_ends_there(home: Path) -> None:
    """Later lines change nothing: what is said of T is what could be known at T."""
    lines = (home / "events.jsonl").read_text().splitlines()
    cut = [
        line
        for line in lines
        if line.endswith("}") and json.loads(line)["occurred_at"] <= "2025-11-01T00:00:00Z"
    ]
    (home / "cut.jsonl").write_text("\n".join(cut) + "\n")
    who = (home / "busiest").read_text()
    at = ("--at", "2025-11-01", "--json")
    whole, short = (
        json.loads(kizuna(home, "explain", who, "--events", name, *at).stdout)
        for name in ("events.jsonl", "cut.jsonl")
    )
    assert whole | {"unreadable_lines": 0} == short


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_person_reads_that_the_sums_are_exact(home: Path, lang: str) -> None:
    """In either language both scores and both changes say that their sum is exact; --top leaves that so."""
    who = (home / "busiest").read_text()
    options = ("--events", "events.jsonl", "--since", "2025-09-15", "--lang", lang, "--top", "2")
    done = kizuna(home, "explain", who, *options)
    assert done.returncode == 0, done.stderr
    phrases = LANGUAGES[lang].phrases
    assert done.stdout.count(phrases["exactly"]) == 2
    assert done.stdout.count(phrases["exactly_change"]) == 2
    assert phrases["not_exactly"] not in done.stdout
    printed = [float(line.split()[0]) for line in done.stdout.splitlines() if line.startswith("  ")]
    upto = next(i for i in range(2, 6) if abs(sum(printed[:i]) - printed[i]) < 0.001)
    assert upto <= 4  # the base, two reasons, and the others together


def test_what_if_names_the_smallest_and_the_interactions_for_it(home: Path) -> None:
    """The best plan of a reachable threshold is enough and carries what would have to be sent."""
    now = answer(home, "whatif", "--threshold", "trust=100")
    assert now["best"] is None
    assert now["pairs_tried"] > 0
    goal = now["plans"][0]["trust"] - 0.5
    found = answer(home, "whatif", "--threshold", f"trust={goal:.2f}")
    assert found["best"] == found["plans"][0]
    assert found["best"]["enough"]
    assert found["best"]["trust"] > goal
    assert all(each["customer_id"] == found["customer_id"] for each in found["best"]["interactions"])


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("explain", "nobody", "--events", "events.jsonl"), 1, "no line of events.jsonl"),
        (("explain", "nobody", "--events", "missing.jsonl"), 1, "cannot read missing.jsonl"),
        (("explain", "WHO", "--events", "events.jsonl", "--at", "1999-01-01"), 1, "nothing is known of"),
        (
            ("explain", "WHO", "--events", "events.jsonl", "--since", "2099-01-01"),
            2,
            "is later than the scores",
        ),
        (("explain", "WHO", "--events", "events.jsonl", "--since", "published"), 1, "give a time"),
        (("explain", "WHO", "--events", "events.jsonl", "--since", "soon"), 2, "'soon' is not a time"),
        (("explain", "WHO", "--events", "events.jsonl", "--lang", "xx"), 2, "--lang"),
        (("explain", "WHO", "--events", "events.jsonl", "--app-id", "a"), 2, "no Kafka"),
        (("whatif", "WHO", "--events", "events.jsonl", "--threshold", "trust"), 2, "is no threshold"),
        (("whatif", "WHO", "--events", "events.jsonl", "--threshold", "trust=nan"), 2, "is no threshold"),
        (("whatif", "WHO", "--events", "events.jsonl", "--threshold", "churn_risk=60"), 2, "is no threshold"),
        (("whatif", "WHO", "--events", "events.jsonl", "--actions", "missing.toml"), 2, "cannot read"),
    ],
)
def test_wrong_use_has_a_sentence_and_a_next_step(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """Exit code 1 where the data lack it, 2 where the command is wrong; no traceback, nothing on stdout."""
    who = (home / "busiest").read_text()
    monkeypatch.chdir(home)
    assert run([who if word == "WHO" else word for word in arguments]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert "next: " in printed.err
    assert "Traceback" not in printed.err
