"""A changelog of millions of customers, written by the worker's own writer: real rows, in transactions.

The rows are those of some thousand customers with a real history each, from the pure core; every customer of
the scale run has one of them. Each key goes to the partition that a producer of events would choose.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stream.alerts import rules as alert_rules
from stream.config import Settings
from stream.engine.transaction import Ledger
from stream.model import parameters
from stream.pipeline import Effects, Pipeline
from stream.pipeline.record import Record
from stream.state.layout import LAYOUT_VERSION
from stream.state.position import Position
from tests.bench.workload import DAYS, TERM_DAYS, Workload

__all__ = ["Lived", "fill", "name", "partition_of", "rows"]

BASE_CUSTOMERS = 5_000
EVENTS_EACH = 12
CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class _Sent:
    """One record as the core reads it."""

    key: bytes | None
    value: bytes | None
    offset: int
    topic: str = "interactions"
    partition: int = 0
    timestamp: int = 0
    headers: tuple[()] = ()


@dataclass(frozen=True, slots=True)
class Lived:
    """Rows of customers with a history.

    Attributes:
        values: changelog values.
        statistics: of the parameters that made them.
        watermark_ms: highest event time.
    """

    values: list[bytes]
    statistics: str
    watermark_ms: int


def name(customer: int, prefix: str = "customer") -> bytes:
    """Key of a customer, as `workload.py` writes it."""
    return f"{prefix}-{customer:06d}".encode()


def rows(now_ms: int, seed: int = 11) -> Lived:
    """Rows of `BASE_CUSTOMERS` after a month with `EVENTS_EACH` events on average.

    The month ended before the one of a `Workload` that ends now: nobody lives through the same month twice.
    Its deadlines lie beyond that one too: or a third of the customers would have a late parcel, and each
    scale run would measure a storm of alerts.
    """
    end_ms = now_ms - (DAYS + 2) * 86_400_000
    pipeline = Pipeline(parameters.load(), alert_rules.load())
    table = pipeline.new_table()
    workload = Workload(BASE_CUSTOMERS * EVENTS_EACH, BASE_CUSTOMERS, seed, end_ms, TERM_DAYS + DAYS + 2)
    # Event ids of their own: the scale run's events are no duplicates of these.
    source: list[Record] = [
        _Sent(event.key, event.value.replace(b'"e-', b'"base-e-'), i)
        for i, event in enumerate(workload.events())
    ]
    for start in range(0, len(source), CHUNK):
        pipeline.step(table, source[start : start + CHUNK], end_ms)
    values = table.encode(table.live(0, table.n_rows))
    return Lived(values, pipeline.statistics, table.watermark_ms)


async def fill(settings: Settings, lived: Lived, n_customers: int, prefix: str = "customer") -> float:
    """Write a row for each customer, and each partition's position.

    Returns:
        seconds taken.
    """
    began = time.monotonic()
    ledgers = [Ledger(settings, number) for number in range(settings.partitions)]
    for ledger in ledgers:
        await ledger.open()
    position = Position(
        offsets=dict.fromkeys(map(settings.topic, settings.sources), 0),
        watermark_ms=lived.watermark_ms,
        statistics=lived.statistics,
        layout=LAYOUT_VERSION,
        worker="bench",
    ).encode()
    try:
        for keys, homes in _chunks(n_customers, prefix, settings.partitions):
            for number, ledger in enumerate(ledgers):
                chosen = np.flatnonzero(homes == number).tolist()
                effects = Effects()
                effects.changelog = [(keys[i], lived.values[(i * 7919) % len(lived.values)]) for i in chosen]
                await ledger.write(effects, position, int(time.time() * 1000))
    finally:
        for ledger in ledgers:
            await ledger.close()
    return time.monotonic() - began


def _chunks(
    n_customers: int, prefix: str, partitions: int
) -> Iterator[tuple[list[bytes], NDArray[np.int64]]]:
    for start in range(0, n_customers, CHUNK):
        keys = [name(i, prefix) for i in range(start, min(n_customers, start + CHUNK))]
        yield keys, partition_of(keys, partitions)


def partition_of(keys: list[bytes], partitions: int) -> NDArray[np.int64]:
    """Kafka's default partition of each key (murmur2), all at once; shape (len(keys),)."""
    homes = np.empty(len(keys), np.int64)
    lengths = np.fromiter(map(len, keys), np.int64, len(keys))
    for length in np.unique(lengths).tolist():
        chosen = np.flatnonzero(lengths == length)
        data = np.frombuffer(b"".join([keys[i] for i in chosen.tolist()]), np.uint8).reshape(-1, length)
        homes[chosen] = (_murmur2(data.astype(np.uint32)) & np.uint32(0x7FFFFFFF)) % partitions
    return homes


def _murmur2(data: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Of rows of bytes of one length; 32-bit arithmetic wraps."""
    factor, seed = np.uint32(0x5BD1E995), 0x9747B28C
    length = data.shape[1]
    mixed = np.full(len(data), seed ^ length, np.uint32)
    whole = length // 4 * 4
    for at in range(0, whole, 4):
        word = _little_endian(data[:, at : at + 4]) * factor
        word = (word ^ (word >> np.uint32(24))) * factor
        mixed = (mixed * factor) ^ word
    if length > whole:
        mixed = (mixed ^ _little_endian(data[:, whole:])) * factor
    mixed = (mixed ^ (mixed >> np.uint32(13))) * factor
    return mixed ^ (mixed >> np.uint32(15))


def _little_endian(data: NDArray[np.uint32]) -> NDArray[np.uint32]:
    word = np.zeros(len(data), np.uint32)
    for k in range(data.shape[1]):
        word |= data[:, k] << np.uint32(8 * k)
    return word
