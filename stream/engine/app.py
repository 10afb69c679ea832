"""The Faust application: one agent on the sources, one table, and the engine behind them.

Extension points only: `_new_transport`, `_new_producer_transport` and the settings `TableManager` and
`PartitionAssignor`. `tests/unit/engine` pins Faust's version and the names overridden in this room.
"""

import logging
import uuid
from collections.abc import Callable
from typing import Any

import faust
import structlog

from stream import __version__
from stream.config import Settings
from stream.engine.assignor import QuotaAssignor
from stream.engine.consumer import Transport
from stream.engine.contract import Pipeline
from stream.engine.partitions import Partitions
from stream.engine.shape import LayoutWatch
from stream.engine.tables import BatchTableManager, PartitionTable
from stream.engine.watchdog import watch
from stream.errors import KizunaError
from stream.metrics import Metrics

__all__ = ["KizunaApp", "create_app"]

log = structlog.get_logger(__name__)

TABLE = "customers"
FETCH_BYTES = 4 * 1024 * 1024
HEARTBEAT_S = 1.0


class KizunaApp(faust.App):
    """A Faust app whose transport hands over runs and whose state is the engine's.

    Attributes:
        engine: the partitions this worker owns; set by `create_app`.
        failure: the reason this process stops for, None while it has none.
        on_failure: asks the process to stop; set by whoever runs the app.
    """

    logger = logging.getLogger("faust.engine")  # what Faust says through our classes stays Faust's
    engine: Partitions
    failure: KizunaError | None = None
    on_failure: Callable[[], None] | None = None

    def _new_transport(self) -> Any:
        return Transport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> Any:
        return Transport(self.conf.broker_producer, self)

    def _create_directories(self) -> None:
        """The worker writes no files."""

    @property
    def last_heartbeat_s(self) -> float:
        """See `Membership`."""
        return float(self.consumer._thread.last_heartbeat_s)

    @property
    def generation(self) -> int:
        """See `Membership`."""
        return int(self.consumer_generation_id)

    def fail(self, error: KizunaError) -> None:
        """Stop the process for this reason; the first one counts. Returns at once."""
        if self.failure is None:
            self.failure = error
            log.error("worker stops", reason=str(error), next_step=error.hint)
            if self.on_failure is not None:
                self.on_failure()

    async def on_stop(self) -> None:
        """Faust's stop waits for transactions in flight; then writers are closed."""
        await super().on_stop()
        await self.engine.close()


def _worker_name(settings: Settings) -> str:
    """Routing tables are keyed by it: it differs between workers, and nobody connects to it.

    A static member that comes back is handed its former assignment, which holds its former name.
    """
    if settings.instance_id is None:
        return uuid.uuid4().hex[:12]
    return uuid.uuid5(uuid.NAMESPACE_OID, settings.instance_id).hex[:12]


def create_app(settings: Settings, pipeline: Pipeline, metrics: Metrics) -> KizunaApp:
    """Promise an app that any Faust worker can run; nothing is connected yet."""
    app = KizunaApp(
        settings.app_id,
        broker=[f"kafka://{address.strip()}" for address in settings.bootstrap.split(",")],
        store="memory://",
        autodiscover=False,
        web_enabled=False,
        canonical_url=f"http://worker-{_worker_name(settings)}",
        datadir=str(settings.data_dir / "faust"),
        TableManager=BatchTableManager,
        PartitionAssignor=QuotaAssignor,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.instance_id,
        consumer_max_fetch_size=FETCH_BYTES,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=min(HEARTBEAT_S, settings.session_timeout_s / 3),
        broker_rebalance_timeout=settings.rebalance_timeout_s,
        broker_request_timeout=max(30.0, settings.session_timeout_s),
        stream_buffer_maxsize=4096,  # of runs; Faust's own pausing must never fire, ours counts records
        stream_wait_empty=True,
    )
    app.engine = Partitions(settings, pipeline, metrics, __version__, membership=app, stop=app.fail)
    app.tables.add(
        PartitionTable(app, name=TABLE, key_type=bytes, value_type=bytes, partitions=settings.partitions)
    )
    sources = app.topic(
        *app.engine.names.sources,
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        acks=False,  # positions are in the changelog; acks would pile up unread
    )

    @app.agent(sources, name="score")
    async def score(stream: Any) -> None:
        async for event in stream.events():
            app.engine.accept(event.message.value)

    @app.task
    async def housekeeping() -> None:
        await watch(app, settings, pipeline, metrics)

    @app.task
    async def layout() -> None:
        await LayoutWatch(settings).run(app)

    return app
