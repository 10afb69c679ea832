"""Topics followed from their beginning: what the first says is known before anything of the next is seen."""

from contextlib import aclosing

from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.follow import Follower

FIRST, NEXT = "notify-ledger", "alerts"
ROWS, SIZE = 40_000, 1_000
"""40 MB in one partition: five times what Kafka gives in one answer."""


async def test_nothing_of_the_next_topic_comes_before_the_end_of_the_first(settings: Settings) -> None:
    """However many answers the first one takes; and then both are read to their ends."""
    async with open_feed(settings, FIRST) as feed:
        for number in range(ROWS):
            await feed.send(b"k%d" % number, b"x" * SIZE, partition=3)
    async with open_feed(settings, NEXT) as feed:
        for number in range(settings.partitions):
            await feed.send(b"a", b"x", partition=number)
    read = {FIRST: 0, NEXT: 0}
    async with aclosing(Follower(settings, (FIRST, NEXT)).pages()) as pages:
        async for page in pages:
            for topic, records in page.records.items():
                read[topic] += len(list(records))
            assert not read[NEXT] or read[FIRST] == ROWS
            if not any(page.left.values()):
                break
    assert read == {FIRST: ROWS, NEXT: settings.partitions}
