"""From a score to a person who acts, as the README walks: worker, notify, Alertmanager and command line."""

import asyncio
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import decode_alert, encode
from schemas.interaction import Engagement, Interaction
from stream.clock import now_ms
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.reader import read_topic
from stream.offline.late_parcel import late_parcels
from tests.integration.engine.process import REAL, WorkerProcess
from tests.integration.engine.test_commands import Answer, kizuna  # noqa: F401 - a fixture by its name
from tests.integration.notify.alertmanager import AlertmanagerProcess, find
from tests.integration.notify.process import notifier, until

CUSTOMER, OTHER, RULE = "demo-late-1", "demo-late-2", "promise_late"
BACK_MS = 120_000
"""Long enough ago that all of both stories has happened."""
CLOCK = {"KIZUNA_CLOCK": "event"}
"""As the demo's worker: the time of alerts is that of the newest event."""


def story(customer: str) -> tuple[list[Interaction], list[Interaction]]:
    """What one of the demo's customers lives through until it asks for its parcel, and after that."""
    sent = [
        (at_ms, event)
        for at_ms, event in islice(late_parcels(now_ms() - BACK_MS, every_s=20.0, arrives_s=30.0), 150)
        if event.customer_id == customer
    ]
    turn_ms = sent[0][0]
    return [event for at_ms, event in sent if at_ms == turn_ms], [
        event for at_ms, event in sent if at_ms > turn_ms
    ]


async def send(settings: Settings, events: Iterable[Interaction]) -> None:
    async with open_feed(settings) as feed:
        for event in events:
            await feed.send(event.customer_id.encode(), encode(event))


async def logged(settings: Settings, customer: str, *transitions: str) -> Any:
    """The last of a customer's transitions, once there are so many; they must then be these."""
    found: list[Any] = []
    for _ in range(150):
        records = await read_topic(settings, "alert-log")
        found = [
            each for each in map(decode_alert, (r.value for r in records)) if each.customer_id == customer
        ]
        if len(found) >= len(transitions):
            break
        await asyncio.sleep(0.2)
    assert [each.transition for each in found] == list(transitions)
    return found[-1]


@pytest.fixture
def alerts(kizuna: Answer) -> Callable[..., Any]:  # noqa: F811 - the fixture imported above
    """`kizuna alerts ...` in a thread of its own, which must succeed: all that was printed."""

    async def answer(*arguments: str) -> str:
        code, printed = await asyncio.to_thread(kizuna, "alerts", *arguments)
        assert code == 0, printed
        return printed

    return answer


async def test_an_alert_opens_with_its_reasons_is_taken_on_rests_and_ends_with_its_cause(
    settings: Settings, log: Path, alerts: Callable[..., Any]
) -> None:
    """Each step is on the log once, and the list says it in words."""
    before, after = story(CUSTOMER)
    with WorkerProcess(settings, log, REAL, **CLOCK):
        await send(settings, before)
        opened = await logged(settings, CUSTOMER, "opened")
        assert opened.action.code == "fix_delivery"
        printed = await alerts("list")
        assert "1 of 1 alert" in printed
        assert "a promised delivery is overdue right now" in printed
        printed = await alerts("ack", CUSTOMER, "--by", "mika")
        assert printed.endswith(f"{CUSTOMER} {RULE}: acknowledged by mika (seq 2)\n")
        rest = ("--until", "+1h", "--by", "mika", "--reason", "the parcel is found")
        assert "rests until" in await alerts("snooze", CUSTOMER, *rest)
        assert "snoozed until" in await alerts("list")
        await send(settings, after)
        over = await logged(settings, CUSTOMER, "opened", "acknowledged", "snoozed", "resolved")
        assert over.resolve_reason == "recovered"
        assert json.loads((await alerts("list", "--json")).splitlines()[-1])["total"] == 0


async def test_a_snooze_ends_by_the_time_of_events_too(
    settings: Settings, log: Path, alerts: Callable[..., Any]
) -> None:
    """The demo's worker has no other clock: the next event after the end wakes the alert."""
    before, _after = story(OTHER)
    with WorkerProcess(settings, log, REAL, **CLOCK):
        await send(settings, before)
        await logged(settings, OTHER, "opened")
        await alerts("snooze", OTHER, "--until", "+2s", "--by", "mika", "--reason", "calls back")
        await logged(settings, OTHER, "opened", "snoozed")
        end = datetime.now(UTC) + timedelta(seconds=2)
        await send(settings, [Engagement("visit", OTHER, end, kind="visit")])
        await logged(settings, OTHER, "opened", "snoozed", "snooze_over")


async def test_alertmanager_has_what_is_open_with_its_reasons_the_snooze_and_the_end(
    settings: Settings, log: Path, tmp_path: Path, alerts: Callable[..., Any]
) -> None:
    """The walk again, seen from there: fires, is silenced by a person's name, and is gone with the cause."""
    if find() is None:
        pytest.skip("no `alertmanager` on PATH (Debian: apt-get install prometheus-alertmanager)")
    before, after = story(CUSTOMER)
    with (
        AlertmanagerProcess(tmp_path / "alertmanager") as server,
        WorkerProcess(settings, log, REAL, **CLOCK),
        notifier(settings, tmp_path / "notify.log", alertmanager_urls=[server.url]) as notify,
    ):
        await send(settings, before)
        await asyncio.to_thread(until, server.alerts)
        (shown,) = server.alerts()
        assert shown["labels"]["team"] == "operations"
        assert "why: a promised delivery is overdue right now" in shown["annotations"]["description"]
        assert "to do: apologise, compensate" in shown["annotations"]["description"]
        await alerts("ack", CUSTOMER, "--by", "mika")
        await alerts("snooze", CUSTOMER, "--until", "+1h", "--by", "mika", "--reason", "it is found")
        await asyncio.to_thread(until, server.silences)
        (silence,) = server.silences()
        assert silence["createdBy"] == "mika"
        await asyncio.to_thread(until, lambda: server.alerts()[0]["status"]["state"] == "suppressed")
        assert server.alerts()[0]["annotations"]["acknowledged_by"] == "mika"
        await send(settings, after)
        await asyncio.to_thread(until, lambda: not server.alerts() and not server.silences())
        assert await asyncio.to_thread(notify.stop) == 0
