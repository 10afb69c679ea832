"""SIGKILL is a test input: whenever the worker dies, the next one goes on as if nothing had happened."""

import asyncio
import random
from pathlib import Path
from time import monotonic

import pytest

from stream.config import Settings
from stream.engine.feed import open_feed
from tests import calm
from tests.fault.history import Message, history
from tests.fault.judge import judge
from tests.integration.engine.process import REAL, WorkerProcess
from tests.integration.engine.traffic import wait_drained

pytestmark = pytest.mark.fault

KILLS = 5
PER_S = 600


async def feed(settings: Settings, messages: list[Message]) -> None:
    """Send at a steady rate, so that the worker is always in the middle of something."""
    began = monotonic()
    async with open_feed(settings) as sender:
        for number, (key, value) in enumerate(messages):
            await sender.send(key, value)
            if number % 20 == 0:
                await sender.post()
                await asyncio.sleep(max(0.0, began + number / PER_S - monotonic()))


async def test_five_sigkills_under_load_change_no_row_score_or_alert(settings: Settings, log: Path) -> None:
    """Every row, score, alert and dead letter equals the oracle's after five kills and restarts."""
    messages = history(customers=1_200, days=120, seed=11)
    traffic = asyncio.create_task(feed(settings, messages))
    chance = random.Random(11)
    extra = {"KIZUNA_SWEEP_INTERVAL_S": "3", "KIZUNA_RULES": str(calm.written(log.parent))}
    for _ in range(KILLS):
        with WorkerProcess(settings, log, REAL, **extra) as worker:
            await asyncio.to_thread(worker.wait_ready)
            await asyncio.sleep(chance.uniform(0.2, 2.0))
            worker.kill()
    with WorkerProcess(settings, log, REAL, **extra) as worker:
        await asyncio.to_thread(worker.wait_ready)
        await traffic
        await wait_drained(settings, limit_s=120)
        assert await asyncio.to_thread(worker.stop) == 0
    verdict = await judge(settings)
    assert verdict.differences == []
    assert verdict.compared["records"] == len(messages)
    assert min(verdict.compared[kind] for kind in ("scores", "alerts", "rows", "dead_letters")) > 0
