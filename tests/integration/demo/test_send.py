"""`kizuna send`: what is in the file is in the topic, each line once."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

from stream.clock import now_ms
from stream.config import load
from stream.engine.feed import partition_of
from stream.engine.reader import read_topic
from stream.engine.topics import create_topics
from tests.integration.demo.conftest import Home, last_line


def test_every_line_arrives_once_where_its_customer_belongs(
    home: Home, bootstrap: str, topics_prefix: str
) -> None:
    """Readable or not, in the file's order per customer, moved so that the last event is now."""
    code, _ = home.run("generate", "--customers", "40", "--days", "90", "--out", "events.jsonl")
    assert code == 0, home.said
    assert (
        _lines(home.path / "events.jsonl.truth.csv")[0]
        == b"customer_id,churned,churn_at,cause,dissatisfied_at"
    )
    lines = [*_lines(home.path / "events.jsonl"), b"{nobody can read this"]
    (home.path / "events.jsonl").write_bytes(b"\n".join(lines))
    settings = load(bootstrap=bootstrap, topic_prefix=topics_prefix)
    create_topics(settings)
    code, stdout = home.run(
        "send", "events.jsonl", "--shift-to-now", "--bootstrap", bootstrap,
        "--topic-prefix", topics_prefix, "--json",
    )  # fmt: skip
    assert code == 0, home.said
    assert last_line(stdout)["acknowledged"] == last_line(stdout)["sent"] == len(lines)
    records = asyncio.run(read_topic(settings, "interactions"))
    readable = [record for record in records if record.key]
    assert len(records) == len(lines)
    assert [record.value for record in records if not record.key] == [b"{nobody can read this"]
    assert all(record.partition == partition_of(record.key, 4) for record in readable)
    sent = [json.loads(record.value) for record in readable]
    assert sorted(event["event_id"] for event in sent) == sorted(
        json.loads(line)["event_id"] for line in lines[:-1]
    )
    last = max(datetime.fromisoformat(event["occurred_at"]) for event in sent)
    assert abs(last - datetime.fromtimestamp(now_ms() / 1000, UTC)).total_seconds() < 60


def test_rate_is_kept(home: Home, bootstrap: str, topics_prefix: str) -> None:
    """100 events at 50 a second take two seconds."""
    home.run("generate", "--customers", "5", "--days", "200", "--out", "all.jsonl")
    (home.path / "events.jsonl").write_bytes(b"\n".join(_lines(home.path / "all.jsonl")[:100]))
    settings = load(bootstrap=bootstrap, topic_prefix=topics_prefix)
    create_topics(settings)
    code, stdout = home.run(
        "send", "events.jsonl", "--rate", "50", "--bootstrap", bootstrap,
        "--topic-prefix", topics_prefix, "--json",
    )  # fmt: skip
    assert code == 0, home.said
    assert last_line(stdout)["acknowledged"] == 100
    assert 1.8 < last_line(stdout)["seconds"] < 10


def test_no_kafka_at_all_says_what_to_do(home: Home) -> None:
    """Nothing named, nothing running: exit code 1 and the next step."""
    (home.path / "events.jsonl").write_text("{}")
    code, _ = home.run("send", "events.jsonl")
    assert code == 1
    assert "kizuna kafka start" in home.said


def _lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines()
