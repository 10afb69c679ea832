"""`kizuna import` and `kizuna dissatisfaction` as a shell runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.codec import encode
from tests.unit.offline.importing.imported import GOOD, PURCHASE
from tests.unit.offline.test_orders import invented

ROOT = Path(__file__).resolve().parents[3]
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("KIZUNA_")}


def kizuna(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream", *arguments],
        cwd=cwd,
        env=CLEAN | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "map.toml").write_text(PURCHASE)
    (tmp_path / "rows.csv").write_text(f"{GOOD}2,bert,2026-01-03,oops\n3,carl,2026-01-04,30\n")
    return tmp_path


def test_import_ends_with_one_json_object_and_says_where_rejects_are(place: Path) -> None:
    """Counts of rows and events, causes, and both files; what is imported can be replayed."""
    done = kizuna("import", "rows.csv", "--mapping", "map.toml", "--out", "events.jsonl", "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert (said["rows"], said["rows_used"], said["rows_filtered"], said["rows_rejected"]) == (3, 2, 0, 1)
    assert (said["events"], said["types"], said["rejected"]) == (2, {"purchase": 2}, {"not_a_number": 1})
    assert (said["first"], said["last"]) == ("2026-01-02T00:00:00Z", "2026-01-04T00:00:00Z")
    reject = json.loads((place / said["rejects"]).read_text())
    assert (reject["file"], reject["line"], reject["cause"]) == ("rows.csv", 3, "not_a_number")
    replayed = kizuna("replay", "events.jsonl", "--out", "scores.jsonl", "--json", cwd=place)
    assert json.loads(replayed.stdout.splitlines()[-1])["scored"] == 2, replayed.stderr


def test_import_without_rejects_leaves_no_file_of_them(place: Path) -> None:
    """Nothing refused, nothing left behind; `--where` leaves out the other rows."""
    arguments = ("--mapping", "map.toml", "--out", "e.jsonl", "--where", "who=carl")
    done = kizuna("import", "rows.csv", *arguments, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "1 events: 1 purchase" in done.stdout
    assert {path.name for path in place.iterdir()} == {"map.toml", "rows.csv", "e.jsonl"}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--mapping", "nowhere"), 2, "cdnow"),
        (("--mapping", "map.toml", "--where", "who"), 2, "COLUMN=VALUE"),
        (("--mapping", "map.toml", "--where", "shop=1"), 2, "no file has a column 'shop'"),
        (("--mapping", "map.toml", "--where", "id=77"), 1, "leave out all of them"),
        (("--mapping", "map.toml", "--where", "id=2"), 1, "rows.csv line 3 (event 0): not_a_number"),
    ],
)
def test_import_that_cannot_be_says_why_and_leaves_what_was(
    place: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    """2 for wrong use, 1 if no row became an event; the file of before stays as it was."""
    (place / "events.jsonl").write_text("before\n")
    done = kizuna("import", "rows.csv", *arguments, "--out", "events.jsonl", cwd=place)
    assert done.returncode == code, done.stdout
    assert says in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    assert (place / "events.jsonl").read_text() == "before\n"


def test_dissatisfaction_prints_the_baseline_beside_and_writes_why(tmp_path: Path) -> None:
    """A table for people, one object for scripts; each review with what was foretold; bad lines counted."""
    lines = [encode(event) for event in invented(2_000, seed=3)]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join([*lines, b"{"]))
    window = ("--from", "2026-03-01", "--until", "2026-06-01")
    done = kizuna("dissatisfaction", "events.jsonl", *window, "--scores", "s.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["models"]["kizuna"]["auc"] > said["models"]["overdue_days"]["auc"]
    assert [month["month"] for month in said["months"]] == ["2026-03", "2026-04", "2026-05"]
    assert said["unreadable"] == 1
    foretold = [json.loads(line) for line in (tmp_path / "s.jsonl").read_text().splitlines()]
    assert len(foretold) == said["reviews"] == sum(month["n"] for month in said["months"])
    assert all(0 < each["p_low"] < 1 and len(each["log_odds"]) == 6 for each in foretold)
    table = kizuna("dissatisfaction", "events.jsonl", *window, cwd=tmp_path)
    assert "overdue days alone" in table.stdout


def test_dissatisfaction_without_reviews_says_what_it_wants(tmp_path: Path) -> None:
    """Purchases alone: the next step names deliveries and reviews."""
    (tmp_path / "e.jsonl").write_bytes(b'{"type":"loyalty"}\n')
    done = kizuna("dissatisfaction", "e.jsonl", cwd=tmp_path)
    assert done.returncode == 1
    assert "reviews with the same order_id" in done.stderr.replace("\n", " ")
