"""Kafka goes away under a running `kizuna notify`, and comes back."""

import asyncio
from pathlib import Path

import pytest

from stream.config import load
from stream.engine.topics import create_topics
from stream.local.broker import LocalKafka
from tests.alerts import alert
from tests.integration.notify.process import notifier, publish, until
from tests.integration.notify.receiver import Receiver


async def test_an_absent_kafka_is_waited_out(
    jars: Path, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process stays, keeps telling afterwards, and tells nothing twice."""
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + "c2VjcmV0" * 5, encoding="ascii")
    with LocalKafka(tmp_path / "own", jars=jars, heap="512m") as kafka, Receiver() as receiver:
        settings = load(bootstrap=kafka.bootstrap, partitions=2)
        port = int(kafka.bootstrap.rpartition(":")[2])
        await asyncio.to_thread(create_topics, settings)
        hooks = [{"name": "crm", "url": receiver.url, "secret_file": str(secret)}]
        with notifier(settings, log, webhooks=hooks) as process:
            await publish(settings, [alert("before")])
            await asyncio.to_thread(until, lambda: receiver.told() == [("before", "opened")])
            await asyncio.to_thread(kafka.stop)
            await asyncio.sleep(8)  # longer than a session
            assert process.process.poll() is None, process.said
            again = LocalKafka(tmp_path / "own", jars=jars, heap="512m", port=port)
            await asyncio.to_thread(again.start)
            try:
                await publish(settings, [alert("after")])
                await asyncio.to_thread(until, lambda: ("after", "opened") in receiver.told(), 90)
                assert receiver.told() == [("before", "opened"), ("after", "opened")]
                assert await asyncio.to_thread(process.stop) == 0
            finally:
                await asyncio.to_thread(again.stop)
