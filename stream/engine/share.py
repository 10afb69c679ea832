"""Which partitions are this process's, of those that run with the same name: Kafka's group decides.

For work that nobody may do twice at once and that commits no offsets: nothing is ever fetched.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from stream.config import Settings
from stream.engine.restore import let_go

__all__ = ["Share"]

log = structlog.get_logger(__name__)

AGAIN_S = 2.0


class Share:
    """This process's membership.

    Args:
        settings: where Kafka is; how long a silent member is waited for.
        topic: registry name of the topic whose partitions are shared out.
        role: the group is called after it and the application.
        on_lost: awaited before partitions go to another member; must end within some seconds.
    """

    def __init__(
        self, settings: Settings, topic: str, role: str, on_lost: Callable[[], Awaitable[None]]
    ) -> None:
        self.owned: frozenset[int] = frozenset()
        self._settings, self._topic, self._on_lost = settings, settings.topic(topic), on_lost
        self._group = f"{settings.app_id}-{role}"

    async def run(self) -> None:
        """Take part until cancelled. A Kafka that is away is waited out: then nothing is ours."""
        while True:
            try:
                await self._take_part()
            except (KafkaError, OSError) as error:
                log.warning("no group without Kafka, asking again", group=self._group, reason=repr(error))
            self.owned = frozenset()
            await asyncio.sleep(AGAIN_S)

    async def _take_part(self) -> None:
        settings = self._settings
        member = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="latest",
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(settings.session_timeout_s * 1000 / 3),
            rebalance_timeout_ms=int(settings.rebalance_timeout_s * 1000),
            request_timeout_ms=int(settings.request_timeout_s * 1000),
        )
        try:
            member.subscribe([self._topic], listener=_Listener(self, member))
            await member.start()
            while True:
                await member.getmany(timeout_ms=1000)  # says that we are alive; all is paused
        finally:
            self.owned = frozenset()
            await let_go(member)

    async def lost(self) -> None:
        """What was ours may be another's from now on."""
        self.owned = frozenset()
        await self._on_lost()

    def gained(self, numbers: frozenset[int]) -> None:
        """These are ours now."""
        self.owned = numbers
        log.info("partitions shared out", group=self._group, ours=sorted(numbers))


class _Listener(ConsumerRebalanceListener):
    def __init__(self, share: Share, member: Any) -> None:
        self._share, self._member = share, member

    async def on_partitions_revoked(self, revoked: Any) -> None:
        await self._share.lost()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        self._member.pause(*assigned)
        self._share.gained(frozenset(part.partition for part in assigned))
