"""What nobody should do to a worker's topics, and somebody does."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from stream.config import Settings
from stream.engine.restore import log_reader
from stream.engine.topics import TopicNames, declared

VERIFICATION = "transaction.partition.verification.enable"

Written = tuple[bytes | None, bytes | None]


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[Any]:
    """Kafka's admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def producer(settings: Settings, **other: Any) -> AsyncIterator[Any]:
    """A producer that is no worker's, unless it takes a worker's transactional id."""
    made = AIOKafkaProducer(bootstrap_servers=settings.bootstrap, linger_ms=0, **other)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def write_rows(settings: Settings, partition: int, rows: Iterable[Written]) -> None:
    """Put records into a changelog partition, outside any transaction."""
    async with producer(settings) as writer:
        for key, value in rows:
            await writer.send_and_wait(
                settings.topic("customers-changelog"), value, key=key, partition=partition
            )


async def delete_before(settings: Settings, topic: str, offsets: dict[int, int]) -> None:
    """Move the start of a topic's log as kafka-delete-records does, and as a retention would.

    Kafka refuses it of a topic that is only compacted, so its policy is another one meanwhile.
    """
    name = settings.topic(topic)
    config = next(declared_.config for declared_ in declared(settings) if declared_.name == name)
    async with admin(settings) as client:
        for policy in ("compact,delete", config.get("cleanup.policy", "delete")):
            changed = ConfigResource(
                ConfigResourceType.TOPIC, name, configs=config | {"cleanup.policy": policy}
            )
            await client.alter_configs([changed])
            if policy == "compact,delete":
                await asyncio.sleep(0.5)
                await client.delete_records(
                    {TopicPartition(name, number): RecordsToDelete(to) for number, to in offsets.items()}
                )


async def add_partitions(settings: Settings, topic: str, count: int) -> None:
    """Give a topic so many partitions."""
    async with admin(settings) as client:
        await client.create_partitions({settings.topic(topic): NewPartitions(count)})


async def delete_topic(settings: Settings, topic: str) -> None:
    """Delete one topic; returns when it is gone."""
    name = settings.topic(topic)
    async with admin(settings) as client:
        await client.delete_topics([name])
        while True:
            if name not in await client.list_topics():
                return
            await asyncio.sleep(0.1)


async def ends(settings: Settings, isolation: str = "read_uncommitted") -> dict[tuple[str, int], int]:
    """Where every partition that workers write ends; markers count, so nothing is written unnoticed."""
    outputs = TopicNames.of(settings).outputs
    parts = [TopicPartition(topic, number) for topic in outputs for number in range(settings.partitions)]
    async with log_reader(settings, *outputs, isolation=isolation) as reader:
        return {(part.topic, part.partition): end for part, end in (await reader.end_offsets(parts)).items()}


async def _verify(settings: Settings, value: str) -> None:
    async with admin(settings) as client:
        broker = ConfigResource(ConfigResourceType.BROKER, "1", configs={VERIFICATION: value})
        await client.alter_configs([broker])
        while True:
            [answer] = await client.describe_configs([ConfigResource(ConfigResourceType.BROKER, "1")])
            entries = {entry[0]: entry[1] for entry in answer.resources[0][4]}
            if entries[VERIFICATION] == value:
                return
            await asyncio.sleep(0.05)


async def plant_orphan(settings: Settings, partition: int, rows: dict[str, Written]) -> None:
    """Rows of a partition's own writer whose transaction ended without a marker in these topics.

    The state a broker killed in PREPARE_COMMIT once left behind: the records are there under the writer's
    transactional id, the coordinator knows nothing of them and will never mark them. Kafka refuses to make it
    (partition verification), so that is off while it is made.

    Args:
        settings: of the workers.
        partition: of the writer and of the rows.
        rows: key and value by topic.
    """
    await _verify(settings, "false")
    try:
        async with producer(settings, transactional_id=f"{settings.app_id}-{partition}") as writer:
            await writer.begin_transaction()
            known: set[TopicPartition] = writer._txn_manager._txn_partitions
            for topic, (key, value) in rows.items():
                name = settings.topic(topic)
                known.add(TopicPartition(name, partition))  # so that it is not announced to the coordinator
                await writer.send_and_wait(name, value, key=key, partition=partition)
            known.clear()
            await writer.commit_transaction()  # of nothing, for all the coordinator knows
    finally:
        await _verify(settings, "true")
