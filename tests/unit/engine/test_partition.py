"""What a partition takes, refuses and forgets, before any transaction."""

import asyncio
from collections import Counter
from time import time
from types import SimpleNamespace

import pytest

from stream.config import load
from stream.engine.partition import Partition
from stream.engine.run import Run
from stream.metrics import Metrics
from stream.pipeline import Effects
from stream.state.position import Position
from tests.integration.engine.counting import CountingPipeline, CountingTable


@pytest.fixture
async def partition() -> Partition:
    """Ready at offset 10 of its one source, with steps of at most 10 records."""
    settings = load(max_uncommitted=10, sweep_interval_s=3600, commit_interval_ms=10_000)
    made = Partition(
        0,
        settings,
        CountingPipeline(),
        Metrics("v", "m"),
        "v",
        on_failure=lambda _p, error: pytest.fail(str(error)),
    )
    made.durable = {"src": 10}
    made.ahead = False
    made._next = dict(made.durable)
    made.ready = True
    return made


def run(start: int, end: int, epoch: int = 0) -> Run:
    records = [SimpleNamespace(offset=offset, timestamp=offset) for offset in range(start, end)]
    return Run("src", 0, start, end, epoch, records)


async def test_runs_that_join_are_queued(partition: Partition) -> None:
    """Consecutive runs are taken, and the oldest record is known."""
    assert partition.accept(run(10, 13)) is None
    assert partition.accept(run(13, 15)) is None
    assert (partition.pending, partition.oldest_ms) == (5, 10)


async def test_a_gap_is_refused_and_sought_again(partition: Partition) -> None:
    """A run after the next offset is not taken; the next offset is what must be sought."""
    partition.accept(run(10, 12))
    assert partition.accept(run(13, 15)) == 12
    assert partition.pending == 2


async def test_records_seen_before_are_cut(partition: Partition) -> None:
    """A run that starts too early gives only its new records; one that ends too early, none."""
    assert partition.accept(run(5, 9)) is None
    assert partition.accept(run(8, 12)) is None
    assert (partition.pending, partition.oldest_ms) == (2, 10)


async def test_a_run_of_another_epoch_is_dropped(partition: Partition) -> None:
    """After `drop` whatever was fetched before is not the next run any more."""
    partition.accept(run(10, 12))
    partition.drop()
    partition.ready = True
    assert partition.accept(run(12, 14, epoch=0)) is None
    assert partition.pending == 0


async def test_room_ends_with_a_step_on_its_way_and_comes_back(partition: Partition) -> None:
    """Back-pressure counts records that were fetched, whether delivered, cut or refused."""
    partition.fetched(10)
    assert not partition.room
    partition.accept(run(30, 40))  # refused: a gap
    assert partition.room


async def test_a_step_takes_no_more_than_its_limit_and_leaves_the_rest_in_order(partition: Partition) -> None:
    """A run that reaches beyond the limit is cut; its rest is first in the next step, natural gaps kept."""
    partition.accept(run(10, 17))
    partition.accept(run(17, 40))
    taken = []
    while partition.pending:
        runs, records = partition._take()
        assert len(records) <= 10
        assert runs[-1].end == records[-1].offset + 1
        taken += [record.offset for record in records]
    assert taken == list(range(10, 40))


def test_a_cut_run_joins_without_a_gap() -> None:
    """Offsets that no record has belong to the part before the cut, and the end stays the end."""
    whole = Run("src", 0, 10, 30, 0, [SimpleNamespace(offset=offset) for offset in (10, 14, 21)])
    first, rest = whole.split(2)
    assert rest is not None
    assert (first.start, first.end, rest.start, rest.end) == (10, 21, 21, 30)
    assert whole.split(3) == (whole, None)


async def test_nobody_waits_for_the_transaction_of_an_abandoned_partition(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kicked out of the group: a write that hangs is given up at once, and the partition must be restored."""
    hangs = asyncio.Event()

    async def write(*_arguments: object) -> None:
        hangs.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(partition.ledger, "write", write)
    partition._settings = load(commit_interval_ms=1, sweep_interval_s=3600)
    partition.begin()
    record = SimpleNamespace(offset=10, timestamp=10, key=b"k", value=b"1", topic="src", partition=0)
    partition.accept(Run("src", 0, 10, 11, partition.epoch, [record]))
    async with asyncio.timeout(5):
        await hangs.wait()
        partition.abandon()
        await partition.settle()
    assert partition.ahead
    assert not partition.ready
    await partition.close()


class _Due(CountingPipeline):
    """An alert is due once the partition has been idle for a tick."""

    def due(self, _table: CountingTable, _now_ms: int) -> Effects:
        effects = Effects()
        effects.alert_log.append((b"k", b"moved by time"))
        return effects


async def test_time_alone_moves_alerts_of_an_idle_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """No record comes, no sweep is due: what is due is written all the same, at the same position."""
    monkeypatch.setattr("stream.engine.partition.DUE_EVERY_S", 0.0)
    settings = load(sweep_interval_s=3600, commit_interval_ms=1)
    made = Partition(
        0, settings, _Due(), Metrics("v", "m"), "v", on_failure=lambda _p, error: pytest.fail(str(error))
    )
    made.durable, made.ahead = {"src": 10}, False
    written: asyncio.Future[tuple[Effects, bytes]] = asyncio.get_running_loop().create_future()

    async def write(effects: Effects, position: bytes, _now_ms: int) -> None:
        if not written.done():
            written.set_result((effects, position))

    monkeypatch.setattr(made.ledger, "write", write)
    made.begin()
    async with asyncio.timeout(5):
        effects, position = await written
    await made.close()
    assert effects.alert_log == [(b"k", b"moved by time")]
    assert Position.decode(position).offsets == {"src": 10}


class _Silence(_Due):
    """A sweep of whatever rows there are has something to say too."""

    def sweep(self, _table: CountingTable, _start: int, _stop: int, _now_ms: int) -> Effects:
        return Effects(scores=[(b"k", b"of silence")], suppressed=Counter(stale=1))


async def test_a_step_brings_what_time_moved_in_its_own_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alerts that are due and a slice of a sweep cost the records behind them no transaction more."""
    monkeypatch.setattr("stream.engine.partition.DUE_EVERY_S", 0.0)
    settings = load(sweep_interval_s=0.1, commit_interval_ms=1)
    made = Partition(
        0, settings, _Silence(), Metrics("v", "m"), "v", on_failure=lambda _p, error: pytest.fail(str(error))
    )
    made.durable, made._next, made.ready = {"src": 10}, {"src": 10}, True
    written: list[Effects] = []

    async def write(effects: Effects, *_arguments: object) -> None:
        written.append(effects)

    monkeypatch.setattr(made.ledger, "write", write)
    record = SimpleNamespace(
        offset=10, timestamp=round(time() * 1000), key=b"k", value=b"1", topic="src", partition=0
    )
    made.accept(Run("src", 0, 10, 11, 0, [record]))
    await asyncio.sleep(0.11)
    await made._step()
    (effects,) = written
    assert [key for key, _ in effects.changelog] == [b"k"]
    assert len(effects.scores) == 2
    assert effects.scores[-1] == (b"k", b"of silence")
    assert effects.alert_log[-1] == (b"k", b"moved by time")
    assert (effects.n_records, effects.suppressed["stale"]) == (1, 1)
    assert not made.ahead
