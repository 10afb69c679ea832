"""`kizuna notify` as a process of its own, and alerts for it to read."""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from schemas.alert import AlertV1
from schemas.codec import encode
from stream.config import Settings
from stream.engine.feed import open_feed, partition_of
from tests.integration.engine.process import WorkerProcess

NOTIFY = ("-m", "stream", "notify")


def notifier(settings: Settings, log: Path, **extra: Any) -> WorkerProcess:
    """The process; `extra` are settings by name, lists as JSON."""
    spelt = {
        f"KIZUNA_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in extra.items()
    }
    spelt.setdefault("KIZUNA_DATA_DIR", str(log.parent / "data"))
    return WorkerProcess(settings, log, NOTIFY, KIZUNA_NOTIFY_PORT="0", **spelt)


async def publish(settings: Settings, alerts: Iterable[AlertV1]) -> None:
    """As the worker does: into the customer's partition."""
    async with open_feed(settings, "alerts") as feed:
        for each in alerts:
            number = partition_of(each.customer_id.encode(), settings.partitions)
            await feed.send(each.dedup_key.encode(), encode(each), partition=number)


def until(law: Callable[[], Any], limit_s: float = 30.0) -> None:
    """Wait until the law holds; its last answer is what a failure shows."""
    began = time.monotonic()
    while not (answer := law()):
        assert time.monotonic() - began < limit_s, answer
        time.sleep(0.1)
