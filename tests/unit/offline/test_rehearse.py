"""A rehearsal judges the alerts that the live code raises, and a recency rule on the same days."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.interaction import Interaction, Payment, Purchase, Refund
from stream.alerts import rules
from stream.errors import DataError
from stream.model import parameters
from stream.offline import history
from stream.offline.generate import History, generate
from stream.offline.leadtime import DAY_MS
from stream.offline.recency import PaidDays, rule
from stream.offline.rehearse import rehearse
from stream.offline.replay import Replay
from stream.offline.truth import Truth, read_truth, truth_csv
from stream.pipeline import FileRecord

END_MS = 1_767_225_600_000
START = datetime(2025, 1, 1, tzinfo=UTC)
START_DAY = round(START.timestamp()) // 86_400


@pytest.fixture(scope="module")
def planted() -> History:
    """What `kizuna generate` writes by default."""
    return generate(1_000, 365, seed=1, end_ms=END_MS)


@pytest.fixture(scope="module")
def found(planted: History) -> tuple[Replay, dict[str, Any]]:
    """Its rehearsal with what ships."""
    return _rehearse(planted.events, planted.truth)


def _rehearse(events: list[Interaction], truth: list[Truth]) -> tuple[Replay, dict[str, Any]]:
    return rehearse(_records(events), truth, parameters.load(), rules.load(), now_ms=END_MS + DAY_MS)


def _records(events: list[Interaction]) -> Iterator[FileRecord]:
    return (history.record("f", number, encode(event)) for number, event in enumerate(events, 1))


def test_default_alerts_come_in_time_and_do_not_flap(found: tuple[Replay, dict[str, Any]]) -> None:
    """Median lead of two weeks or more, also without alerts older than the trouble; flaps under 2 %."""
    _, report = found
    ours = report["kizuna"]
    assert ours["lead"]["median_days"] >= 14
    assert ours["lead"]["median_in_trouble_days"] >= 14
    assert ours["flap_rate"] < 0.02
    assert ours["alerts"] > 200


def test_recency_rule_is_reported_beside_with_as_many_alerts(found: tuple[Replay, dict[str, Any]]) -> None:
    """The baselines raise no more alerts than ours and nearly as many, and answer the same questions."""
    _, report = found
    n = report["kizuna"]["alerts"]
    for name in ("recency", "usual_gap"):
        assert 0.95 * n <= report[name]["alerts"] <= n
        assert set(report[name]) == set(report["kizuna"]) | {"threshold"}


def test_every_alert_of_the_replay_is_judged(found: tuple[Replay, dict[str, Any]]) -> None:
    """Alerts of the report are those that the replay opened; causes add up to all who left."""
    account, report = found
    ours = report["kizuna"]
    assert (
        ours["alerts"] == account.opened.total() == sum(each["alerts"] for each in ours["by_rule"].values())
    )
    assert sum(each["left"] for each in ours["by_cause"].values()) == report["left"] == ours["lead"]["left"]
    assert sum(each["warned"] for each in ours["by_cause"].values()) == ours["lead"]["warned"]
    assert report["response"]["alerts"] == ours["alerts"]
    assert report["response"]["acknowledged"] == 0
    json.dumps(report, allow_nan=False)


def test_leads_of_the_report_are_those_of_the_alert_log(found: tuple[Replay, dict[str, Any]]) -> None:
    """All causes together, the dissatisfied alone, and what chance would reach, are in proportion."""
    _, report = found
    ours = report["kizuna"]
    assert ours["lead_dissatisfied"]["left"] < ours["lead"]["left"]
    assert ours["lead_dissatisfied"]["caught"] > ours["lead"]["caught"]
    assert 0.02 < report["chance_precision"] < ours["precision"]["precision"]
    assert report["without_truth"] == report["without_events"] == 0


def test_who_has_no_truth_or_no_event_is_counted() -> None:
    """Half the truth and somebody who never came: numbers are of those known, the others are said."""
    few = generate(40, 100, seed=1, end_ms=END_MS)
    truth = [*few.truth[:25], Truth("nobody", True, _time(START_DAY), "")]
    _, report = _rehearse(few.events, truth)
    assert (report["customers"], report["without_truth"], report["without_events"]) == (25, 15, 1)
    assert report["left"] == report["kizuna"]["lead"]["left"] == sum(row.churned for row in few.truth[:25])


def test_truth_changes_no_alert() -> None:
    """With the fates of everybody exchanged the same alerts are raised, and judged otherwise."""
    few = generate(150, 250, seed=1, end_ms=END_MS)
    mixed = [
        fate._replace(customer_id=row.customer_id)
        for row, fate in zip(few.truth, few.truth[1:] + few.truth[:1], strict=True)
    ]
    (account, right), (again, wrong) = (_rehearse(few.events, truth) for truth in (few.truth, mixed))
    assert account.opened == again.opened
    assert account.opened.total() > 30
    assert wrong["kizuna"]["lead"]["caught"] < right["kizuna"]["lead"]["caught"]


def test_truth_of_other_customers_is_refused(planted: History) -> None:
    """A truth that belongs to another file is said, not reported as a catch rate of zero."""
    with pytest.raises(DataError, match="no customer") as caught:
        _rehearse(planted.events[:100], [Truth("somebody", False, None, "")])
    assert "kizuna generate" in caught.value.hint


@given(
    days=st.lists(st.sets(st.integers(0, 60), min_size=1, max_size=12), min_size=1, max_size=4),
    n_alerts=st.integers(0, 12),
    of_usual=st.booleans(),
)
def test_recency_rule_is_that_of_somebody_who_looks_every_day(
    days: list[set[int]], n_alerts: int, of_usual: bool
) -> None:
    """Walk through the days: an alert whenever the last payment is longer ago than the threshold."""
    end_day = START_DAY + 70
    paid = PaidDays(END_MS)
    events = [
        Purchase(f"{who}-{day}", f"c{who}", _time(START_DAY + day), amount=1.0, currency="EUR")
        for who, own in enumerate(days)
        for day in own
    ]
    assert len(list(paid.see(_records([*events, *events])))) == 2 * len(events)
    gaps = paid.gaps([f"c{who}" for who in range(len(days))], end_day * DAY_MS)
    threshold, log = rule(gaps, n_alerts, of_usual=of_usual)
    expected = set()
    for who, own in enumerate(days):
        last, seen = None, []
        for day in range(START_DAY, end_day + 1):
            if last is not None and day > last:
                usual = float(np.mean(np.diff(seen))) if len(seen) >= 3 else np.nan
                limit = threshold * max(usual, 1.0) if of_usual else threshold
                # Within the day that passes the limit, before a payment at its end.
                if day - last > limit >= day - 1 - last:
                    expected.add((f"c{who}", last))
            if day - START_DAY in own:
                last = day
                seen.append(day)
    opened = {each.customer_id: each for each in log}
    assert len(log) == len(expected) <= n_alerts or threshold == 0.0
    assert {name for name, _ in expected} == set(opened)


def test_only_payments_that_were_accepted_count(tmp_path: Path) -> None:
    """Refunds, failed charges and refused lines are no sign of life for the recency rule."""
    at = _time(START_DAY)
    events = [
        Purchase("1", "a", at, amount=1.0, currency="EUR"),
        Payment("2", "b", at, status="succeeded"),
        Payment("3", "c", at, status="failed"),
        Refund("4", "d", at, amount=1.0, currency="EUR"),
    ]
    lines = [encode(event) for event in events]
    lines.append(lines[0].replace(b'"a"', b'"e"').replace(b":1.0", b":-1.0"))
    path = tmp_path / "e.jsonl"
    path.write_bytes(b"\n".join(lines))
    paid = PaidDays(END_MS)
    assert len(list(paid.see(history.read(path)))) == 5
    assert paid.gaps("abcde", START_DAY * DAY_MS + 10 * DAY_MS).customer_id == ["a", "b"]


def test_truth_file_says_what_was_written(planted: History, tmp_path: Path) -> None:
    """Read again, the truth is the one that was written."""
    path = tmp_path / "t.csv"
    path.write_text("".join(truth_csv(planted.truth)))
    assert read_truth(path) == planted.truth


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("customer,churned\na,1\n", ":1: the column 'customer_id' is missing"),
        ("customer_id,churned,churn_at\na,1,\n", ":2: churned is '1'"),
        ("customer_id,churned,churn_at\na,0,2025-01-01T00:00:00Z\n", ":2: churned is '0'"),
        ("customer_id,churned,churn_at\na,0,\nb,1,soon\n", ":3: "),
        ("customer_id,churned,churn_at\na,1,2025-01-01T00:00:00\n", "no time zone"),
        ("customer_id,churned,churn_at\na\n", ":2: "),
        ("customer_id,churned,churn_at\na,0,\na,0,\n", ":3: a occurs twice"),
    ],
)
def test_wrong_truth_is_refused_with_its_line(tmp_path: Path, text: str, fault: str) -> None:
    """The file, the line and what is wrong with it."""
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"t\.csv") as caught:
        read_truth(path)
    assert fault in str(caught.value)


def _time(day: int) -> datetime:
    return datetime.fromtimestamp(day * 86_400, UTC)
