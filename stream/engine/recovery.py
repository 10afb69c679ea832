"""After a rebalance: Faust's recovery signal, our restore, then flow again.

It runs in its own task, after the rebalance callback returned. In the callback aiokafka's heartbeats stand
still, and a restore longer than the session would cost us the membership.
"""

import logging
from collections import defaultdict
from typing import Any

from faust.tables.recovery import Recovery
from mode import Service

from stream.engine.shape import added
from stream.errors import BrokerError, KizunaError

__all__ = ["BatchRecovery"]


class BatchRecovery(Recovery):
    """Faust's recovery service with its three loops replaced by one call of `Partitions.assign`."""

    logger = logging.getLogger("faust.engine")  # what Faust says through our classes stays Faust's

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):
                return
            self.signal_recovery_start.clear()
            try:
                await self._resume_streams(self._generation_id)
            except KizunaError as error:
                self.app.fail(error)
                return
            except Exception as error:  # Faust would log it and go on without partitions
                await self.app.crash(error)
                return

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """The changelog is not subscribed."""

    @Service.task
    async def _publish_stats(self) -> None:
        """`restore.py` says how far it is."""

    async def _resume_streams(self, generation_id: int = 0) -> None:
        app, consumer = self.app, self.app.consumer
        sources = set(app.engine.names.sources)
        assignment = {tp for tp in consumer.assignment() if tp.topic in sources}
        absent = sources - {tp.topic for tp in assignment}
        gone = sorted(source for source in absent if not consumer.topic_partitions(source))
        if assignment and gone:  # `shape.py` stops the worker and says whether it was created anew
            self.log.error("topics are not there, nothing is processed: %s", ", ".join(gone))
            assignment = set()
        numbers = _co_partitioned(assignment, sources, app.engine.n_partitions)
        await app.on_rebalance_complete.send()

        def alive() -> bool:
            return app.consumer_generation_id == generation_id and not self.signal_recovery_start.is_set()

        if not alive() or not await app.engine.assign(numbers, alive):
            self.log.info("another rebalance began; this one is left to it")
            return
        consumer.resume_partitions(assignment)
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        await app._fetcher.maybe_start()
        self.tables.on_actives_ready()
        self.tables.on_standbys_ready()
        app.on_rebalance_end()


def _co_partitioned(assignment: Any, sources: set[str], n_partitions: int) -> list[int]:
    """Partition numbers, each with all of its sources.

    Raises:
        BrokerError: a partition lacks a source; scoring without it would go unnoticed. Or a partition beyond
        those that were declared: it was added since the start.
    """
    grown = {tp.topic: tp.partition + 1 for tp in sorted(assignment) if tp.partition >= n_partitions}
    if grown:
        raise added(grown, n_partitions)
    topics = defaultdict(set)
    for tp in assignment:
        topics[tp.partition].add(tp.topic)
    torn = {number: sorted(sources - have) for number, have in topics.items() if have != sources}
    if torn:
        raise BrokerError(
            f"partitions assigned without all of their sources: {torn}",
            hint="run `kizuna topics check`; every member of the group must be a kizuna worker",
        )
    return sorted(topics)
