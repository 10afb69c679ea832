"""`kizuna demo`, for real: its account, a killed worker, and Ctrl-C at any time."""

import asyncio
import json
import os
import signal
from collections import Counter
from typing import Any

import numpy as np
import pytest

from schemas.codec import decode_alert
from stream.alerts import rules
from stream.cli.where import DEMO_APP, DEMO_PREFIX
from stream.config import load
from stream.engine.reader import read_topic
from stream.engine.topics import CHANGELOG
from stream.local.broker import LocalKafka
from stream.model import parameters
from stream.pipeline import Pipeline
from stream.state.alerts import LIVE
from stream.state.position import POSITION_KEY
from stream.state.table import CustomerTable
from tests.integration.demo.conftest import Home, last_line
from tests.integration.notify.alertmanager import find

LIVE_NAMES = {state.name for state in LIVE}
PUBLISHED = ("seq", "trust_centi", "risk_e4", "checkpoint_day", "checkpoint_risk")
"""Of a row: what depends on when it was published, and so on where transactions were cut."""


OPENED = "opened (warning, since"
PAGER = """
alertmanager_urls = ["http://127.0.0.1:9/theirs"]
[[webhooks]]
name = "pager"
url = "http://127.0.0.1:9/"
secret_file = "none"
"""
"""Settings of a person who uses Kizuna in earnest: the demo must not tell their receivers."""


def _adds_up(summary: dict[str, Any]) -> None:
    assert summary["events"] == 69_659
    assert summary["scored"] + summary["duplicates"] + summary["dead_letters"] == summary["events"]
    assert (summary["duplicates"], summary["dead_letters"]) == (0, 0)
    assert summary["customers"] == 23_570
    assert summary["scores"] > 69_659 / 2
    assert summary["alerts_opened"] > summary["alerts_resolved"] > 0
    assert summary["exactly_once"] is True
    assert summary["faults"] == []
    assert summary["events_per_second"] > 100
    assert summary["kafka_version"].startswith("4.")
    assert summary["churn_auc"]["n"] == 2_357
    assert summary["churn_auc"]["kizuna"] == pytest.approx(0.784, abs=0.001)
    assert summary["churn_auc"]["kizuna_unfitted"] == pytest.approx(0.760, abs=0.001)
    assert summary["churn_auc"]["recency"] == pytest.approx(0.771, abs=0.001)


@pytest.mark.fault
def test_killed_worker_ends_with_the_scores_of_an_unbroken_run(home: Home) -> None:
    """SIGKILL in the middle: every event is accounted for, and each customer is as an unbroken run has it."""
    demo = home.start("demo", "--once", "--json")
    home.wait_for(lambda: "Scoring real purchases" in home.said, demo)
    home.wait_for(lambda: home.events_committed() > 5_000, demo)
    os.kill(home.worker_pid(), signal.SIGKILL)
    stdout, _ = demo.communicate(timeout=240)
    assert demo.returncode == 0, home.said
    summary = last_line(stdout)
    _adds_up(summary)
    assert summary["worker_restarts"] == 1
    assert "the worker was killed (signal 9)" in home.said
    assert home.left() == []

    topics = _read_topics(home)
    pipeline = Pipeline(parameters.load(), rules.load(), clock="event")
    live = pipeline.new_table()
    rows = [record for record in topics[CHANGELOG] if record.key != POSITION_KEY]
    live.load([record.key for record in rows], [record.value for record in rows])
    n_customers = 0
    for number in range(4):
        mine = [record for record in topics["interactions"] if record.partition == number]
        replayed = pipeline.new_table()
        for start in range(0, len(mine), 5_000):
            pipeline.step(replayed, mine[start : start + 5_000], mine[-1].timestamp)
        assert _differences(replayed, live) == []
        n_customers += len(replayed)
    assert n_customers == len(live)
    # When an alert moves depends on when somebody looked: the log is held to the state, not to the replay.
    newest = {record.key: decode_alert(record.value) for record in topics["alert-log"]}
    told = Counter(alert.state for alert in newest.values() if alert.state.upper() in LIVE_NAMES)
    assert sum(told.values()) == _open_alerts(live) > 0
    _explains(home)


def test_ctrl_c_ends_the_live_demo_and_leaves_nothing(home: Home) -> None:
    """Invented traffic, alerts in words; Ctrl-C gives the summary, 130, an empty house; nobody was called."""
    (home.path / "kizuna.toml").write_text(PAGER)
    demo = home.start("demo", "--json")
    home.wait_for(lambda: "generated traffic" in home.said and OPENED in home.said, demo)
    assert "to do: apologise, compensate, and give a date that will hold" in home.said
    if installed := find() is not None:
        home.wait_for(lambda: ('open{severity="error"}', True) in _told(home), demo)
        assert not any("pager" in line for line, _ in _told(home))
    demo.send_signal(signal.SIGINT)
    stdout, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, home.said
    summary = last_line(stdout)
    _adds_up(summary)
    assert installed == bool(summary["alerts_notified"])
    assert installed != ("apt-get install prometheus-alertmanager" in home.said)
    assert "invented events sent" in home.said
    assert home.left() == []
    topics = _read_topics(home, "interactions")
    names = Counter(
        json.loads(record.value)["customer_id"].split("-")[0] for record in topics["interactions"]
    )
    assert names["cdnow"] == 69_659  # nothing invented went to a real customer
    assert names["gen"] > 1_000
    assert set(names) == {"cdnow", "gen", "demo"}


@pytest.mark.parametrize("moment", ["Starting Kafka", "Making empty topics", "Sending", "Scoring"])
def test_ctrl_c_at_any_time_leaves_nothing_running(home: Home, moment: str) -> None:
    """Exit code 130, no traceback, no process left, and nothing that stands in the next demo's way."""
    demo = home.start("demo", "--once")
    home.wait_for(lambda: moment in home.said, demo)
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)
    assert demo.returncode == 130, home.said
    assert "Traceback" not in home.said
    assert home.left() == []
    assert not (home.data / "demo" / "worker.json").exists()


def test_second_demo_at_a_time_is_refused(home: Home) -> None:
    """Two demos would delete each other's topics: the second says so and ends."""
    first = home.start("demo", "--once")
    home.wait_for(lambda: "Starting Kafka" in home.said, first)
    code, _ = home.run("demo", "--once")
    assert code == 1
    assert "another" in home.said
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)
    assert home.left() == []


def _told(home: Home) -> set[tuple[str, bool]]:
    """Samples of the demo's notify, and whether they are above 0; none while it starts."""
    try:
        text = home.metrics("notify")
    except OSError:
        return set()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    samples = [line.removeprefix("kizuna_notify_").rsplit(" ", 1) for line in lines]
    return {(name, float(value) > 0) for name, value in samples}


def _read_topics(home: Home, *names: str) -> dict[str, list[Any]]:
    with LocalKafka(home.data) as kafka:
        settings = load(bootstrap=kafka.bootstrap, app_id=DEMO_APP, topic_prefix=DEMO_PREFIX)

        async def read() -> dict[str, list[Any]]:
            return {
                name: await read_topic(settings, name)
                for name in names or ("interactions", CHANGELOG, "alert-log")
            }

        return asyncio.run(read())


def _differences(expected: CustomerTable, found: CustomerTable) -> list[bytes]:
    """Customers whose row differs in anything but `PUBLISHED`."""
    fields = [name for name in expected.rows.dtype.names or () if name not in PUBLISHED]
    different = []
    for key, row in expected.index.items():
        mine, theirs = expected.rows[row], found.rows[found.index[key]]
        if any(not np.array_equal(mine[name], theirs[name]) for name in fields):
            different.append(key)
    return different


def _open_alerts(table: CustomerTable) -> int:
    return int(np.isin(table.alerts.slots["state"], LIVE).sum())


def _explains(home: Home) -> None:
    """`kizuna explain` wakes the demo's Kafka, and its reasons sum to both scores."""
    code, stdout = home.run("explain", "cdnow-00001", "--json")
    assert code == 0, home.said
    why = last_line(stdout)
    assert why["trust"] == pytest.approx(
        why["trust_base"] + sum(reason["contribution"] for reason in why["trust_reasons"]), abs=1e-9
    )
    odds = sum(reason["contribution"] for reason in why["churn_reasons"])
    assert why["churn_risk"] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-9)
    code, stdout = home.run("explain", "cdnow-99999")
    assert code == 1
    assert "no customer 'cdnow-99999'" in home.said
    assert home.left() == []
