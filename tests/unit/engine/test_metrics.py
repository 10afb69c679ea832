"""The exposition holds what is declared and nothing else, and Prometheus' own parser reads it."""

import urllib.error
import urllib.request
from collections import Counter

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream.engine.calibration import expose
from stream.engine.status import StatusServer
from stream.errors import ConfigError
from stream.metrics import METRICS, Histogram, Metrics
from stream.model.drift import Sums
from stream.pipeline import Effects


@pytest.fixture
def metrics() -> Metrics:
    """One committed step and one failure of everything that is labelled."""
    metrics = Metrics("1.2.3", "model")
    effects = Effects(
        scores=[(b"k", b"v")] * 3,
        promises_given_up=2,
        outcomes=Counter({("purchase", "scored"): 3, ("unknown", "invalid"): 1}),
        causes=Counter({"invalid_json": 1}),
        opened=Counter({"warning": 2}),
        resolved=Counter({"warning": 1}),
    )
    metrics.committed(effects, [1_000, 1_400, 900_000], 2_000)
    metrics.transaction(0.02)
    metrics.customers = {("trust", "80-100"): 5}
    metrics.lag_records = {"0": 7.0}
    metrics.lag_seconds = {"0": 0.5}
    metrics.resets["ProducerFenced"] += 1
    expose(metrics, {0: Sums.of(np.array([0.31, 0.33, 0.9]), np.array([False, True, True]))})
    return metrics


def text(metrics: Metrics) -> str:
    """What a scrape would get."""
    _, _, body = StatusServer(metrics, "127.0.0.1", 0).answer("/metrics")
    return body.decode()


def test_every_declared_metric_is_exposed_and_no_other(metrics: Metrics) -> None:
    """Names, kinds, labels and meanings are those of the declarations."""
    families = {family.name: family for family in text_string_to_metric_families(text(metrics))}
    assert set(families) == {declared.name for declared in METRICS}
    for declared in METRICS:
        family = families[declared.name]
        assert (family.type, family.documentation) == (declared.kind, declared.meaning)
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(declared.labels), declared.name


def test_names_carry_prefix_and_unit() -> None:
    """`kizuna_` first; seconds and records by name; no name twice."""
    names = [declared.name for declared in METRICS]
    assert len(names) == len(set(names))
    assert all(name.startswith("kizuna_") and not name.endswith("_total") for name in names)
    assert [declared.name for declared in METRICS if declared.kind == "histogram"] == [
        name
        for name in names
        if name.endswith("_seconds") and name.split("_")[1] in {"latency", "transaction"}
    ]


def test_a_committed_step_is_counted_by_type_outcome_cause_and_severity(metrics: Metrics) -> None:
    """The numbers that were put in come out under their labels."""
    lines = text(metrics).splitlines()
    for line in (
        'kizuna_events_total{outcome="scored",type="purchase"} 3.0',
        'kizuna_dead_letters_total{cause="invalid_json"} 1.0',
        "kizuna_promises_given_up_total 2.0",
        'kizuna_alerts_opened_total{severity="warning"} 2.0',
        'kizuna_alerts_resolved_total{severity="warning"} 1.0',
        "kizuna_scores_total 3.0",
        'kizuna_build_info{model_version="model",version="1.2.3"} 1.0',
    ):
        assert line in lines


def test_the_histogram_counts_like_a_loop() -> None:
    """Buckets are cumulative, edges belong to the bucket below, negative seconds count as zero."""
    seconds = np.array([-1.0, 0.0, 0.01, 0.0100001, 0.3, 299.0, 1e9])
    histogram = Histogram()
    histogram.observe(seconds[:3])
    histogram.observe(seconds[3:])
    for bound, count in histogram.cumulative():
        assert count == sum(max(0.0, value) <= float(bound) for value in seconds), bound
    assert histogram.sum_s == pytest.approx(np.maximum(seconds, 0).sum())


def test_the_server_answers_metrics_live_and_ready_and_lets_go_of_its_port(metrics: Metrics) -> None:
    """/readyz follows `ready`; /livez follows the loop; a stopped server can be started again there."""
    server = StatusServer(metrics, "127.0.0.1", 0)
    server.start()
    port = server.port
    base = f"http://127.0.0.1:{port}"
    try:
        assert _status(f"{base}/metrics") == 200
        assert _status(f"{base}/livez") == 200
        assert _status(f"{base}/readyz") == 503
        metrics.ready = True
        assert _status(f"{base}/readyz") == 200
        metrics.loop_seen_s -= 3600
        assert _status(f"{base}/livez") == 503
        assert _status(f"{base}/other") == 404
        with pytest.raises(ConfigError, match=str(port)):
            StatusServer(metrics, "127.0.0.1", port).start()
    finally:
        server.stop()
    again = StatusServer(metrics, "127.0.0.1", port)
    again.start()
    again.stop()


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_calibration_is_exposed_by_partition_and_bin_and_replaced_whole(metrics: Metrics) -> None:
    """What a lost partition had is gone; figures that nobody can know are left out, not zero."""
    assert 'kizuna_calibration_customers{partition="0",risk="0.35"} 2.0' in text(metrics)
    assert 'kizuna_calibration_left{partition="0",risk="0.35"} 1.0' in text(metrics)
    assert 'kizuna_calibration{measure="auc"} 0.75' in text(metrics)
    expose(metrics, {1: Sums.zero()})
    assert "kizuna_calibration_customers{" not in text(metrics)
    assert "measure=" not in text(metrics)
