"""State as Faust knows it: a table by name, with a changelog topic. Reading and writing it is the engine's.

A registered table makes Faust use a co-partitioning assignor (without one: round robin, which tears a
customer's topics apart at three workers), names the changelog, and shows in `faust tables`.
"""

import logging
from typing import Any, NoReturn

from faust.exceptions import ImproperlyConfigured
from faust.tables.base import Collection
from faust.tables.manager import TableManager

from stream.engine.recovery import BatchRecovery

__all__ = ["BatchTableManager", "PartitionTable"]


class PartitionTable(Collection):
    """Columnar state of all owned partitions. Life-cycle hooks do nothing, per-key access is refused."""

    logger = logging.getLogger("faust.engine")  # what Faust says through our classes stays Faust's

    async def on_start(self) -> None:
        """No store, and the changelog is not declared from here."""

    async def on_rebalance(
        self, assigned: Any, revoked: Any, newly_assigned: Any, generation_id: int = 0
    ) -> None:
        """`Partitions.assign` restores."""

    async def on_recovery_completed(self, active_tps: Any, standby_tps: Any) -> None:
        """Nothing recovers here."""

    async def need_active_standby_for(self, tp: Any) -> bool:
        """Never: takeover reads the changelog."""
        return False

    def persisted_offset(self, tp: Any) -> None:
        """No local store."""

    def reset_state(self) -> None:
        """Memory is thrown away by partition, not by table."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise NotImplementedError("the engine owns this state; it has no per-key access")

    apply_changelog_batch = _refuse
    send_changelog = _refuse
    _has_key = _refuse
    _get_key = _refuse
    _set_key = _refuse
    _del_key = _refuse
    using_window = _refuse
    hopping = _refuse
    tumbling = _refuse
    as_ansitable = _refuse


class BatchTableManager(TableManager):
    """Registers `PartitionTable`s only, and never subscribes their changelogs."""

    logger = logging.getLogger("faust.engine")  # what Faust says through our classes stays Faust's
    _recovery: Any = None

    def add(self, table: Any) -> Any:
        """Register a table.

        Raises:
            ImproperlyConfigured: a stock table; this engine would never restore it.
        """
        if not isinstance(table, PartitionTable):
            raise ImproperlyConfigured(f"{table!r} would never be restored by this engine")
        return super().add(table)

    async def _update_channels(self) -> None:
        # Faust would subscribe the changelog here; one unread page per partition would stay in the fetcher
        # for ever.
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()

    @property
    def recovery(self) -> BatchRecovery:
        """Ours instead of Faust's."""
        if self._recovery is None:
            self._recovery = BatchRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        recovery: BatchRecovery = self._recovery
        return recovery
