"""The bulk read of the changelog is exact: aborted transactions, small pages, the cleaner at work."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from msgspec import Raw

from stream.clock import now_ms
from stream.config import Settings
from stream.engine import pages
from stream.engine.reader import read_topic
from stream.engine.restore import log_reader, restore
from stream.engine.topics import CHANGELOG
from stream.engine.transaction import Ledger, Row
from stream.pipeline import Effects
from stream.state.position import Position
from stream.state.storm import Storm

KEYS = [b"k%03d" % i for i in range(40)]
GHOST = b"ghost"


class Held:
    """A table that only remembers."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.n_loaded = 0
        self.watermark_ms = 0
        self.storm = Storm()
        self.rules: dict[str, Raw] = {}
        self.partition = 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_rows(self) -> int:
        return len(self.rows)

    def load(self, keys: Sequence[bytes], values: Sequence[bytes | None], /) -> None:
        self.n_loaded += len(keys)
        for key, value in zip(keys, values, strict=True):
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value


def position(n: int) -> bytes:
    return Position({"interactions": n}, 0, "00000000", 1, "test").encode()


async def write_aborted(ledger: Ledger, topic: str, n: int) -> None:
    await ledger._producer.begin_transaction()
    rows: list[Row] = [(key, GHOST * 1000, []) for key in KEYS[:n]]
    await ledger._send_all((topic, rows), now_ms=now_ms())
    await ledger._producer.abort_transaction()


async def restored(settings: Settings, number: int = 0) -> tuple[Held, int]:
    """The table, and the position read with it."""
    table = Held()
    async with log_reader(settings, settings.topic(CHANGELOG)) as reader:
        found = await restore(reader, settings, {number: table})
    assert table.n_loaded == found[number].n_rows
    where = found[number].position
    return table, 0 if where is None else where.offsets["interactions"]


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Ledger]:
    ledger = Ledger(settings, 0)
    await ledger.open()
    try:
        yield ledger
    finally:
        await ledger.close()


@pytest.mark.parametrize("fetch_bytes", [20_000, pages.FETCH_BYTES])
async def test_pages_hold_what_a_consumer_reads(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, fetch_bytes: int
) -> None:
    """Committed, aborted and forgotten rows, whole in one page or cut into many: as aiokafka's consumer."""
    monkeypatch.setattr(pages, "FETCH_BYTES", fetch_bytes)
    async with opened(settings) as ledger:
        for turn in range(6):
            if turn % 2:
                await write_aborted(ledger, settings.topic(CHANGELOG), 5 * turn)
            changed = [(key, bytes([65 + turn]) * 2000) for key in KEYS[turn::3]]
            await ledger.write(Effects(changelog=changed), position(turn), now_ms())
        tombstones: list[Row] = [(key, None, []) for key in KEYS[:4]]
        await ledger._producer.begin_transaction()
        await ledger._send_all((settings.topic(CHANGELOG), tombstones), now_ms=now_ms())
        await ledger._producer.commit_transaction()
        await write_aborted(ledger, settings.topic(CHANGELOG), 3)
        await ledger.open()  # waits for the markers
        wanted = Held()
        records = await read_topic(settings, CHANGELOG)
        rows = [record for record in records if not record.key.startswith(b"\0")]
        wanted.load([record.key for record in rows], [record.value for record in rows])
        table, where = await restored(settings)
    assert table.rows == wanted.rows
    assert (table.n_loaded, where) == (len(rows), 5)
    assert len(wanted.rows) == len(KEYS) - 4


async def test_a_restore_while_the_cleaner_compacts_is_exact(settings: Settings) -> None:
    """Small segments, written, aborted, compacted and read at once: always the last committed rows."""
    truth: dict[bytes, bytes] = {}
    n_written = 0
    topic = settings.topic(CHANGELOG)
    async with eager_cleaner(settings), opened(settings) as ledger:
        began, turn = monotonic(), 0
        while True:
            turn += 1
            await write_aborted(ledger, topic, 30)
            changed = [(key, b"%06d" % turn * 2500) for key in KEYS[turn % 7 :: 2]]
            truth |= dict(changed)
            n_written += len(changed)
            await ledger.write(Effects(changelog=changed), position(turn), now_ms())
            if turn % 4 == 0:
                await ledger.open()
                table, where = await restored(settings)
                assert where == turn
                assert table.rows == truth
                if table.n_loaded < n_written / 2 and turn >= 40:
                    break
            assert monotonic() - began < 90, f"never compacted: {n_written} rows written"


@asynccontextmanager
async def eager_cleaner(settings: Settings) -> AsyncIterator[None]:
    """Segments of a MiB, cleaned as soon as one is rolled; the broker's own setting is put back."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await admin.start()
    try:
        (broker,) = (str(node["node_id"]) for node in (await admin.describe_cluster())["brokers"])
        await admin.alter_configs(
            [
                ConfigResource(
                    ConfigResourceType.TOPIC,
                    settings.topic(CHANGELOG),
                    {
                        "cleanup.policy": "compact",
                        "segment.bytes": "1048576",
                        "min.cleanable.dirty.ratio": "0.01",
                        "delete.retention.ms": "100",
                        "max.message.bytes": "1048576",
                    },
                )
            ]
        )
        eager = ConfigResource(ConfigResourceType.BROKER, broker, {"log.cleaner.backoff.ms": "100"})
        await admin.alter_configs([eager])
        await asyncio.sleep(0.2)
        yield
        await admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, broker, {})])
    finally:
        await admin.close()
