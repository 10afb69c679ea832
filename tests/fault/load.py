"""A steady stream of records into one topic, whatever happens to the broker."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from time import monotonic

from stream.config import Settings
from stream.engine.feed import open_feed
from stream.errors import BrokerError
from tests.fault.history import Message
from tests.fault.soak import note

__all__ = ["Load"]

POSTS_PER_S = 20


@dataclass(slots=True)
class Load:
    """What is sent and how fast.

    Attributes:
        topic: registry name.
        messages: taken one by one, as late as possible.
        per_s: rate; what could not be sent while a broker was away is made good afterwards.
        sent: so far, those that were refused included.
        acknowledged: by Kafka. Whatever else the topic holds was written, and its answer lost.
    """

    topic: str
    messages: Iterator[Message]
    per_s: float
    sent: int = 0
    acknowledged: int = 0

    async def run(self, settings: Settings, stop: asyncio.Event) -> None:
        """Send until told to stop; waits for a broker that is away."""
        settings = settings.model_copy(update={"request_timeout_s": 120.0})
        began, over = monotonic(), False
        while not (over or stop.is_set()):
            try:
                async with open_feed(settings, self.topic, on_acknowledged=self._count) as feed:
                    while not (over or stop.is_set()):
                        over = True
                        for key, value in islice(self.messages, max(1, round(self.per_s / POSTS_PER_S))):
                            over = False
                            self.sent += 1
                            await feed.send(key, value)
                        await feed.post()
                        await asyncio.sleep(max(0.0, began + self.sent / self.per_s - monotonic()))
            except BrokerError as error:  # what was refused is not in the source, and nobody misses it
                note(f"the feed of {self.topic} starts again: {error}")
                await asyncio.sleep(1)

    def _count(self, n: int) -> None:
        self.acknowledged += n
