"""Faust's consumer thread with three differences: read committed, a fair fetcher, times of heartbeats."""

import asyncio
import logging
from time import monotonic
from typing import Any

from aiokafka.conn import CloseReason
from aiokafka.consumer.fetcher import Fetcher, PartitionRecords
from faust.transport.drivers import aiokafka as driver

from stream.engine.fetched import unpack_by_batches

__all__ = ["BatchConsumerThread", "FairFetcher"]

BUSY_WAIT_MS = 10
IDLE_WAIT_MS = 500


class FairFetcher(Fetcher):
    """A fetcher that never lets idle partitions starve the others.

    aiokafka keeps one fetch in flight per broker and leaves out partitions with unread data. If those it
    names are idle, that fetch is a long poll, and no other partition is fetched until it returns. So: wait
    long only while nothing is unread. Records are unpacked by whole batches (`fetched.py`).
    """

    @property
    def _fetch_max_wait_ms(self) -> int:
        return BUSY_WAIT_MS if self._records else IDLE_WAIT_MS

    @_fetch_max_wait_ms.setter
    def _fetch_max_wait_ms(self, _value: int) -> None:
        pass  # Fetcher.__init__ would set a constant

    async def _proc_fetch_request(self, assignment: Any, node_id: Any, request: Any) -> Any:
        """As aiokafka's; what came is then unpacked by whole batches."""
        needs_wakeup = await super()._proc_fetch_request(assignment, node_id, request)
        for result in self._records.values():
            records = getattr(result, "_partition_records", None)  # an error has none
            if type(records) is PartitionRecords:
                unpack_by_batches(records)
        return needs_wakeup

    async def fetched_records(
        self,
        partitions: Any,
        timeout: float = 0,  # noqa: ASYNC109 - aiokafka's signature
        max_records: Any = None,
    ) -> Any:
        """As aiokafka's, but whole fetches.

        Raises:
            DataError: bytes in a source that are no Kafka record, or a header's name that is not UTF-8.
        """
        return await super().fetched_records(partitions, timeout, None)


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """Runs aiokafka's consumer in its own loop; heartbeats go on while the main loop restores or steps."""

    logger = logging.getLogger("faust.engine")  # what Faust says through our classes stays Faust's
    last_heartbeat_s = 0.0

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # Faust asks for it only in its own exactly-once mode
        return consumer

    async def on_start(self) -> None:
        """Start, then note when each answered heartbeat was sent: proof of membership at that moment."""
        await super().on_start()
        self._consumer._fetcher.__class__ = FairFetcher
        coordinator = self._consumer._coordinator
        heartbeat = coordinator._do_heartbeat

        async def noted() -> bool:
            sent = monotonic()
            try:
                async with asyncio.timeout(coordinator._session_timeout_ms / 1000):
                    answered: bool = await heartbeat()
            except TimeoutError:
                _hang_up(self._consumer)
                return False
            if answered and not coordinator._rejoin_needed_fut.done():
                self.last_heartbeat_s = sent
            return answered

        coordinator._do_heartbeat = noted

    def progress(self, tp: Any) -> tuple[int | None, int | None]:
        """How far a partition was handed over, and how far it can be, as the last fetch saw it.

        Both count what is no record: markers of upstream transactions, and records that were aborted. The end
        is the last stable offset: what lies behind it is of open transactions and cannot be read yet.

        Returns:
            next offset and end; None each while unknown.
        """
        subscription = self._consumer._subscription.subscription
        assignment = subscription.assignment if subscription is not None else None
        state = assignment.state_value(tp) if assignment is not None else None
        if state is None:
            return None, None
        stable = state.lso is not None and state.lso >= 0
        return state._position, state.lso if stable else state.highwater

    def kicked_out(self) -> bool:
        """True if the group went on without us: another worker may have owned our partitions."""
        return bool(self._consumer._coordinator.generation < 0)

    def dead_task(self) -> str | None:
        """A task of aiokafka's that ended though the consumer runs, and why; nothing would start it again."""
        consumer = self._consumer
        if consumer is None or consumer._closed:
            return None
        tasks = {
            "fetch": consumer._fetcher._fetch_task,
            "coordination": consumer._coordinator._coordination_task,
            "metadata": consumer._client._sync_task,
        }
        for name, task in tasks.items():
            if task is not None and task.done():
                return f"{name} ({'cancelled' if task.cancelled() else repr(task.exception())})"
        return None


def _hang_up(consumer: Any) -> None:
    """Close every connection: the client makes new ones at its next request.

    A connection that a router has forgotten stays open and silent; aiokafka waits on it for as long as on
    a slow answer to a join or a fetch. Without an answer for a session we are no member any more.
    """
    BatchConsumerThread.logger.warning("no heartbeat was answered for a session: new connections are made")
    consumer._coordinator.coordinator_dead()
    for connection in list(consumer._client._conns.values()):
        connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
