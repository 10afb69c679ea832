"""Every few seconds: are the topics still those that were checked at the start.

What changes under a running worker without a word from any client stops it with the reason. Partitions are
added: from then on a customer's events go to another partition than the customer's state. Records of the
changelog are deleted: memory is whole, the next restore is not. A topic is deleted, and maybe made again: the
group assigns nothing, or other events come under offsets that are known.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from stream.config import Settings
from stream.engine.damage import REBUILD, check_start, rewound
from stream.engine.restore import log_reader
from stream.engine.topics import TopicNames
from stream.errors import BrokerError, KizunaError, StateError

__all__ = ["LayoutWatch"]

log = structlog.get_logger(__name__)

EVERY_S = 5.0
PARTITIONS_PER_S = 80
"""A look costs 4 ms of CPU with 4 partitions and 25 ms with 256: thousands are looked at less often."""


class LayoutWatch:
    """Looks at the topics with a client of its own, opened for each look.

    What is missing or shorter is believed at the second look only: a broker that has just started may not
    know its topics and their ends yet.

    Args:
        settings: of the process.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._names = TopicNames.of(settings)
        self._ends: dict[TopicPartition, int] = {}
        self._doubted = False

    async def run(self, app: Any) -> None:
        """Runs until the app stops; Faust cancels it. A Kafka that is away is not judged."""
        while not app.should_stop:
            await asyncio.sleep(max(EVERY_S, self._settings.partitions / PARTITIONS_PER_S))
            try:
                async with asyncio.timeout(self._settings.connect_timeout_s):
                    await self.look(app.engine.worked())
            except (KafkaError, OSError, TimeoutError) as error:
                log.debug("topics not looked at", reason=repr(error))
            except KizunaError as error:
                app.fail(error)
                return

    async def look(self, worked: Mapping[tuple[str, int], int]) -> None:
        """Compare once.

        Args:
            worked: how far each source partition was read, as far as this worker knows.

        Raises:
            BrokerError: partitions were added, or a topic is gone.
            StateError: records of the changelog were deleted, or a source begins anew.
            KafkaError: Kafka is away.
        """
        changelog = self._names.changelog
        names = (*self._names.outputs, *self._names.sources)
        async with log_reader(self._settings, *names) as reader:
            counts = {name: len(reader.partitions_for_topic(name) or ()) for name in names}
            grown = {name: count for name, count in counts.items() if count > self._settings.partitions}
            if grown:
                raise added(grown, self._settings.partitions)
            missing = [name for name, count in counts.items() if count == 0]
            rows = [TopicPartition(changelog, number) for number in range(counts[changelog])]
            check_start(
                changelog, {part.partition: at for part, at in (await reader.beginning_offsets(rows)).items()}
            )
            sources = [TopicPartition(*place) for place in worked if counts[place[0]]]
            ends = await reader.end_offsets([*rows, *sources])
        self._judge(missing, {**self._ends, **{TopicPartition(*at): to for at, to in worked.items()}}, ends)
        if not self._doubted:
            self._ends = {part: ends[part] for part in rows}

    def _judge(
        self, missing: Sequence[str], before: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> None:
        shorter = [part for part, end in ends.items() if end < before.get(part, 0)]
        doubted, self._doubted = self._doubted, bool(missing or shorter)
        if not (doubted and self._doubted):
            return
        if missing:
            raise BrokerError(f"topics are gone: {', '.join(missing)}", hint="see `kizuna topics check`")
        part = shorter[0]
        if part.topic != self._names.changelog:
            raise rewound(part.topic, part.partition, before[part], ends[part])
        raise StateError(
            f"{part.topic}, partition {part.partition} ends at {ends[part]}, it ended at {before[part]}:"
            " it was created anew or lost rows",
            hint=REBUILD,
        )


def added(grown: dict[str, int], partitions: int) -> BrokerError:
    """The reason to stop when topics have more partitions than declared."""
    counts = "; ".join(f"{name} has {count}, not {partitions}" for name, count in sorted(grown.items()))
    return BrokerError(
        f"partitions were added: {counts}; customers no longer come in the partition that holds their state",
        hint="partitions cannot be taken back: make new topics with the new count under another"
        " --topic-prefix and --app-id (`kizuna topics create`), and feed them from the beginning",
    )
