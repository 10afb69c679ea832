"""The partitions this worker owns, from assignment to revocation, and what happens to one that fails.

Assign (never in the rebalance callback: heartbeats stand still there), for new and bad partitions, in
parallel:
    1  close what was lost
    2  open the writer: fences the previous owner and ends its transaction
    3  cover transactions that were completed without a marker
    4  bulk read of the changelog to its end; one that lost rows stops the process (`damage.py`)
    5  position; a log start behind it is counted as lost records
    6  the generation is still the one we were assigned in, or the next rebalance does all of it again
    7  register seeks, epoch + 1, ready
Revoke: drop what is not yet in a step, wait for transactions in flight under a limit, keep memory that is
level with the log. Kicked out: nothing is kept, another worker may have written. Failure: not ready, epoch +
1, writer closed; after a heartbeat answered *later* than the failure, in the same generation, steps 2 to 7
for that partition. Three failures of one partition within a minute stop the process.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from time import monotonic

import structlog
from aiokafka.errors import KafkaError

from stream.config import Settings
from stream.engine.contract import Pipeline
from stream.engine.damage import named
from stream.engine.membership import Membership
from stream.engine.orphans import cover_orphans
from stream.engine.partition import Partition
from stream.engine.place import check_log_start, place
from stream.engine.restore import log_reader, restore
from stream.engine.run import Run
from stream.engine.topics import TopicNames
from stream.errors import BrokerError, KizunaError, StateError
from stream.metrics import Metrics

__all__ = ["Partitions"]

log = structlog.get_logger(__name__)

MAX_FAULTS = 3
FAULT_WINDOW_S = 60.0
RETRY_S = 0.5
MAX_STEPS_WAITING = 4
"""Full steps' worth of records that may wait in one worker, whatever the number of its partitions."""


class Partitions:
    """All partitions of this worker. Every method runs on the main loop.

    Args:
        settings: of the process.
        pipeline: the pure core, shared by all partitions.
        metrics: of the process.
        worker: version, for the position row.
        membership: this worker's standing in the group.
        stop: ends the process with a reason; called at most once per reason, returns at once.
    """

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        metrics: Metrics,
        worker: str,
        membership: Membership,
        stop: Callable[[KizunaError], None],
    ) -> None:
        self.names = TopicNames.of(settings)
        self.owned: dict[int, Partition] = {}
        self.seeks: dict[tuple[str, int], int] = {}
        self.settled = False
        self.opening = False
        self._settings = settings
        self._pipeline = pipeline
        self._metrics = metrics
        self._worker = worker
        self._membership = membership
        self._stop = stop
        self._passed: dict[tuple[str, int], int] = {}
        self._unwritten: dict[int, dict[str, int]] = {}
        self._faults: dict[int, deque[float]] = defaultdict(lambda: deque(maxlen=MAX_FAULTS))
        self._resets: dict[int, asyncio.Task[None]] = {}

    @property
    def ready(self) -> bool:
        """Every owned partition processes and the group is at rest; true also for a worker without any."""
        return self.settled and all(partition.ready for partition in self.owned.values())

    @property
    def n_partitions(self) -> int:
        """That every topic had at the start."""
        return self._settings.partitions

    def worked(self) -> dict[tuple[str, int], int]:
        """How far each source partition was read that this worker owns or once owned; it may be further."""
        return self._passed | {
            (topic, number): partition.durable[topic]
            for number, partition in self.owned.items()
            for topic in self.names.sources
            if topic in partition.durable
        }

    def is_written(self, partition: Partition) -> bool:
        """Whether a position row stands behind the partition's durable position."""
        return self._unwritten.get(partition.number) != partition.durable

    @property
    def crowded(self) -> bool:
        """So many records wait in all partitions together that only those without any may fetch more.

        What waits is memory: it must not grow with the number of partitions a worker owns.
        """
        waiting = sum(partition.on_their_way for partition in self.owned.values())
        return waiting >= MAX_STEPS_WAITING * self._settings.max_uncommitted

    # --- data -----------------------------------------------------------------------------------------------

    def accept(self, run: Run) -> None:
        """Hand a run to its partition. Never waits, never raises."""
        partition = self.owned.get(run.partition)
        if partition is None:
            self._metrics.stale_runs += 1
            return
        seek = partition.accept(run)
        if seek is not None:
            self.seeks[run.topic, run.partition] = seek

    # --- membership -----------------------------------------------------------------------------------------

    async def assign(self, numbers: Collection[int], alive: Callable[[], bool]) -> bool:
        """Own exactly these partitions.

        Args:
            numbers: as assigned.
            alive: False as soon as another rebalance has begun.

        Returns:
            False if another rebalance began meanwhile; then nothing is ready.

        Raises:
            KizunaError: the process must stop.
        """
        self._metrics.rebalances += 1
        self._passed = self.worked()
        for number in [number for number in self.owned if number not in numbers]:
            await self.owned.pop(number).close()
        for number in numbers:
            if number not in self.owned:
                self.owned[number] = self._new(number)
        bad = [self.owned[number] for number in sorted(numbers) if self.owned[number].ahead]
        if not await self._open(bad, alive) or not alive():
            return False
        for number in numbers:
            self._go(self.owned[number])
        self.settled = True
        log.info(
            "partitions ready",
            generation=self._membership.generation,
            partitions=sorted(numbers),
            restored=[part.number for part in bad],
        )
        return True

    def lose(self) -> None:
        """Kicked out of the group: others may have written; nothing in memory is trusted any more."""
        for partition in self.owned.values():
            partition.abandon()

    async def release(self) -> None:
        """Stop taking records everywhere and wait for transactions in flight, under `revoke_limit_s`.

        A partition whose transaction does not end in time stays ahead and is restored by whoever owns it
        next.
        """
        self.settled = self._metrics.ready = False
        for partition in self.owned.values():
            partition.drop()
        self.seeks.clear()
        resets = list(self._resets.values())
        for reset in resets:
            reset.cancel()
        await asyncio.gather(*resets, return_exceptions=True)
        await self.settle()

    async def settle(self) -> None:
        """Wait for transactions in flight, `revoke_limit_s` at most."""
        try:
            async with asyncio.timeout(self._settings.revoke_limit_s):
                await asyncio.gather(*(partition.settle() for partition in self.owned.values()))
        except TimeoutError:
            log.warning("transactions still in flight at the end of the revocation limit")

    async def close(self) -> None:
        """Let go of everything. Idempotent."""
        await self.release()
        await asyncio.gather(*(partition.close() for partition in self.owned.values()))
        self.owned.clear()

    # --- opening --------------------------------------------------------------------------------------------

    def _new(self, number: int) -> Partition:
        return Partition(
            number, self._settings, self._pipeline, self._metrics, self._worker, on_failure=self.fail
        )

    def _go(self, partition: Partition) -> None:
        for topic, offset in partition.begin().items():
            self.seeks[topic, partition.number] = offset

    async def _open(self, partitions: Sequence[Partition], alive: Callable[[], bool]) -> bool:
        """Steps 2 to 5, repeated while Kafka is away; False if `alive` turned false."""
        give_up = monotonic() + 2 * self._settings.request_timeout_s
        while partitions:
            try:
                self.opening = True
                await self._open_once(partitions)
            except (KafkaError, OSError) as error:
                if monotonic() > give_up:
                    raise BrokerError(
                        f"partitions cannot be opened: {error!r}",
                        hint="look at the brokers' logs, then start again",
                    ) from error
                log.warning("opening partitions again", reason=repr(error))
                await asyncio.sleep(RETRY_S)
            else:
                break
            finally:
                self.opening = False
            if not alive():
                return False
        return True

    async def _open_once(self, partitions: Sequence[Partition]) -> None:
        began = monotonic()
        await asyncio.gather(*(partition.close() for partition in partitions))
        results = await asyncio.gather(*(part.ledger.open() for part in partitions), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        async with log_reader(self._settings, *self.names.outputs, *self.names.sources) as reader:
            ledgers = {partition.number: partition.ledger for partition in partitions}
            await check_log_start(reader, self.names.changelog, ledgers)
            self._metrics.orphans += await cover_orphans(reader, self._settings, ledgers)
            for partition in partitions:
                partition.table = self._pipeline.new_table()
            tables = {partition.number: partition.table for partition in partitions}
            try:
                restored = await restore(reader, self._settings, tables)
            except StateError as error:
                raise await named(self._settings, tables, self._pipeline.new_table, error) from error
            await place(
                reader, self._settings, self._pipeline.statistics, self._metrics, partitions, restored
            )
        for partition in partitions:
            self._unwritten.pop(partition.number, None)
            if restored[partition.number].position is None:
                self._unwritten[partition.number] = dict(partition.durable)
            partition.ahead = False
        n_rows = sum(part.n_rows for part in restored.values())
        seconds = monotonic() - began
        self._metrics.restored_rows += n_rows
        self._metrics.restore_seconds += seconds
        log.info("restored", partitions=sorted(tables), rows=n_rows, seconds=round(seconds, 2))

    # --- failure --------------------------------------------------------------------------------------------

    def fail(self, partition: Partition, error: Exception) -> None:
        """Reset one partition after a fault of its own, or stop the process. Returns at once."""
        partition.drop()
        partition.ahead = True
        number = partition.number
        if self.owned.get(number) is not partition or number in self._resets:
            return
        fault = type(error).__name__
        self._metrics.resets[fault] += 1
        log.error("partition reset", partition=number, fault=fault, reason=str(error)[:500], exc_info=error)
        faults = self._faults[number]
        faults.append(monotonic())
        if len(faults) == MAX_FAULTS and faults[-1] - faults[0] < FAULT_WINDOW_S:
            self._stop(
                KizunaError(
                    f"partition {number} failed {MAX_FAULTS} times in {FAULT_WINDOW_S:.0f} s: {error!r}",
                    hint="state is safe in the changelog; see the log above, then start again",
                )
            )
            return
        task = asyncio.create_task(self._reset(partition), name=f"reset-{number}")
        self._resets[number] = task
        task.add_done_callback(lambda _task: self._resets.pop(number, None))

    async def _reset(self, partition: Partition) -> None:
        failed_at, generation = monotonic(), self._membership.generation

        def alive() -> bool:
            return (
                self._membership.generation == generation
                and not self._membership.rebalancing
                and self.owned.get(partition.number) is partition
            )

        try:
            await partition.close()
            # A thawed zombie must not fence the rightful owner: first hear from the group that we are still
            # in it.
            while self._membership.last_heartbeat_s <= failed_at:
                await asyncio.sleep(0.1)
                if not alive():
                    return
            if await self._open([partition], alive) and alive():
                self._go(partition)
        except KizunaError as error:
            self._stop(error)
        except Exception as error:  # a partition that stays closed would go unnoticed
            log.exception("reset failed", partition=partition.number)
            self._stop(
                KizunaError(
                    f"partition {partition.number} cannot be restored: {error!r}",
                    hint="state is safe in the changelog; see the log above, then start again",
                )
            )
