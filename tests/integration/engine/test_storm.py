"""Storm control in the shipped worker: more alerts than people can bear are held back, counted and listed."""

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from schemas.codec import decode_alert
from stream.config import Settings
from stream.engine.feed import open_feed, partition_of
from stream.engine.reader import read_topic
from tests.integration.engine.process import REAL, WorkerProcess
from tests.integration.engine.test_commands import Answer, kizuna  # noqa: F401 - a fixture by its name

RULES = """
[storm]
budget_per_minute = 1

[[rule]]
id = "trust_low"
kind = "trust_below"
open = 40.0
clear = 50.0
severity = "warning"
owner = "support"
action = "close_the_loop"
"""
SAME_PARTITION = [name for name in (f"c-{n}" for n in range(60)) if partition_of(name.encode(), 4) == 0][:6]


def bad_survey(customer: str) -> bytes:
    asked = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    fields = {"type": "survey", "event_id": "e", "customer_id": customer, "occurred_at": asked}
    return json.dumps(fields | {"instrument": "nps", "score": 0}).encode()


async def logged(settings: Settings) -> list[Any]:
    """Every transition, once each customer has one."""
    found: list[Any] = []
    for _ in range(150):
        found = [decode_alert(record.value) for record in await read_topic(settings, "alert-log")]
        if len({each.customer_id for each in found}) == len(SAME_PARTITION):
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(found)


async def test_beyond_the_minutes_budget_alerts_are_held_back_and_listed(
    settings: Settings,
    log: Path,
    tmp_path: Path,
    kizuna: Answer,  # noqa: F811 - the fixture imported above
) -> None:
    """One opens in a minute; the others are suppressed, and nobody is told but who asks for them."""
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES)
    with WorkerProcess(settings, log, REAL, KIZUNA_RULES=str(rules)) as worker:
        async with open_feed(settings) as feed:
            for name in SAME_PARTITION:
                await feed.send(name.encode(), bad_survey(name))
        found = await logged(settings)
        first = {each.customer_id: each for each in reversed(found)}.values()
        held = [each for each in first if each.state == "suppressed"]
        assert {each.suppressed_by for each in held} == {"budget"}
        opened = [each for each in found if each.transition in ("opened", "released")]
        assert set(Counter(f"{each.opened_at:%H:%M}" for each in opened).values()) == {1}
        assert len(held) >= len(SAME_PARTITION) - 2  # all but one, unless a minute ended meanwhile

        code, printed = await asyncio.to_thread(kizuna, "alerts", "list", "--state", "suppressed")
        assert code == 0, printed
        assert "held back" in printed
        code, printed = await asyncio.to_thread(kizuna, "alerts", "list", "--json")
        said = json.loads(printed.splitlines()[-1])
        assert said["total"] + said["held_back"] == len(SAME_PARTITION)
        assert said["held_back"] >= len(SAME_PARTITION) - 3
        assert worker.metric('kizuna_alerts_suppressed_total{reason="budget"') >= len(held)
