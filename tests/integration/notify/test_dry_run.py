"""`kizuna notify` as people type it: what would be sent, what is refused, how it ends."""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stream.cli.main import run
from stream.config import Settings
from stream.engine.reader import read_topic
from tests.alerts import alert, at
from tests.integration.notify.process import notifier, publish

Answer = Callable[..., tuple[int, str, str]]


@pytest.fixture
def kizuna(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Answer:
    """The command line on this test's topics: exit code, output, errors."""
    monkeypatch.setenv("KIZUNA_TOPIC_PREFIX", settings.topic_prefix)
    monkeypatch.setenv("KIZUNA_APP_ID", settings.app_id)

    def answer(*arguments: str) -> tuple[int, str, str]:
        code = run(["notify", *arguments, "--bootstrap", settings.bootstrap])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return answer


async def test_a_dry_run_prints_a_line_for_each_and_sends_nothing(
    settings: Settings, kizuna: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For Alertmanager and each webhook, as text or JSON, in either language; the ledger stays empty."""
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + "c2VjcmV0" * 5, encoding="ascii")
    hook = {"name": "crm", "url": "http://127.0.0.1:9/", "secret_file": str(secret)}
    monkeypatch.setenv("KIZUNA_WEBHOOKS", json.dumps([hook]))
    ended = alert("past", seq=2, state="resolved", resolved_at=at(86_400))
    await publish(settings, [alert("mika-7"), alert("past"), ended, alert("shadow", mode="shadow")])
    code, out, _ = await asyncio.to_thread(kizuna, "--dry-run", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(line["sink"], line["kind"], line["team"]) for line in lines] == [
        ("alertmanager", "firing", "support"),
        ("crm", "opened", ""),
    ]
    assert len({line["customer_ref"] for line in lines}) == 1
    code, out, _ = await asyncio.to_thread(kizuna, "--dry-run", "--lang", "ja")
    assert code == 0
    assert len(out.splitlines()) == 2
    assert "信頼" in out
    assert "mika-7" not in out
    assert await read_topic(settings, "notify-ledger") == []


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({}, "--alertmanager http://"),
        ({"alertmanager_urls": ["localhost"]}, "alertmanager_urls"),
        ({"webhooks": [{"name": "crm", "url": "http://127.0.0.1:9/", "secret_file": "missing"}]}, "missing"),
        ({"alertmanager_urls": ["http://127.0.0.1:9"], "alertmanager_repost_s": "300"}, "repost_s is 300"),
    ],
)
async def test_what_cannot_be_told_is_wrong_use(
    settings: Settings, log: Path, extra: dict[str, Any], named: str
) -> None:
    """Nobody, no address, no secret, a showing that comes too late: exit code 2, and which it is."""
    with notifier(settings, log, **extra) as process:
        assert await asyncio.to_thread(process.exit_code) == 2
    assert named in process.said


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_signal_ends_it_with_its_code(
    settings: Settings, log: Path, number: signal.Signals, code: int
) -> None:
    """Also while no Alertmanager answers."""
    with notifier(settings, log, alertmanager_urls=["http://127.0.0.1:9"]) as process:
        process.wait_ready()
        assert process.status("/livez")[0] == 200
        assert await asyncio.to_thread(process.stop, number) == code
    assert "Traceback" not in process.said
