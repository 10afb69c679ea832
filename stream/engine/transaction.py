"""One partition's writer: everything one step wants written, in one transaction, or nothing of it.

The transactional id belongs to the source partition, not to the worker: `open` fences whoever wrote it
before, so a partition has one writer even when two workers believe they own it. Commit order, the only place
it is written:

    1  begin
    2  changelog rows, position row last · scores · alerts · alert log · dead letters, each to the partition's
    number
    3  wait for *every* batch: aiokafka would commit a transaction one of whose sends was refused
    4  commit, within a time limit
    5  only then does the caller count the position as durable

Any exception, a cancellation included, leaves the outcome unknown. The caller must then close this writer and
restore from the log: aborting and going on would leave memory ahead of it.
"""

import asyncio
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer

from schemas.dead_letter import PREFIX
from stream.config import Settings
from stream.engine.topics import TopicNames
from stream.pipeline import Effects
from stream.state.position import POSITION_KEY

__all__ = ["MAX_LETTER_BYTES", "Ledger", "Row", "letter"]

log = structlog.get_logger(__name__)

RETRY_BACKOFF_MS = 20
"""aiokafka's wait before it repeats a transaction request; its default of 100 halves the rate of commits."""

CLOSE_LIMIT_S = 2.0

MAX_LETTER_BYTES = 8 * 1024 * 1024
"""Of a dead letter's key, value and headers; its topic takes 9 MiB, framing included."""

KEPT_BYTES = 1024 * 1024
TRUNCATED = "kizuna.truncated"
SHA256 = "kizuna.sha256"

Headers = list[tuple[str, bytes | None]]

NO_HEADERS: Headers = []

Row = tuple[bytes | None, bytes | None, Headers]


class Ledger:
    """The transactional producer of one partition.

    Args:
        settings: of the process.
        partition: number of the source partition; outputs go to the same number.
    """

    def __init__(self, settings: Settings, partition: int) -> None:
        self._settings = settings
        self._names = TopicNames.of(settings)
        self._partition = partition
        self._producer: Any = None

    @property
    def transactional_id(self) -> str:
        """Same for every worker that may own this partition."""
        return f"{self._settings.app_id}-{self._partition}"

    async def open(self) -> None:
        """Fence the previous writer and end its transaction; returns when that is marked in the log.

        Raises:
            KafkaError: not now; nothing is left open.
        """
        await self.close()
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.bootstrap,
            transactional_id=self.transactional_id,
            transaction_timeout_ms=int(self._settings.transaction_timeout_s * 1000),
            request_timeout_ms=int(self._settings.request_timeout_s * 1000),
            retry_backoff_ms=RETRY_BACKOFF_MS,
            max_batch_size=self._settings.batch_bytes,
            linger_ms=0,
        )
        self._producer = producer
        try:
            await producer.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Let go of the producer, whatever state it is in. Idempotent; bounded."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            await asyncio.wait_for(producer.stop(), CLOSE_LIMIT_S)
        except Exception as error:  # whatever it is: the next `open` fences this producer
            log.warning("producer left behind", partition=self._partition, reason=repr(error))

    async def write(self, effects: Effects, position: bytes, now_ms: int) -> None:
        """One transaction with the effects and the position they lead to.

        Returns only when committed; see the module for the order and for what an exception means.
        """
        limit_s = 2 * self._settings.request_timeout_s
        async with asyncio.timeout(limit_s):
            await self._producer.begin_transaction()
            names = self._names
            await self._send_all(
                (names.changelog, _plain([*effects.changelog, (POSITION_KEY, position)])),
                (names.scores, _plain(effects.scores)),
                (names.alerts, _plain(effects.alerts)),
                (names.alert_log, _plain(effects.alert_log)),
                (names.dead_letters, (letter(d.key, d.value, d.headers) for d in effects.dead_letters)),
                now_ms=now_ms,
            )
            await self._producer.commit_transaction()

    async def cover(self, topics: Iterable[str], now_ms: int) -> None:
        """Write one record to each topic and abort: the abort marker also covers older rows without one."""
        await self._producer.begin_transaction()
        await self._send_all(*((topic, [(POSITION_KEY, b"", NO_HEADERS)]) for topic in topics), now_ms=now_ms)
        await self._producer.abort_transaction()

    async def _send_all(self, *outputs: tuple[str, Iterable[Row]], now_ms: int) -> None:
        """Send to every topic side by side; wait for every batch before the first refusal is raised."""
        sent: list[asyncio.Future[Any]] = []
        sends = await asyncio.gather(
            *(self._send(topic, rows, now_ms, sent) for topic, rows in outputs), return_exceptions=True
        )
        results = [*sends, *await asyncio.gather(*sent, return_exceptions=True)]
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _send(
        self, topic: str, rows: Iterable[Row], now_ms: int, sent: list[asyncio.Future[Any]]
    ) -> None:
        batch = None
        for key, value, headers in rows:
            if batch is None:
                batch = self._producer.create_batch()
            if batch.append(timestamp=now_ms, key=key, value=value, headers=headers) is None:  # full
                sent.append(await self._producer.send_batch(batch, topic, partition=self._partition))
                batch = self._producer.create_batch()
                # An empty batch takes one record of any size: a dead letter may be larger than a batch.
                batch.append(timestamp=now_ms, key=key, value=value, headers=headers)
        if batch is not None:
            sent.append(await self._producer.send_batch(batch, topic, partition=self._partition))


def _plain(rows: Iterable[tuple[bytes, bytes]]) -> Iterable[Row]:
    return ((key, value, NO_HEADERS) for key, value in rows)


def letter(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> Row:
    """A dead letter as its topic can take it: cut when a compressed record came out larger than that.

    What was cut is named: `kizuna.truncated` has the length of the original value, `kizuna.sha256` its hash
    in hex. If key and headers alone are too large, only our headers stay and the key is cut like the value.

    Returns:
        key, value and headers of at most `MAX_LETTER_BYTES` together.
    """
    if _size(key, value, headers) <= MAX_LETTER_BYTES:
        return key, value, list(headers)
    whole = value or b""
    cut = [
        *headers,
        (TRUNCATED, str(len(whole)).encode()),
        (SHA256, sha256(whole).hexdigest().encode()),
    ]
    if _size(key, whole[:KEPT_BYTES], cut) > MAX_LETTER_BYTES:
        cut = [(name, content) for name, content in cut if name.startswith(PREFIX)]
        key = key and key[:KEPT_BYTES]
    return key, value and value[:KEPT_BYTES], cut


def _size(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]) -> int:
    """Bytes, with an ample allowance for the lengths in between."""
    lengths = sum(len(name.encode()) + len(content or b"") + 20 for name, content in headers)
    return len(key or b"") + len(value or b"") + lengths
