"""A short soak in every run of the tests: one fault of each quick kind, then the oracle."""

from pathlib import Path

import pytest

from tests.fault.run import Plan, run

pytestmark = pytest.mark.fault

SCHEDULE = (
    "worker_kill",
    "net_half_open",
    "producer_fenced",
    "broker_kill",
    "net_dead",
    "clock_jump",
)
GENEROUS_S = 40.0


async def test_faults_of_every_side_change_no_row_score_alert_or_answer(tmp_path: Path, jars: Path) -> None:
    """Workers, network, broker, clock and a stranger's producer: exact, and nobody waits for ever."""
    report = await run(Plan(SCHEDULE, seed=3, minutes=4.0, rate=200.0, commands=20.0), tmp_path, jars)
    assert report.verdict.differences == []
    assert [fault.kind for fault in report.faults] == list(SCHEDULE)
    assert all(fault.cured for fault in report.faults)
    assert report.drained
    assert report.bad_stops == []
    assert report.verdict.compared["records"] == report.events
    assert min(report.verdict.compared[what] for what in ("scores", "alerts", "rows", "dead_letters")) > 0
    assert report.verdict.compared["commands"] >= report.commands > 0
    assert report.verdict.answers.total() == report.verdict.compared["commands"]
    assert report.verdict.answers.keys() >= {"applied", "superseded", "stale_command", "forged_author"}
    assert max(fault.stall_s for fault in report.faults) < GENEROUS_S
