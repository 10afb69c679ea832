"""`kizuna notify` and a real Alertmanager, on a real Kafka."""

import asyncio
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest

from schemas.alert import Snoozed
from stream.alerts.rules import load
from stream.clock import now_ms
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.reader import read_topic
from stream.notify.alertmanager import Alertmanager
from stream.notify.assemble import make_book
from stream.notify.book import Book
from stream.notify.preview import Silent
from stream.notify.projection import Projection, Timing
from stream.notify.reference import installation
from stream.notify.shape import Shape
from stream.texts.languages import ENGLISH
from tests.alerts import alert, at
from tests.integration.notify.alertmanager import AlertmanagerProcess, Front
from tests.integration.notify.process import notifier, publish, until

LABELS = {"alertname", "severity", "rule", "tier", "team", "customer_ref"}
OUTAGE_S = float(os.environ.get("KIZUNA_OUTAGE_S", "0"))
"""Beyond some failed tries a server is away: 600 by hand, with `-o faulthandler_timeout=1200`."""
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


async def test_every_server_is_shown_everything_and_a_restart_brings_it_back(
    settings: Settings, log: Path, server: AlertmanagerProcess, tmp_path: Path
) -> None:
    """Two servers have the same; one that forgot all in a restart has it again after the next showing."""
    with AlertmanagerProcess(tmp_path / "second") as second:
        await publish(settings, [alert(f"c-{number}", opened_at=at(60)) for number in range(20)])
        with notifier(settings, log, alertmanager_urls=[server.url, second.url], **SOON) as process:
            await asyncio.to_thread(until, lambda: len(server.alerts()) == len(second.alerts()) == 20)
            await asyncio.to_thread(second.stop)
            await asyncio.to_thread(second.start)
            await asyncio.to_thread(until, lambda: len(second.alerts()) == 20)
            assert len(server.alerts()) == 20
            assert await asyncio.to_thread(process.stop) == 0


async def test_nothing_is_lost_while_the_server_is_away(
    settings: Settings, log: Path, server: AlertmanagerProcess
) -> None:
    """What opened and what resolved meanwhile is known once it is back."""
    await publish(settings, [alert("stays"), alert("leaves")])
    with notifier(settings, log, alertmanager_urls=[server.url]) as process:
        await asyncio.to_thread(until, lambda: len(server.alerts()) == 2)
        known = {each["labels"]["customer_ref"] for each in server.alerts()}
        await asyncio.to_thread(server.stop)
        await publish(
            settings,
            [
                alert("leaves", seq=2, state="resolved", transition="resolved", resolved_at=at(0)),
                alert("comes"),
            ],
        )
        failing = 'kizuna_notify_failures{sink="alertmanager'
        await asyncio.to_thread(process.wait_metric, failing, 3)
        await asyncio.sleep(OUTAGE_S)
        await asyncio.to_thread(server.start)
        await asyncio.to_thread(until, lambda: len(server.alerts()) == 2, 60 + OUTAGE_S)
        now = {each["labels"]["customer_ref"] for each in server.alerts()}
        assert len(known & now) == 1
        assert len(now - known) == 1
        await asyncio.to_thread(until, lambda: process.metric(failing) == 0)
        assert process.metric('kizuna_notifications_total{outcome="retry"') >= 2


async def test_an_alert_that_is_refused_holds_up_no_other(
    settings: Settings, log: Path, server: AlertmanagerProcess
) -> None:
    """A proxy takes no long bodies, and one alert never: the others arrive, that one is a letter."""
    alerts = [alert(f"c-{number}", opened_at=at(60)) for number in range(100)]
    await publish(settings, [*alerts, alert("bad", owner="refuse-me", opened_at=at(60))])
    with (
        Front(server.url, 20_000, b"refuse-me") as front,
        notifier(settings, log, alertmanager_urls=[front.url], **SOON) as process,
    ):
        await asyncio.to_thread(until, lambda: len(server.alerts()) == 100)
        await asyncio.to_thread(process.wait_metric, 'kizuna_notifications_total{outcome="refused"', 1)
        await asyncio.sleep(3)  # longer than what is not shown again would live
        assert len(server.alerts()) == 100
        assert process.metric('kizuna_notify_failures{sink="alertmanager') == 0
        assert await asyncio.to_thread(process.stop) == 0
    (letter,) = await read_topic(settings, "notify-dead-letters")
    said = {name: value.decode() for name, value in letter.headers}
    assert (said["kizuna.sink"], said["kizuna.cause"]) == (f"alertmanager {front.url}", "refused")
    assert said["kizuna.detail"].startswith("POST alerts: 400")
    assert letter.key == b"bad|trust_low"


async def test_a_snooze_is_one_silence_that_survives_restarts_and_ends_early(
    settings: Settings, log: Path, server: AlertmanagerProcess
) -> None:
    """Made once by the person's name, found again by the next process, expired when the snooze is over."""
    until_then = datetime.now(UTC) + timedelta(hours=2)
    snoozed: dict[str, Any] = {"state": "snoozed", "transition": "snoozed", "seq": 2, "opened_at": at(60)}
    snooze = Snoozed(until_then, "ana", "asked us to wait")
    await publish(settings, [alert(opened_at=at(60)), alert(snooze=snooze, **snoozed)])
    theirs = {
        "matchers": [{"name": "customer_ref", "value": "x", "isRegex": False}],
        "startsAt": datetime.now(UTC).isoformat(),
        "endsAt": until_then.isoformat(),
        "createdBy": "ben",
        "comment": "by hand",
    }
    server.post("silences", theirs)
    for _ in range(2):
        with notifier(settings, log, alertmanager_urls=[server.url], **SOON) as process:
            await asyncio.to_thread(until, lambda: len(server.silences()) == 2)
            await asyncio.to_thread(process.wait_metric, 'kizuna_notifications_total{outcome="delivered"', 3)
            (shown,) = server.alerts()
            assert shown["status"]["state"] == "suppressed"
            assert await asyncio.to_thread(process.stop) == 0
        (ours,) = [each for each in server.silences() if each["createdBy"] == "ana"]
        assert ours["comment"].startswith("asked us to wait (kizuna ")
        assert datetime.fromisoformat(ours["endsAt"]) - until_then < timedelta(seconds=1)
    with notifier(settings, log, alertmanager_urls=[server.url]) as process:
        await publish(settings, [alert(seq=3, transition="snooze_over", opened_at=at(60))])
        await asyncio.to_thread(until, lambda: [each["createdBy"] for each in server.silences()] == ["ben"])
        (shown,) = server.alerts()
        assert shown["status"]["state"] == "active"


async def test_two_installations_leave_each_others_silences_alone(server: AlertmanagerProcess) -> None:
    """Alerts of the same names, and another key each: one makes and ends its silence, the other's stays."""
    snooze = Snoozed(datetime.now(UTC) + timedelta(hours=2), "ana", "later")
    snoozed = alert(state="snoozed", transition="snoozed", snooze=snooze, opened_at=at(60))
    async with aiohttp.ClientSession() as session:

        def installed(key: bytes) -> tuple[Book, Projection]:
            shape = Shape(load(), key, ENGLISH, installation=installation(key, ""), with_id=False)
            book, to = make_book(shape, 300.0), Alertmanager(session, server.url)
            timing, chance = Timing(0.0, 300.0), Random(1)  # each turn looks at everything
            shown = Projection(
                "alertmanager here",
                to,
                book,
                shape,
                Silent(),
                timing,
                clock=now_ms,
                chance=chance,
                counted=lambda *_: None,
            )
            return book, shown

        (one, first), (other, second) = installed(b"1" * 32), installed(b"2" * 32)
        one.take(0, snoozed, now_ms())
        await first.turn()
        (its,) = server.silences()
        await second.turn()
        assert server.silences() == [its]
        other.take(0, snoozed, now_ms())
        await second.turn()
        assert len(server.silences()) == 2
        await first.turn()
        over = alert(seq=2, transition="snooze_over", opened_at=at(60))
        other.take(0, over, now_ms())
        await second.turn()
        assert server.silences() == [its]
        one.take(0, over, now_ms())
        await first.turn()
        assert server.silences() == []
        assert first.failures == second.failures == 0


async def test_nobody_is_told_of_shadow_rules_held_back_alerts_and_history(
    settings: Settings, log: Path, server: AlertmanagerProcess
) -> None:
    """Only what is open now, of rules that count; what cannot be read is counted and left out."""
    old = at(86_400)
    ended: dict[str, Any] = {
        "seq": 2,
        "state": "resolved",
        "transition": "resolved",
        "opened_at": old,
        "resolved_at": old,
    }
    silent = [
        alert("shadow", mode="shadow"),
        alert("held", state="suppressed", transition="suppressed", opened_at=None, suppressed_by="budget"),
        alert("past", opened_at=old),
        alert("past", **ended),
    ]
    await publish(settings, [*silent, alert("now")])
    async with open_feed(settings, "alerts") as feed:
        await feed.send(b"x|y", b"no alert")
    with notifier(settings, log, alertmanager_urls=[server.url]) as process:
        await asyncio.to_thread(until, lambda: len(server.alerts()) == 1)
        await asyncio.to_thread(process.wait_metric, "kizuna_notify_unreadable_total", 1)
        await asyncio.to_thread(process.wait_metric, 'kizuna_notify_open{severity="warning"}', 1)
        assert process.metric("kizuna_notify_open") == 1
