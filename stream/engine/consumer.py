"""Faust's consumer, by runs instead of records, behind a gate.

The gate: nothing is fetched while the group rebalances or a partition is not ready. Seeks are applied here,
just before a fetch, because only here none is in flight; what came back across a seek or a generation is
dropped. Faust's own pausing, acks, offset commits and seeks are out of use: back-pressure counts records per
partition, and positions live in the changelog.
"""

import asyncio
import logging
from time import monotonic
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service

from stream.engine.damage import rewound
from stream.engine.partitions import Partitions
from stream.engine.run import Run
from stream.engine.thread import BatchConsumerThread
from stream.errors import DataError

__all__ = ["BatchConsumer", "Transport"]

GATE_WAIT_S = 0.02
FULL_WAIT_S = 0.05
FETCH_WAIT_S = 0.5
PACE_S = 0.01
"""Records that come one by one are fetched some at a time: their step waits for its interval anyway."""
FEW = 1_000  # records of a fetch; with more there is a backlog, which nobody paces


class BatchConsumer(driver.Consumer):
    """One Faust message is one run of one partition."""

    logger = logging.getLogger("faust.engine")  # what Faust says through our classes stays Faust's

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._expected: dict[Any, int] = {}
        self._next_fetch = 0.0

    @property
    def _engine(self) -> Partitions:
        engine: Partitions = self.app.engine
        return engine

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # --- fetching -------------------------------------------------------------------------------------------

    async def _getmany(
        self,
        active_partitions: Any,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> dict[Any, list[Run]]:
        await asyncio.sleep(max(0.0, self._next_fetch - monotonic()))
        if self.app.rebalancing or not self.flow_active or self.app.failure is not None:
            await asyncio.sleep(GATE_WAIT_S)
            return {}
        engine = self._engine
        self._apply_seeks()
        ready = {
            tp: partition
            for tp in active_partitions
            if tp in self._expected
            and (partition := engine.owned.get(tp.partition)) is not None
            and partition.ready
        }
        crowded = engine.crowded
        open_ = {
            tp
            for tp, partition in ready.items()
            if partition.room and not (crowded and partition.on_their_way)
        }
        if not open_:
            await asyncio.sleep(GATE_WAIT_S)
            return {}
        epochs = {tp: ready[tp].epoch for tp in open_}
        generation = self.app.consumer_generation_id
        # While some are full, look again soon: they must not wait for the idle ones.
        wait_s = FETCH_WAIT_S if len(open_) == len(ready) else FULL_WAIT_S
        try:
            fetched = await super()._getmany(open_, min(timeout, wait_s))
        except DataError as error:  # it would be read again and again: no reset and no restart cures it
            self.app.fail(error)
            return {}
        few = sum(map(len, fetched.values())) < FEW
        self._next_fetch = monotonic() + PACE_S if few else 0.0
        if generation != self.app.consumer_generation_id:
            return {}
        found = {
            tp: records
            for tp, records in fetched.items()
            # A revocation that began meanwhile has forgotten what was expected.
            if records and tp in self._expected and (tp.topic, tp.partition) not in engine.seeks
        }
        for tp, records in found.items():
            if records[0].offset < self._expected[tp]:
                self.app.fail(rewound(tp.topic, tp.partition, self._expected[tp], records[0].offset))
                return {}
        return {tp: [self._run(tp, records, epochs[tp])] for tp, records in found.items()}

    def _apply_seeks(self) -> None:
        engine = self._engine
        assigned = self.assignment()
        while engine.seeks:
            (topic, number), offset = engine.seeks.popitem()
            tp = TP(topic, number)
            if tp in assigned:
                self._thread.seek(tp, offset)
                self._expected[tp] = offset
                self._read_offset[tp] = None  # or Faust drops what is read again

    def _run(self, tp: Any, records: list[Any], epoch: int) -> Run:
        run = Run(
            topic=tp.topic,
            partition=tp.partition,
            start=self._expected[tp],
            end=records[-1].offset + 1,
            epoch=epoch,
            records=records,
        )
        self._expected[tp] = run.end
        partition = self._engine.owned.get(tp.partition)
        if partition is not None and partition.epoch == epoch:
            partition.fetched(len(records))
        return run

    def _to_message(self, tp: Any, record: Run) -> Any:
        last = record.records[-1]
        return ConsumerMessage(
            last.topic,
            last.partition,
            last.offset,
            last.timestamp / 1000.0,
            0,  # type of the time
            None,  # headers, key: the run has them
            None,
            record,
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    # --- membership -----------------------------------------------------------------------------------------

    async def on_partitions_assigned(self, assigned: Any, generation_id: int = 0) -> None:
        """A join that succeeded proves membership as a heartbeat does."""
        self._thread.last_heartbeat_s = monotonic()
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Transactions in flight end here, while the group waits for us; see `Partitions.release`."""
        if self._thread.kicked_out():
            self._engine.lose()
            self.app.assignor.forget()
        self._expected.clear()
        await self._engine.release()
        await super().on_partitions_revoked(revoked)

    # --- Faust's offset machinery, out of use ---------------------------------------------------------------

    async def wait_empty(self) -> None:
        """Faust waits for half-processed messages; ours never are, only transactions can be in flight."""
        await self._engine.release()

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """`app.commit()` comes here: whatever is in flight is waited for, nothing is started."""
        await self._engine.settle()
        return True

    async def perform_seek(self) -> None:
        """Seeks are registered by the engine and applied before a fetch."""

    @Service.task
    async def _commit_handler(self) -> None:
        """Partitions commit by themselves."""

    @Service.task
    async def _commit_livelock_detector(self) -> None:
        """`watchdog.py` watches positions."""


class Transport(driver.Transport):
    """Faust's aiokafka transport with our consumer."""

    Consumer = BatchConsumer
