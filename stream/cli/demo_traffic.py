"""What the demo sends when the real input is done: an invented past, then invented customers in real time."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from heapq import merge
from operator import itemgetter

from schemas.codec import encode
from schemas.interaction import Interaction
from stream.clock import now_ms
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.offline.generate import generate
from stream.offline.late_parcel import ARRIVES_S, EVERY_S, late_parcels
from stream.offline.live import live

__all__ = ["CUSTOMERS", "send_traffic"]

CUSTOMERS = 500
DAYS = 180


async def send_traffic(
    settings: Settings,
    seed: int,
    sent: Callable[[], None],
    *,
    customers: int = CUSTOMERS,
    every_s: float = EVERY_S,
    arrives_s: float = ARRIVES_S,
) -> None:
    """Send until cancelled.

    Args:
        settings: where Kafka is.
        seed: of all chance.
        sent: told of every event.
        customers: that are invented.
        every_s: a parcel is missed so often.
        arrives_s: and comes so much later.
    """
    start_ms = now_ms()
    async with open_feed(settings) as feed:

        async def send(event: Interaction) -> None:
            await feed.send(event.customer_id.encode(), encode(event))
            sent()

        history = await asyncio.to_thread(generate, customers, DAYS, seed, start_ms)
        for event in history.events:
            await send(event)
        await feed.flush()
        begin_ms = now_ms()
        scenes = _timed(live(seed, begin_ms, customers=customers))
        parcels = late_parcels(begin_ms, every_s=every_s, arrives_s=arrives_s)
        for at_ms, event in merge(scenes, parcels, key=itemgetter(0)):
            ahead_s = (at_ms - now_ms()) / 1000
            if ahead_s > 0:
                await feed.post()
                await asyncio.sleep(ahead_s)
            await send(event)


def _timed(events: Iterable[Interaction]) -> Iterator[tuple[int, Interaction]]:
    for event in events:
        yield round(event.occurred_at.timestamp() * 1000), event
