"""`kizuna notify` and a real Alertmanager, on a real Kafka."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.alert import Snoozed
from stream.config import Settings
from tests.alerts import alert, at
from tests.integration.notify.alertmanager import AlertmanagerProcess
from tests.integration.notify.process import notifier, publish, until

LABELS = {"alertname", "severity", "rule", "tier", "team", "customer_ref"}
SOON: dict[str, Any] = {"alertmanager_resolve_s": "3", "alertmanager_repost_s": "1"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[AlertmanagerProcess]:
    """A running Alertmanager."""
    with AlertmanagerProcess(tmp_path / "alertmanager") as running:
        yield running


async def test_an_alert_is_shown_with_its_labels_and_ends_when_it_resolves(
    settings: Settings, log: Path, server: AlertmanagerProcess
) -> None:
    """Opened, escalated, resolved: one alert at a time, and the id of the customer nowhere."""
    opened = at(600)
    with notifier(settings, log, alertmanager_urls=[server.url]) as process:
        process.wait_ready()
        await publish(settings, [alert("mika-7", opened_at=opened)])
        await asyncio.to_thread(until, server.alerts)
        (shown,) = server.alerts()
        assert set(shown["labels"]) == LABELS
        assert shown["labels"]["team"] == "support"
        assert "mika-7" not in str(shown)
        assert shown["annotations"]["trust"] == "38.5"
        starts = datetime.fromisoformat(shown["startsAt"])
        ends = datetime.fromisoformat(shown["endsAt"])
        assert abs(starts - opened) < timedelta(seconds=1)
        assert timedelta(seconds=200) < ends - datetime.now(UTC) < timedelta(seconds=301)
        risen = alert("mika-7", opened_at=opened, seq=2, severity="critical", transition="escalated")
        await publish(settings, [risen])
        await asyncio.to_thread(until, lambda: server.firing() == {("trust_low", "critical")})
        over = alert(
            "mika-7",
            seq=3,
            severity="critical",
            state="resolved",
            transition="resolved",
            opened_at=opened,
            resolved_at=at(0),
        )
        await publish(settings, [over])
        await asyncio.to_thread(until, lambda: not server.firing())
        assert await asyncio.to_thread(process.stop) == 0
