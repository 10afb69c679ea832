"""Apprise through the real process: its own library, real Kafka, a real server for its json:// service."""

import asyncio
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from stream.config import Settings
from stream.engine.reader import read_topic
from tests.alerts import alert
from tests.integration.notify.process import notifier, publish, until
from tests.unit.notify.receiver import Receiver, receiver, says

pytestmark = pytest.mark.skipif(
    find_spec("apprise") is None, reason="Apprise is an optional extra: pip install 'kizuna[apprise]'"
)


def told(server: Receiver, path: str) -> list[dict[str, Any]]:
    """What came to one service, in order."""
    return [json.loads(each.body) for each in server.received if each.path == path]


async def test_services_are_told_in_words_once_whatever_restarts(
    settings: Settings, log: Path, tmp_path: Path
) -> None:
    """Each its severities, in the language set; a failure is tried again; no id, and no URL in the log."""
    async with receiver(says(500), says(200)) as server:
        address = f"json://{server.url.host}:{server.url.port}"
        services = tmp_path / "services"
        services.write_text(f"{address}/team-1234\ncritical,error={address}/night-1234\n", encoding="utf-8")
        extra = {"apprise_file": str(services), "notify_language": "ja"}
        with notifier(settings, log, **extra) as process:
            await publish(settings, [alert("mika-7")])
            await asyncio.to_thread(until, lambda: len(told(server, "/team-1234")) == 2)
            await asyncio.to_thread(until, lambda: process.metric("kizuna_notify_waiting") == 0)
            risen = alert("mika-7", seq=2, transition="escalated", severity="error")
            await publish(settings, [risen])
            await asyncio.to_thread(until, lambda: len(told(server, "/night-1234")) == 1)
            await asyncio.to_thread(until, lambda: process.metric("kizuna_notify_waiting") == 0)
            assert await asyncio.to_thread(process.stop) == 0
            said = process.said
        with notifier(settings, log, **extra) as process:
            await asyncio.to_thread(process.wait_metric, "kizuna_notify_partitions", settings.partitions)
            assert process.metric("kizuna_notify_waiting") == 0
            assert await asyncio.to_thread(process.stop) == 0
            said += process.said
        first, again, later = told(server, "/team-1234")
        (night,) = told(server, "/night-1234")
    assert (first["title"], first["message"]) == (again["title"], again["message"])
    assert "信頼 38.5、40.0以下" in first["title"]
    assert [each["type"] for each in (first, later, night)] == ["warning", "failure", "failure"]
    assert later["message"] == night["message"]
    assert b"mika-7" not in b"".join(each.body for each in server.received)
    assert "1234" not in said
    rows = await read_topic(settings, "notify-ledger")
    sinks = {each.key.decode().partition("|")[0] for each in rows}
    assert len(sinks) == 2
    assert all(name.startswith("apprise-json-") for name in sinks)
    assert await read_topic(settings, "notify-dead-letters") == []


async def test_a_line_that_is_no_service_ends_the_process_before_anybody_is_told(
    settings: Settings, log: Path, tmp_path: Path
) -> None:
    """Wrong use, by the number of the line: what it says may be a secret."""
    services = tmp_path / "services"
    services.write_text("json://127.0.0.1:9/\nnosuchservice://token-1234\n", encoding="utf-8")
    with notifier(settings, log, apprise_file=str(services)) as process:
        assert await asyncio.to_thread(process.exit_code) == 2
    assert "line 2: no service that Apprise knows" in process.said
    assert "1234" not in process.said
