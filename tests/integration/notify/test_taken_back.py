"""A rule put on trial, one removed, while their alerts are open: from the worker's start to the webhook."""

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stream.config import Settings
from stream.engine.feed import open_feed
from tests.integration.engine.process import REAL, WorkerProcess
from tests.integration.notify.process import notifier, until
from tests.integration.notify.receiver import Receiver
from tests.integration.notify.test_webhooks import hook, secret  # noqa: F401 - a fixture by its name

RULE = """
[[rule]]
id = "{name}"
kind = "trust_below"
open = 40.0
clear = 50.0
severity = "warning"
owner = "support"
action = "close_the_loop"
mode = "{mode}"
"""


async def complain(settings: Settings) -> None:
    """What opens the alerts."""
    asked = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    said = {"type": "survey", "event_id": "e", "customer_id": "mika", "occurred_at": asked}
    async with open_feed(settings) as feed:
        await feed.send(b"mika", json.dumps(said | {"instrument": "nps", "score": 0}).encode())


async def test_whoever_was_told_that_an_alert_opened_is_told_that_its_rule_was_taken_back(
    settings: Settings,
    log: Path,
    tmp_path: Path,
    secret: Path,  # noqa: F811 - the fixture imported above
) -> None:
    """By the worker's start alone: no event comes, no sweep is near, and a kill is between."""
    path = tmp_path / "rules.toml"

    def worker(rules: Iterable[tuple[str, str]]) -> WorkerProcess:
        path.write_text("".join(RULE.format(name=name, mode=mode) for name, mode in rules))
        return WorkerProcess(settings, log, REAL, KIZUNA_RULES=str(path))

    with Receiver() as receiver, notifier(settings, log, webhooks=hook(receiver, secret)) as process:
        await asyncio.to_thread(process.wait_metric, "kizuna_notify_partitions", settings.partitions)

        async def told(*expected: tuple[str, str | None, str | None]) -> None:
            def found() -> list[tuple[str, str | None, str | None]]:
                alerts = [each.alert for each in receiver.received]
                return [(each.rule_id, each.transition, each.resolve_reason) for each in alerts]

            await asyncio.to_thread(until, lambda: len(found()) >= len(expected))
            assert found() == list(expected)

        first = ("first", "opened", None), ("first", "resolved", "rule_on_trial")
        second = ("second", "opened", None), ("second", "resolved", "rule_removed")
        with worker([("first", "live")]):
            await complain(settings)
            await told(first[0])
        with worker([("first", "shadow"), ("second", "live")]):
            await told(*first, second[0])  # the customer is not content: the live rule looks at once too
        with worker([("first", "shadow")]):
            await told(*first, *second)
        assert await asyncio.to_thread(process.stop) == 0
    assert {each.alert.mode for each in receiver.received} == {"live"}
