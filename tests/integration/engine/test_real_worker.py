"""The shipped worker on real Kafka: scores for what is good, a dead letter with its cause for what is not."""

import asyncio
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import decode_score
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.reader import read_topic
from stream.model import parameters
from tests.integration.engine.process import REAL, WorkerProcess

NOW = datetime.now(UTC)
SHIPPED = Path(__file__).resolve().parents[3] / "deploy/prometheus/scrape.yml"


def purchase(customer: str, number: int, **other: Any) -> bytes:
    fields = {
        "type": "purchase",
        "event_id": f"e{number}",
        "customer_id": customer,
        "occurred_at": (NOW - timedelta(minutes=number % 500)).isoformat(),
        "amount": 12.5,
        "currency": "EUR",
    }
    return json.dumps(fields | other).encode()


BAD: dict[str, tuple[bytes | None, bytes | None]] = {
    "empty_value": (b"c1", None),
    "invalid_json": (b"c1", b"{"),
    "unknown_type": (b"c1", purchase("c1", 1, type="wish")),
    "invalid_field": (b"c1", purchase("c1", 2, amount="much")),
    "key_missing": (None, purchase("c1", 3)),
    "key_mismatch": (b"c2", purchase("c1", 4)),
    "too_large": (b"c1", purchase("c1", 5, note="x" * 5_000_000)),
    "too_old": (b"c1", purchase("c1", 6, occurred_at="1970-01-01T00:00:00Z")),
    "too_future": (b"c1", purchase("c1", 7, occurred_at="2100-06-01T00:00:00Z")),
}


async def test_bad_records_are_dead_lettered_with_cause_origin_and_bytes(
    settings: Settings, log: Path
) -> None:
    """One of each kind between good ones: the worker goes on, and every record is accounted for."""
    async with open_feed(settings) as feed:
        for number, (key, value) in enumerate(BAD.values()):
            await feed.send(b"good", purchase("good", 100 + number))
            await feed.send(key, value)
        await feed.send(b"good", purchase("good", 100))  # a duplicate
    with WorkerProcess(settings, log, REAL) as worker:
        await asyncio.to_thread(worker.wait_metric, "kizuna_events_total", 2 * len(BAD) + 1)
        scored = worker.metric('kizuna_events_total{outcome="scored"')
        duplicate = worker.metric('kizuna_events_total{outcome="duplicate"')
        assert (scored, duplicate) == (len(BAD), 1)
        assert await asyncio.to_thread(worker.stop) == 0

    source = {(r.partition, r.offset): r for r in await read_topic(settings, "interactions")}
    causes: Counter[str] = Counter()
    for letter in await read_topic(settings, "dead-letters"):
        headers = {name: value.decode() for name, value in letter.headers}
        causes[headers["kizuna.cause"]] += 1
        origin = source[int(headers["kizuna.partition"]), int(headers["kizuna.offset"])]
        assert (letter.key, letter.value, letter.partition) == (origin.key, origin.value, origin.partition)
        assert headers["kizuna.topic"] == settings.topic("interactions")
    assert causes == Counter(BAD.keys())
    scores = [json.loads(record.value) for record in await read_topic(settings, "scores")]
    assert scores[-1]["customer_id"] == "good"
    assert scores[-1]["events"] == len(BAD)


async def test_a_restart_with_200_000_customers_is_ready_in_15_seconds(settings: Settings, log: Path) -> None:
    """Bulk restore: the changelog is read at its speed, not record by record."""
    n_customers = 200_000
    async with open_feed(settings) as feed:
        for number in range(n_customers):
            await feed.send(b"c%d" % number, purchase(f"c{number}", number))
    with WorkerProcess(settings, log, REAL) as worker:
        await asyncio.to_thread(worker.wait_metric, "kizuna_events_total", n_customers)
        assert await asyncio.to_thread(worker.stop) == 0
    with WorkerProcess(settings, log, REAL) as worker:
        seconds = await asyncio.to_thread(worker.wait_ready)
        assert worker.metric("kizuna_restored_rows_total") == n_customers
        assert seconds < 15


async def test_silence_is_scored_by_sweeps_between_steps(settings: Settings, log: Path) -> None:
    """Every customer is visited again and again without a new event, beside live records."""
    async with open_feed(settings) as feed:
        for number in range(300):
            await feed.send(b"c%d" % number, purchase(f"c{number}", number))
    extra = {"KIZUNA_SWEEP_INTERVAL_S": "0.5", "KIZUNA_SWEEP_SLICE_ROWS": "20"}
    with WorkerProcess(settings, log, REAL, **extra) as worker:
        await asyncio.to_thread(worker.wait_metric, "kizuna_swept_rows_total", 900)
        async with open_feed(settings) as feed:
            await feed.send(b"c1", purchase("c1", 1_000))
        await asyncio.to_thread(worker.wait_metric, "kizuna_events_total", 301)
        assert worker.metric("kizuna_sweeps_total") >= 8
        assert worker.metric("kizuna_partition_resets_total") == 0
        assert await asyncio.to_thread(worker.stop) == 0


async def test_a_backlog_breaks_no_promise_that_is_kept_further_on_in_it(
    settings: Settings, log: Path
) -> None:
    """Deliveries of this week that came in time: read in several steps, swept in between, no alert."""
    n_customers = 10_000  # more than one fetch holds
    ordered, due, came = (NOW - timedelta(days=days) for days in (5, 2, 3))
    extra = {"KIZUNA_MAX_UNCOMMITTED": "500", "KIZUNA_SWEEP_INTERVAL_S": "0.2"}
    async with open_feed(settings) as feed:
        for status, at in (("promised", ordered), ("arrived", came)):
            for number in range(n_customers):
                body = {
                    "type": "delivery",
                    "event_id": f"{status}{number}",
                    "customer_id": f"c{number}",
                    "occurred_at": at.isoformat(),
                    "delivery_id": f"d{number}",
                    "status": status,
                    "promised_at": due.isoformat(),
                }
                value, written_ms = json.dumps(body).encode(), int(at.timestamp() * 1000)
                await feed.send(f"c{number}".encode(), value, timestamp_ms=written_ms)
    with WorkerProcess(settings, log, REAL, **extra) as worker:
        await asyncio.to_thread(worker.wait_metric, "kizuna_events_total", 2 * n_customers)
        await asyncio.to_thread(worker.wait_metric, "kizuna_sweeps_total", 8)
        assert await asyncio.to_thread(worker.stop) == 0
    assert await read_topic(settings, "alert-log") == []


async def test_what_came_of_the_published_risk_is_a_metric(settings: Settings, log: Path) -> None:
    """Buyers of three days ago were scored then; half of them bought again within the horizon of two days."""
    shipped = parameters.SHIPPED.read_text(encoding="utf-8")
    model = log.parent / "parameters.toml"
    model.write_text(shipped.replace("horizon_days = 182", "horizon_days = 2"), encoding="utf-8")
    old, back = (NOW - timedelta(days=days) for days in (3, 2))
    async with open_feed(settings) as feed:
        for number in range(40):
            key, written_ms = b"c%d" % number, int(old.timestamp() * 1000)
            value = purchase(key.decode(), 2 * number, occurred_at=old.isoformat())
            await feed.send(key, value, timestamp_ms=written_ms)
        await feed.flush()
        with WorkerProcess(settings, log, REAL, KIZUNA_PARAMETERS=str(model)) as worker:
            await asyncio.to_thread(worker.wait_metric, "kizuna_events_total", 40)
            for number in range(1, 40, 2):
                value = purchase(f"c{number}", 2 * number + 1, occurred_at=back.isoformat())
                await feed.send(b"c%d" % number, value)
            for number in range(40):  # so that every partition's clock is of today
                await feed.send(b"new%d" % number, purchase(f"new{number}", 100 + number))
            await feed.flush()
            await asyncio.to_thread(worker.wait_metric, "kizuna_calibration_customers", 40, 150)
            assert worker.metric("kizuna_calibration_customers") == 40
            assert worker.metric("kizuna_calibration_left") == 20
            scores = map(decode_score, [each.value for each in await read_topic(settings, "scores")])
            published = sum(each.churn_risk or 0.0 for each in scores if each.as_of < back)
            assert worker.metric("kizuna_calibration_foretold") == pytest.approx(published)
            assert await asyncio.to_thread(worker.stop) == 0


async def test_a_real_prometheus_scrapes_the_worker(settings: Settings, log: Path, tmp_path: Path) -> None:
    """Debian's Prometheus, told by the shipped file, reads /metrics and knows what was scored."""
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.skip("no `prometheus` on PATH (Debian: apt-get install prometheus)")
    async with open_feed(settings) as feed:
        await feed.send(b"c1", purchase("c1", 1))
    with WorkerProcess(settings, log, REAL) as worker:
        await asyncio.to_thread(worker.wait_metric, "kizuna_events_total", 1)
        target = worker.said.split("status=http://")[1].split()[0]
        answer = await asyncio.to_thread(scraped, prometheus, target, tmp_path)
    assert answer["metric"]["type"] == "purchase"
    assert answer["value"][1] == "1"


def scraped(prometheus: str, target: str, directory: Path) -> Any:
    """What Prometheus knows of the target's events after its first scrapes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = directory / "prometheus.yml"
    text = SHIPPED.read_text(encoding="utf-8")
    for shipped, ours in (("127.0.0.1:9108", target), ("scrape_interval: 15s", "scrape_interval: 1s")):
        assert text.count(shipped) == 1, f"{shipped} in {SHIPPED}"
        text = text.replace(shipped, ours)
    config.write_text(text, encoding="utf-8")
    command = [
        prometheus,
        f"--config.file={config}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (directory / "prometheus.log").open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{port}/api/v1/query?query=kizuna_events_total"
        for _ in range(150):
            time.sleep(0.2)
            try:
                with urllib.request.urlopen(url, timeout=2) as response:
                    found = json.load(response)["data"]["result"]
            except OSError:
                continue
            if found:
                return found[0]
    finally:
        process.terminate()
        process.wait(20)
    raise AssertionError((directory / "prometheus.log").read_text())
