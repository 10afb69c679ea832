"""Rows into topics, each acknowledged before the call returns; a Kafka that is away is waited out."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from stream.clock import now_ms
from stream.config import Settings
from stream.engine.feed import MAX_REQUEST_BYTES
from stream.errors import BrokerError

__all__ = ["Journal", "Row", "open_journal"]

log = structlog.get_logger(__name__)

AGAIN_S = 1.0


Row: TypeAlias = tuple[int, bytes, bytes | None, Sequence[tuple[str, bytes]]]
"""One record: partition, key, value (None deletes the key) and headers."""


class Journal:
    """Open with `open_journal`.

    Args:
        settings: how topics are called.
        producer: aiokafka's, started, idempotent.
    """

    def __init__(self, settings: Settings, producer: Any) -> None:
        self._settings, self._producer = settings, producer

    async def write(self, topic: str, rows: Sequence[Row]) -> None:
        """Until every row is acknowledged; some may be written twice if Kafka went away meanwhile.

        Args:
            topic: registry name.
            rows: in this order within a partition.
        """
        left = list(rows)
        while left:
            left = await self._once(self._settings.topic(topic), left)
            if left:
                await asyncio.sleep(AGAIN_S)

    async def _once(self, name: str, rows: list[Row]) -> list[Row]:
        """Rows that were not acknowledged."""
        futures = []
        try:
            for partition, key, value, headers in rows:
                sent = await self._producer.send(name, value, key, partition, now_ms(), list(headers))
                futures.append(sent)
        except KafkaError as error:
            log.warning("not written, trying again", topic=name, reason=repr(error))
        outcomes = await asyncio.gather(*futures, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, KafkaError):
                log.warning("not written, trying again", topic=name, reason=repr(outcome))
                break
        failed = [row for row, outcome in zip(rows, outcomes, strict=False) if isinstance(outcome, Exception)]
        return failed + rows[len(futures) :]


@asynccontextmanager
async def open_journal(settings: Settings) -> AsyncIterator[Journal]:
    """A journal for any topic.

    Raises:
        BrokerError: Kafka is unreachable in bounded time.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap,
        enable_idempotence=True,
        max_request_size=MAX_REQUEST_BYTES,
        request_timeout_ms=int(settings.request_timeout_s * 1000),
        linger_ms=5,
    )
    try:
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerError(
                f"no Kafka at {settings.bootstrap} ({type(error).__name__})",
                hint="start one with `kizuna kafka start`, or name yours with --bootstrap HOST:PORT",
            ) from error
        yield Journal(settings, producer)
    finally:
        await producer.stop()
