"""A worker that must not go on says why in one sentence, what to do next, and ends with the right code."""

import asyncio
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka.producer import message_accumulator
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from stream.config import Settings, load
from stream.engine.feed import open_feed
from stream.engine.reader import read_topic
from stream.engine.topics import check_topics, create_topics
from stream.errors import BrokerError
from tests.integration.engine.process import REAL, ROOT, WorkerProcess
from tests.integration.engine.traffic import feed_numbers, wait_drained


def ending(settings: Settings, log: Path, *command: str, **extra: str) -> tuple[int, str]:
    """Exit code and output of a worker that ends by itself."""
    with WorkerProcess(settings, log, command or REAL, **extra) as worker:
        return worker.exit_code(), worker.said


def test_missing_topics_are_listed(bare_settings: Settings, log: Path) -> None:
    """All of them, with the command that makes them."""
    code, said = ending(bare_settings, log)
    assert code == 1
    for name in ("interactions", "scores", "customers-changelog"):
        assert bare_settings.topic(name) in said
    assert "kizuna topics create" in said


async def test_a_wrong_partition_count_is_named(settings: Settings, log: Path) -> None:
    """Co-partitioning cannot be mended later, so it stops the start."""
    code, said = await asyncio.to_thread(ending, settings, log, KIZUNA_PARTITIONS="8")
    assert code == 1
    assert f"{settings.topic('interactions')} has 4, not 8" in said


def test_an_unreachable_kafka_is_said_in_bounded_time(bare_settings: Settings, log: Path) -> None:
    """No retry for ever: one sentence within the connect timeout."""
    began = time.monotonic()
    code, said = ending(bare_settings, log, KIZUNA_BOOTSTRAP="127.0.0.1:1", KIZUNA_CONNECT_TIMEOUT_S="3")
    assert (code, time.monotonic() - began < 10) == (1, True)
    assert "no Kafka at 127.0.0.1:1" in said


def test_a_silent_kafka_is_said_in_bounded_time(bare_settings: Settings) -> None:
    """A port that accepts and never answers counts as unreachable too."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"127.0.0.1:{mute.getsockname()[1]}"
        silent = load(bootstrap=address, connect_timeout_s=1)
        began = time.monotonic()
        with pytest.raises(BrokerError, match="no Kafka"):
            check_topics(silent)
    assert time.monotonic() - began < 5


async def test_a_port_that_is_taken_is_wrong_use(settings: Settings, log: Path) -> None:
    """Exit code 2, the port and the setting that changes it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = await asyncio.to_thread(ending, settings, log, KIZUNA_METRICS_PORT=port)
    assert code == 2
    assert port in said
    assert "KIZUNA_METRICS_PORT" in said


def test_creating_topics_twice_creates_them_once(bare_settings: Settings) -> None:
    """Idempotent, and what was created passes the check."""
    assert len(create_topics(bare_settings)) == 11
    assert create_topics(bare_settings) == []
    check_topics(bare_settings)


def test_a_source_of_somebody_else_is_good_as_it_is(bare_settings: Settings) -> None:
    """Small records, compacted: theirs to decide. The same of an output of ours is refused by name."""
    theirs = {"max.message.bytes": "1048588", "cleanup.policy": "compact"}
    create_topics(bare_settings, {"interactions": theirs})
    check_topics(bare_settings)
    ours = bare_settings.model_copy(update={"topic_prefix": bare_settings.topic_prefix + "2-"})
    create_topics(ours, {"dead-letters": theirs})
    with pytest.raises(BrokerError, match=r"dead-letters: max\.message\.bytes is 1048588"):
        check_topics(ours)


def test_the_changelog_of_another_app_is_made_as_the_hint_says(settings: Settings) -> None:
    """Two apps on the same topics differ in the changelog alone."""
    other = settings.model_copy(update={"app_id": settings.app_id + "-2"})
    with pytest.raises(BrokerError, match=f": {other.topic('customers-changelog')}$") as refused:
        check_topics(other)
    command = re.search(r"`kizuna (.*)`", refused.value.hint)
    assert command is not None
    typed = [sys.executable, "-m", "stream", *command[1].split(), "--bootstrap", other.bootstrap]
    subprocess.run(typed, cwd=ROOT, check=True, timeout=60)
    check_topics(other)


async def test_state_of_other_statistics_stops_the_worker_and_stays_as_it_is(
    settings: Settings, log: Path
) -> None:
    """Another half-life would misread every sum: nothing is written, the old worker can go on."""
    await feed_numbers(settings, 500)
    with WorkerProcess(settings, log) as worker:
        await wait_drained(settings)
        assert await asyncio.to_thread(worker.stop) == 0
    before = await read_topic(settings, "customers-changelog")
    with WorkerProcess(settings, log, COUNTING_STATISTICS="other") as worker:
        assert await asyncio.to_thread(worker.exit_code) == 1
        assert "counting" in worker.said
        assert "KIZUNA_APP_ID" in worker.said
    assert len(await read_topic(settings, "customers-changelog")) == len(before)


async def test_rows_of_another_layout_stop_the_worker(settings: Settings, log: Path) -> None:
    """The real worker on the counting worker's rows: refused by the row codec, exit code 1."""
    await feed_numbers(settings, 500)
    with WorkerProcess(settings, log) as worker:
        await wait_drained(settings)
        assert await asyncio.to_thread(worker.stop) == 0
    code, said = await asyncio.to_thread(ending, settings, log, *REAL)
    assert code == 1
    assert "worker stops" in said
    assert "Traceback" not in said


async def test_a_defect_of_the_core_stops_the_worker_after_three_resets(
    settings: Settings, log: Path
) -> None:
    """A partition whose step raises is restored and tried again, then the process ends, nothing written."""
    async with open_feed(settings) as feed:
        await feed.send(b"k", b"boom")
    with WorkerProcess(settings, log) as worker:
        assert await asyncio.to_thread(worker.exit_code) == 1
        assert worker.said.count("partition reset") == 3
        assert "ZeroDivisionError" in worker.said
    assert await read_topic(settings, "scores") == []
    assert await read_topic(settings, "customers-changelog") == []


class NotUtf8(str):
    """A header's name as a client may send it that does not ask for UTF-8."""

    __slots__ = ()

    def encode(self, *_args: str) -> bytes:
        return b"\xff\xfe"


async def test_a_record_that_no_client_can_parse_stops_the_worker_and_is_named(
    settings: Settings, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read again it would fail again: one message with topic, partition, offset and what to do, exit 1."""
    monkeypatch.setattr(message_accumulator, "DefaultRecordBatchBuilder", _DefaultRecordBatchBuilderPy)
    async with open_feed(settings) as feed:
        await feed.send(b"k", b"1", partition=2)
        await feed.send(b"k", b"2", partition=2, headers=[(NotUtf8("xx"), b"")])
    with WorkerProcess(settings, log) as worker:
        assert await asyncio.to_thread(worker.exit_code) == 1
        assert f"{settings.topic('interactions')}, partition 2, offset 1 cannot be parsed" in worker.said
        assert "kafka-delete-records" in worker.said
