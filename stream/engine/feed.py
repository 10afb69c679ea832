"""Records into a topic as fast as Kafka takes them: for the demo, `kizuna send` and tests.

Idempotent producer, batches by partition, partition by murmur2 of the key as Kafka's own clients do. A record
counts as sent when its batch is acknowledged; `flush` waits for all and raises the first refusal.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from stream.clock import now_ms
from stream.config import Settings
from stream.errors import BrokerError

__all__ = ["Feed", "open_feed", "partition_of"]

MAX_REQUEST_BYTES = 9 * 1024 * 1024
IN_FLIGHT = 32
"""Batches sent and not yet acknowledged, over all partitions, before `send` waits."""


@lru_cache(maxsize=200_000)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


def partition_of(key: bytes, n_partitions: int) -> int:
    """The partition Kafka's default partitioner gives a key."""
    return _hash(key) % n_partitions


class Feed:
    """Open with `open_feed`. One task uses it at a time.

    Args:
        producer: aiokafka's, started.
        topic: on the cluster.
        n_partitions: of the topic.
        on_acknowledged: called with the number of records of each acknowledged batch.
    """

    def __init__(
        self, producer: Any, topic: str, n_partitions: int, on_acknowledged: Callable[[int], None] | None
    ) -> None:
        self.acknowledged = 0
        self._producer = producer
        self._topic = topic
        self._n_partitions = n_partitions
        self._on_acknowledged = on_acknowledged
        self._batches: dict[int, Any] = {}
        self._pending: set[asyncio.Future[Any]] = set()
        self._refused: BaseException | None = None
        self._turn = 0

    @property
    def n_partitions(self) -> int:
        """Partitions of the topic."""
        return self._n_partitions

    async def send(
        self,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: list[tuple[str, bytes]] | None = None,
        timestamp_ms: int | None = None,
        partition: int | None = None,
    ) -> None:
        """Put a record into its partition's batch; waits only while `IN_FLIGHT` batches are unacknowledged.

        Args:
            key: None goes to the partitions in turn.
            value: bytes as they are.
            headers: name and bytes.
            timestamp_ms: of the record; now if not given.
            partition: overrides the key's.

        Raises:
            BrokerError: a batch was refused.
        """
        if partition is None:
            if key is None:
                self._turn += 1
                partition = self._turn % self._n_partitions
            else:
                partition = _hash(key) % self._n_partitions
        timestamp = now_ms() if timestamp_ms is None else timestamp_ms
        batch = self._batches.get(partition)
        if batch is None:
            batch = self._batches[partition] = self._producer.create_batch()
        if batch.append(timestamp=timestamp, key=key, value=value, headers=headers or []) is None:
            await self._post(partition)
            batch = self._batches[partition] = self._producer.create_batch()
            batch.append(timestamp=timestamp, key=key, value=value, headers=headers or [])

    async def post(self) -> None:
        """Hand all begun batches to the producer without waiting for them: for live traffic, every few ms."""
        for partition in list(self._batches):
            await self._post(partition)

    async def flush(self) -> int:
        """Wait until every record so far is acknowledged.

        Returns:
            records acknowledged since the feed was opened.

        Raises:
            BrokerError: a batch was refused.
        """
        await self.post()
        while self._pending:
            await asyncio.wait(self._pending)
            await asyncio.sleep(0)  # callbacks run
        self._check()
        return self.acknowledged

    async def _post(self, partition: int) -> None:
        batch = self._batches.pop(partition)
        n_records = batch.record_count()
        while len(self._pending) >= IN_FLIGHT:
            await asyncio.wait(self._pending, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0)
        self._check()
        try:
            future = await self._producer.send_batch(batch, self._topic, partition=partition)
        except KafkaError as error:
            self._refused = error
            self._check()
            raise
        self._pending.add(future)
        future.add_done_callback(lambda done: self._done(done, n_records))

    def _done(self, future: asyncio.Future[Any], n_records: int) -> None:
        self._pending.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._refused = self._refused or error
            return
        self.acknowledged += n_records
        if self._on_acknowledged is not None:
            self._on_acknowledged(n_records)

    def _check(self) -> None:
        if self._refused is not None:
            raise BrokerError(
                f"Kafka refused records for {self._topic}: {self._refused!r}",
                hint=f"{self.acknowledged} records were acknowledged; look at the brokers' logs",
            ) from self._refused


@asynccontextmanager
async def open_feed(
    settings: Settings,
    topic: str = "interactions",
    *,
    on_acknowledged: Callable[[int], None] | None = None,
) -> AsyncIterator[Feed]:
    """A feed into a topic by its registry name. Everything sent is acknowledged when the block ends.

    Raises:
        BrokerError: Kafka is unreachable in bounded time, the topic is missing, or a batch was refused.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap,
        enable_idempotence=True,
        max_batch_size=settings.batch_bytes,
        max_request_size=MAX_REQUEST_BYTES,
        request_timeout_ms=int(settings.request_timeout_s * 1000),
        linger_ms=0,
    )
    name = settings.topic(topic)
    try:
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                await producer.start()
                partitions = await producer.partitions_for(name)
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerError(
                f"no topic {name} at {settings.bootstrap} ({type(error).__name__})",
                hint="start Kafka with `kizuna kafka start` and create topics with `kizuna topics create`",
            ) from error
        feed = Feed(producer, name, len(partitions), on_acknowledged)
        yield feed
        await feed.flush()
    finally:
        await producer.stop()
