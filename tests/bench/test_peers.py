"""What the bench says of peers: their job, what counts as a wrong output, whose runs count. No broker."""

import json
from collections import Counter
from dataclasses import replace
from math import exp, log1p
from pathlib import Path

import pytest

from tests.bench.backlog import Backlog, Backlogs
from tests.bench.contestants import OURS, PEERS
from tests.bench.kafka_streams.build import build
from tests.bench.measure import Mark, Window
from tests.bench.packages import Unavailable
from tests.bench.page import page
from tests.bench.peers.job import HALF_LIFE_S, Fields, step
from tests.bench.results import Result
from tests.bench.throughput import Run
from tests.bench.verify import Outputs, findings
from tests.bench.workload import Workload

WORKLOAD = Workload(3_000, 100, 7, 1_795_000_000_000)
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def backlog(tmp_path_factory: pytest.TempPathFactory) -> Backlog:
    return Backlogs(tmp_path_factory.mktemp("bench")).of(WORKLOAD)


def event(kind: str, day: int, **fields: object) -> Fields:
    return {
        "type": kind,
        "event_id": f"e-{day}",
        "customer_id": "ann",
        "occurred_at": f"2026-03-{day:02d}T00:00:00Z",
        **fields,
    }


def test_job_fades_sums_and_counts_events() -> None:
    """A purchase of 50, a half-life later an urgent ticket: 0.5 of good, 2 of bad, 30 silent days."""
    state, score, _ = step(None, event("purchase", 1, amount=50.0))
    assert (score["events"], score["trust"]) == (1, 100.0 * 2.0 / 3.0)
    state, score, alert = step(state, event("ticket", 31, status="opened", priority="urgent"))
    assert HALF_LIFE_S == 30 * DAY_S
    assert score["trust"] == pytest.approx(100.0 * 1.5 / 4.5)
    logit = -1.0 + 0.8 * 2.0 - 0.6 * 0.5 - 0.3 * log1p(1) + 0.02 * 30
    assert score["churn_risk"] == pytest.approx(1.0 / (1.0 + exp(-logit)))
    assert alert is not None
    assert alert["state"] == "open"
    assert state["alerted"]


def test_job_holds_an_alert_between_its_thresholds() -> None:
    """An open alert resolves above 45, not at the 35 that opened it."""
    state, _, opened = step(None, event("ticket", 1, status="opened", priority="urgent"))
    state, score, between = step(state, event("survey", 1, score=9))
    assert 35.0 < score["trust"] < 45.0
    _, score, resolved = step(state, event("purchase", 1, amount=100.0))
    assert (opened is None, between, resolved is None) == (False, None, False)
    assert score["trust"] > 45.0


def test_backlog_is_the_workload(backlog: Backlog) -> None:
    """The file gives back the very bytes, as often as it is read; its counts are those of the keys."""
    sent = [(event.key, event.value) for event in WORKLOAD.events()]
    assert list(backlog.events()) == sent
    assert list(backlog.events()) == sent
    assert backlog.expected == Counter(json.loads(value)["customer_id"] for _, value in sent)


def outputs_of(backlog: Backlog) -> Outputs:
    """Those of a peer that did all right."""
    folded = backlog.folded()
    return Outputs(
        scores=WORKLOAD.n_events,
        events=Counter(backlog.expected),
        alerts=folded.alerts,
        last=dict(folded.last),
    )


def test_right_outputs_of_a_peer_have_no_findings(backlog: Backlog) -> None:
    """All customers, all scores, all alerts, and there are some of each."""
    right = outputs_of(backlog)
    assert findings(right, backlog, "per event") == []
    assert min(len(right.last), right.alerts) > 0


def test_every_wrong_output_of_a_peer_is_found(backlog: Backlog) -> None:
    """One score too many, one alert too few, one other value, one event not counted, one number twice."""
    name = min(backlog.expected)
    trust, risk = backlog.folded().last[name]
    right = outputs_of(backlog)
    wrong = [
        replace(right, scores=right.scores + 1),
        replace(right, alerts=right.alerts - 1),
        replace(right, last=right.last | {name: (trust + 0.001, risk)}),
        replace(right, last={key: last for key, last in right.last.items() if key != name}),
        replace(right, events=right.events - Counter({name: 1})),
        replace(right, breaks=1),
        replace(right, dead_letters=1),
    ]
    assert [len(findings(outputs, backlog, "per event")) for outputs in wrong] == [1] * len(wrong)


def test_null_pipeline_is_judged_by_its_positions(backlog: Backlog) -> None:
    """It commits all positions and writes nothing else."""
    n_events = WORKLOAD.n_events
    assert findings(Outputs(positions=n_events), backlog, "nothing") == []
    assert len(findings(Outputs(positions=n_events - 1), backlog, "nothing")) == 1
    assert len(findings(Outputs(positions=n_events, state_rows=1), backlog, "nothing")) == 1


def run_at(name: str, rate: int, foreign: float) -> Run:
    """A run of 10 s whose second half was twice as fast as its first."""
    marks = [
        Mark(seconds, int(rate * 10 * share), seconds, 0.0, 0.0, seconds * (1.0 + foreign))
        for seconds, share in ((0.0, 0.0), (20 / 3, 0.5), (10.0, 1.0))
    ]
    window = Window(marks[0], marks[2], marks[1])
    return Run(name, 1, WORKLOAD, window, 1.0, 100.0, [0.0, 0.0, 0.0], Outputs(), [])


def test_noisy_runs_are_told_apart() -> None:
    """The median of all keeps them, the one of quiet runs does not; without a quiet run there is none."""
    peer = PEERS["faust"]
    result = Result({"machine": {}, "rounds": 3}, [OURS, peer])
    result.runs = [run_at(OURS.name, rate, foreign) for rate, foreign in ((900, 0.0), (600, 0.3), (300, 1.0))]
    result.runs.append(run_at(peer.name, 100, 0.26))
    summary = result.summary()
    assert summary["rates"] == {OURS.name: 600.0, peer.name: 100.0}
    assert summary["ratios"] == {peer.name: 6.0}
    assert summary["quiet"] == {"rates": {OURS.name: 900.0}, "ratios": {}}
    assert summary["noisy_runs"] == 3


def test_second_half_is_the_job_once_warm() -> None:
    """Half of the events in a third of the time; a run with too few looks tells nothing."""
    run = run_at(OURS.name, 600, 0.0)
    half = run.window.second_half
    assert half is not None
    assert half.events == 3_000
    assert half.rate == pytest.approx(900.0)
    assert Window(run.window.first, run.window.last, run.window.last).second_half is None


def test_who_was_skipped_is_named_with_the_reason() -> None:
    """In the summary and on the page; only who failed on the way makes the result wrong."""
    result = Result(HEAD, [OURS], skipped={"quix": "no wheel", "faust": "ended with 1"}, failed=["faust"])
    assert result.summary()["skipped"] == {"quix": "no wheel", "faust": "ended with 1"}
    assert result.wrong == ["faust failed: ended with 1"]
    assert "- **quix**: no wheel" in page(result)
    assert "- **faust** (failed): ended with 1" in page(result)


HEAD = {
    "date": "2026-11-23",
    "revision": "0",
    "machine": dict.fromkeys(("cores", "cpu", "memory_gib", "system", "python"), "?") | {"versions": {}},
    "kafka": "4.3.1",
    "settings": {},
    "seed": 7,
    "customers": 100,
    "partitions": 4,
    "rounds": 0,
}


def test_without_a_jdk_kafka_streams_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No javac on the path: not an error, a reason."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(Unavailable, match="no javac"):
        build()
