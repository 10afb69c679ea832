"""Sinks that must be told once: ledger, restarts, two copies, dead letters; real Kafka, real HTTP."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import decode_alert
from schemas.dead_letter import said
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.reader import read_topic
from tests.alerts import alert, at
from tests.integration.notify.process import notifier, publish, until
from tests.integration.notify.receiver import Receiver

SECRET = "whsec_" + "c2VjcmV0" * 5 + "\n"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file with a webhook's secret."""
    path = tmp_path / "secret"
    path.write_text(SECRET, encoding="ascii")
    return path


def hook(receiver: Receiver, secret: Path, name: str = "crm") -> list[dict[str, Any]]:
    """The setting `webhooks` with this one."""
    return [{"name": name, "url": receiver.url, "secret_file": str(secret), "per_s": 500, "burst": 500}]


async def test_each_transition_is_told_once_whatever_restarts(
    settings: Settings, log: Path, secret: Path
) -> None:
    """A first start tells what is open and no history; the next starts tell only what is new, in order."""
    old = at(86_400)
    ended: dict[str, Any] = {"seq": 2, "state": "resolved", "opened_at": old, "resolved_at": old}
    await publish(settings, [alert("past"), alert("past", **ended), alert("open"), alert("open", seq=2)])
    with Receiver() as receiver:
        for _ in range(2):
            with notifier(settings, log, webhooks=hook(receiver, secret)) as process:
                await asyncio.to_thread(until, lambda: len(receiver.received) == 1)
                await asyncio.to_thread(process.wait_metric, "kizuna_notify_partitions", settings.partitions)
                assert await asyncio.to_thread(process.stop) == 0
        assert receiver.told() == [("open", "opened")]
        await publish(
            settings,
            [
                alert("open", seq=3, transition="noted"),
                alert("open", seq=4, transition="escalated", severity="error"),
                alert("open", seq=5, state="resolved", transition="resolved", resolved_at=datetime.now(UTC)),
                alert("new"),
            ],
        )
        with notifier(settings, log, webhooks=hook(receiver, secret)) as process:
            await asyncio.to_thread(until, lambda: len(receiver.received) == 4)
            assert await asyncio.to_thread(process.stop) == 0
        of_open = [each for each in receiver.told()[1:] if each[0] == "open"]
        assert of_open == [("open", "escalated"), ("open", "resolved")]
        assert ("new", "opened") in receiver.told()
        assert len({each.message_id for each in receiver.received}) == 4


async def test_of_two_copies_each_alert_has_one_that_tells_it(
    settings: Settings, log: Path, secret: Path, tmp_path: Path
) -> None:
    """The partitions are shared out; when one copy is killed, the other goes on without telling twice."""
    with Receiver() as receiver:
        hooks = hook(receiver, secret)
        with (
            notifier(settings, log, webhooks=hooks) as first,
            notifier(settings, tmp_path / "second.log", webhooks=hooks) as second,
        ):
            both = ("kizuna_notify_partitions", settings.partitions / 2)
            await asyncio.to_thread(first.wait_metric, *both)
            await asyncio.to_thread(second.wait_metric, *both)
            await publish(settings, [alert(f"c-{number}") for number in range(40)])
            await asyncio.to_thread(until, lambda: len(receiver.received) == 40)
            for copy in (first, second):
                assert 0 < copy.metric('kizuna_notifications_total{outcome="delivered"') < 40
            # What is told and not yet noted may be told again.
            await asyncio.to_thread(until, lambda: first.metric("kizuna_notify_waiting") == 0)
            await asyncio.to_thread(until, lambda: second.metric("kizuna_notify_waiting") == 0)
            first.kill()
            await publish(settings, [alert(f"d-{number}") for number in range(40)])
            await asyncio.to_thread(until, lambda: len(receiver.received) >= 80, 60)
            await asyncio.to_thread(second.wait_metric, "kizuna_notify_partitions", settings.partitions)
            assert sorted(customer for customer, _ in receiver.told()) == sorted(
                [f"c-{number}" for number in range(40)] + [f"d-{number}" for number in range(40)]
            )


async def test_what_a_sink_refuses_or_never_takes_becomes_a_letter_and_holds_up_nobody(
    settings: Settings, log: Path, secret: Path
) -> None:
    """400 at once, 503 after the last try: each with sink, cause and key, and never tried again."""
    answers = {"wrong": 400, "busy": 503}
    with Receiver(lambda alert: answers.get(alert.customer_id, 200)) as receiver:
        extra = {"webhooks": hook(receiver, secret), "notify_tries": "2"}
        with notifier(settings, log, **extra) as process:
            await publish(settings, [alert("wrong"), alert("busy"), alert("fine")])
            await asyncio.to_thread(process.wait_metric, 'kizuna_notifications_total{outcome="gave_up"', 1)
            await asyncio.to_thread(until, lambda: receiver.told() == [("fine", "opened")])
            assert await asyncio.to_thread(process.stop) == 0
        tried = len(receiver.refused)
        with notifier(settings, log, **extra) as process:
            await asyncio.to_thread(process.wait_metric, "kizuna_notify_partitions", settings.partitions)
            assert process.metric("kizuna_notify_waiting") == 0
            assert await asyncio.to_thread(process.stop) == 0
        assert len(receiver.refused) == tried
    letters = await read_topic(settings, "notify-dead-letters")
    found = {decode_alert(each.value).customer_id: said(each.headers) for each in letters}
    assert {customer: letter["cause"] for customer, letter in found.items()} == {
        "wrong": "refused",
        "busy": "gave_up",
    }
    assert found["wrong"]["sink"] == "crm"
    assert found["wrong"]["key"] == "wrong|trust_low:1"


async def test_of_a_deleted_alert_the_ledger_forgets_too(settings: Settings, log: Path, secret: Path) -> None:
    """A tombstone in the alerts is one in the ledger: its key names the customer."""
    with Receiver() as receiver, notifier(settings, log, webhooks=hook(receiver, secret)):
        await publish(settings, [alert("gone")])
        await asyncio.to_thread(until, lambda: receiver.told() == [("gone", "opened")])
        (number,) = [each.partition for each in await read_topic(settings, "alerts")]
        async with open_feed(settings, "alerts") as feed:
            await feed.send(b"gone|trust_low", None, partition=number)
        rows: list[Any] = []
        for _ in range(100):
            rows = [each for each in await read_topic(settings, "notify-ledger") if b"gone" in each.key]
            if rows and rows[-1].value is None:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(rows)
