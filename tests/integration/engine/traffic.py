"""Numbers by key for the counting pipeline, paced, with a few bad records."""

import asyncio
import random
from time import monotonic

from stream.config import Settings
from stream.engine.committed import open_committed
from stream.engine.feed import open_feed


async def feed_numbers(
    settings: Settings,
    n: int,
    *,
    per_s: int | None = None,
    seed: int = 1,
    topic: str = "interactions",
    until: asyncio.Event | None = None,
) -> None:
    """Send n records over 500 keys, one in 500 bad, a third of these without a key.

    Args:
        settings: where.
        n: so many, or fewer if `until` is set before.
        per_s: pace; as fast as Kafka takes them if None.
        seed: of all chance.
        topic: a source by its registry name.
        until: ends a paced feed.
    """
    chance = random.Random(seed)
    began = monotonic()
    async with open_feed(settings, topic) as feed:
        for i in range(n):
            key = b"k%d" % chance.randrange(500)
            if chance.random() < 0.002:
                await feed.send(None if chance.random() < 0.3 else key, b"bad")
            else:
                await feed.send(key, b"%d" % chance.randrange(10_000))
            if until is not None and until.is_set():
                return
            if per_s is not None and i % 50 == 0:
                await feed.post()
                await asyncio.sleep(max(0.0, began + i / per_s - monotonic()))


async def wait_drained(settings: Settings, limit_s: float = 60) -> None:
    """Until the committed positions are the sources' ends."""
    began = monotonic()
    async with open_committed(settings) as committed:
        while True:
            done, total = await committed.done()
            if done == total:
                return
            assert monotonic() - began < limit_s, f"{done} of {total} source records are committed"
            await asyncio.sleep(0.2)
