"""Every few seconds: are the topics still those that were checked at the start.

Two things change under a running worker without a word from any client. Partitions are added: from then on a
customer's events go to another partition than the customer's state. Records of the changelog are deleted:
memory is whole, the next restore is not. Either stops the worker with the reason.
"""

import asyncio
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.config import Settings
from stream.engine.damage import REBUILD, check_start
from stream.engine.restore import log_reader
from stream.engine.topics import TopicNames
from stream.errors import BrokerError, KizunaError, StateError

__all__ = ["LayoutWatch"]

log = structlog.get_logger(__name__)

EVERY_S = 10.0


class LayoutWatch:
    """Looks at the topics with a client of its own, opened for each look.

    Args:
        settings: of the process.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names = TopicNames.of(settings)
        self._ends: dict[int, int] = {}
        self._doubted = False

    async def run(self, app: Any) -> None:
        """Runs until the app stops; Faust cancels it. A Kafka that is away is not judged."""
        while not app.should_stop:
            await asyncio.sleep(EVERY_S)
            try:
                async with asyncio.timeout(self._settings.connect_timeout_s):
                    await self.look()
            except (KafkaError, OSError, TimeoutError) as error:
                log.debug("topics not looked at", reason=repr(error))
            except KizunaError as error:
                app.fail(error)
                return

    async def look(self) -> None:
        """Compare once.

        Raises:
            BrokerError: partitions were added.
            StateError: records of the changelog were deleted.
            KafkaError: Kafka is away.
        """
        names = (*self._names.outputs, *self._names.sources)
        async with log_reader(self._settings, *names) as reader:
            grown = {
                name: len(numbers)
                for name in names
                if (numbers := reader.partitions_for_topic(name)) and len(numbers) > self._settings.partitions
            }
            if grown:
                raise added(grown, self._settings.partitions)
            parts = [
                TopicPartition(self._names.changelog, number)
                for number in sorted(reader.partitions_for_topic(self._names.changelog) or ())
            ]
            starts = await reader.beginning_offsets(parts)
            ends = await reader.end_offsets(parts)
        check_start(self._names.changelog, {part.partition: starts[part] for part in parts})
        self._check_ends({part.partition: ends[part] for part in parts})

    def _check_ends(self, ends: dict[int, int]) -> None:
        """Believed at the second look only: a broker that has just started may not know its ends yet."""
        shorter = {number: end for number, end in ends.items() if end < self._ends.get(number, 0)}
        doubted, self._doubted = self._doubted, bool(shorter)
        if shorter and doubted:
            places = ", ".join(
                f"partition {number} ends at {end}, it ended at {self._ends[number]}"
                for number, end in shorter.items()
            )
            raise StateError(
                f"{self._names.changelog} is shorter than it was: {places}; was it deleted?", hint=REBUILD
            )
        if not shorter:
            self._ends = ends


def added(grown: dict[str, int], partitions: int) -> BrokerError:
    """The reason to stop when topics have more partitions than declared."""
    counts = "; ".join(f"{name} has {count}, not {partitions}" for name, count in sorted(grown.items()))
    return BrokerError(
        f"partitions were added: {counts}; customers no longer come in the partition that holds their state",
        hint="partitions cannot be taken back: make new topics with the new count under another"
        " --topic-prefix and --app-id (`kizuna topics create`), and feed them from the beginning",
    )
