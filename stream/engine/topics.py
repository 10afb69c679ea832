"""Topics as declared against topics as they are: created on request, checked before every start.

Checked because the failures are silent later: a missing changelog hangs a restore, a missing source is
ignored by Faust, unequal partition counts tear a customer's topics apart, and a small `max.message.bytes`
refuses a dead letter. How a source is kept is its writer's business: only its partitions are checked.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from schemas.registry import TOPICS
from stream.config import Settings
from stream.errors import BrokerError

__all__ = [
    "CHANGELOG",
    "COMMANDS",
    "NOTIFY",
    "SIDE_TOPICS",
    "Declared",
    "TopicNames",
    "answers",
    "check_topics",
    "create_topics",
    "declared",
    "delete_topics",
    "has_topic",
]

CHANGELOG = "customers-changelog"

COMMANDS = "alert-commands"

NOTIFY = ("alerts", "notify-ledger", "notify-dead-letters")
"""All that `kizuna notify` needs."""

SIDE_TOPICS = frozenset({"privacy-commands", "segments", *NOTIFY[1:]})
"""Declared and created, but not read or written by the worker: a cluster without them is good enough."""

CHECKED_CONFIG = ("cleanup.policy", "max.message.bytes")

POLL_S = 0.1  # creation and deletion are answered before they have happened everywhere

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Declared:
    """One topic as it must be on the cluster.

    Attributes:
        name: on the cluster.
        partitions: exactly so many.
        config: what it is created with.
        needed: a worker does not start without it.
        theirs: a source: whoever writes it decides how it is kept, so its `config` is not checked.
    """

    name: str
    partitions: int
    config: dict[str, str]
    needed: bool
    theirs: bool


@dataclass(frozen=True, slots=True)
class TopicNames:
    """Names on the cluster of everything a worker reads or writes.

    `sources` is everything that is read, each with its place in the position row: `interactions`, the topics
    of them as configured, and after them the topic of `commands`.
    """

    sources: tuple[str, ...]
    interactions: tuple[str, ...]
    commands: str
    changelog: str
    scores: str
    alerts: str
    alert_log: str
    dead_letters: str

    @classmethod
    def of(cls, settings: Settings) -> "TopicNames":
        """Names under these settings' prefix and application id."""
        interactions = tuple(settings.topic(name) for name in settings.sources if name != COMMANDS)
        commands = settings.topic(COMMANDS)
        return cls(
            sources=(*interactions, commands),
            interactions=interactions,
            commands=commands,
            changelog=settings.topic(CHANGELOG),
            scores=settings.topic("scores"),
            alerts=settings.topic("alerts"),
            alert_log=settings.topic("alert-log"),
            dead_letters=settings.topic("dead-letters"),
        )

    @property
    def outputs(self) -> tuple[str, ...]:
        """Topics that only workers write, each partition by its owner alone."""
        return (self.changelog, self.scores, self.alerts, self.alert_log, self.dead_letters)


def declared(settings: Settings) -> list[Declared]:
    """Every topic of the registry, plus further sources shaped like `interactions`.

    All have the same number of partitions: an output record goes to the partition its source record came
    from.
    """
    specs = {name: spec.config for name, spec in TOPICS.items()}
    for source in settings.sources:
        specs.setdefault(source, TOPICS["interactions"].config)
    return [
        Declared(
            name=settings.topic(name),
            partitions=settings.partitions,
            config={key: str(value) for key, value in config.items()},
            needed=name not in SIDE_TOPICS,
            theirs=name in settings.sources,
        )
        for name, config in specs.items()
    ]


def create_topics(
    settings: Settings, config: Mapping[str, Mapping[str, str]] = MappingProxyType({})
) -> list[str]:
    """Make the declared topics that are missing; those that exist are left as they are.

    Returns once Kafka describes them: a worker may start.

    Args:
        settings: where, and how topics are called.
        config: by registry name, settings that differ from the declared ones.

    Returns:
        names that were created.

    Raises:
        BrokerError: Kafka is unreachable or refuses.
    """
    return asyncio.run(_within(settings, _create(settings, config)))


def delete_topics(settings: Settings) -> list[str]:
    """Remove the declared topics of this prefix and application, with all that is in them.

    Returns once they and the group's offsets in them are gone, so that they may be created again.

    Returns:
        names that were deleted.

    Raises:
        BrokerError: Kafka is unreachable or refuses, or they are not gone in time.
    """
    return asyncio.run(_within(settings, _delete(settings)))


def check_topics(settings: Settings, only: Sequence[str] = ()) -> None:
    """Promise that a worker can start on these topics.

    Args:
        settings: where, and how topics are called.
        only: registry names of what another process needs instead of all that a worker does.

    Raises:
        BrokerError: unreachable in bounded time; or the list of what is missing or not as declared.
    """
    asyncio.run(_within(settings, _check(settings, only)))


def has_topic(settings: Settings, name: str) -> bool:
    """Whether the cluster has the topic of this registry name, under these settings' prefix.

    Raises:
        BrokerError: Kafka is unreachable in bounded time.
    """
    return asyncio.run(_within(settings, _has(settings, settings.topic(name))))


async def _has(settings: Settings, name: str) -> bool:
    async with _admin(settings) as admin:
        return name in await admin.list_topics()


async def answers(settings: Settings) -> bool:
    """Whether Kafka answers a new client now, within the connect timeout."""
    try:
        async with asyncio.timeout(settings.connect_timeout_s), _admin(settings):
            return True
    except (KafkaError, OSError, TimeoutError):
        return False


async def _within(settings: Settings, work: Awaitable[T]) -> T:
    try:
        return await asyncio.wait_for(work, settings.connect_timeout_s)
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(
            f"no Kafka at {settings.bootstrap} ({type(error).__name__})",
            hint="start one with `kizuna kafka start`, or name yours with --bootstrap HOST:PORT",
        ) from error


async def _delete(settings: Settings) -> list[str]:
    async with _admin(settings) as admin:
        existing = set(await admin.list_topics())
        names = [topic.name for topic in declared(settings) if topic.name in existing]
        if not names:
            return []
        response = await admin.delete_topics(names)
        refused = [f"{row[0]}: error {row[1]}" for row in response.topic_error_codes if row[1] != 0]
        if refused:
            raise BrokerError(
                f"Kafka refused to delete topics: {'; '.join(refused)}",
                hint="ask for the right to delete them, or choose another --topic-prefix",
            )
        while True:
            if not await _is_left(admin, settings, names):
                return names
            await asyncio.sleep(POLL_S)


async def _is_left(admin: Any, settings: Settings, names: list[str]) -> bool:
    """Whether a topic is still there, or an offset in it: a wrong start for its successor."""
    if set(names) & set(await admin.list_topics()):
        return True
    offsets = await admin.list_consumer_group_offsets(settings.app_id)
    return any(part.topic in names for part in offsets)


async def _create(settings: Settings, config: Mapping[str, Mapping[str, str]]) -> list[str]:
    special = {settings.topic(name): dict(values) for name, values in config.items()}
    async with _admin(settings) as admin:
        existing = set(await admin.list_topics())
        missing = [topic for topic in declared(settings) if topic.name not in existing]
        if not missing:
            return []
        response = await admin.create_topics(
            [
                NewTopic(
                    name=topic.name,
                    num_partitions=topic.partitions,
                    replication_factor=settings.replication,
                    topic_configs=topic.config | special.get(topic.name, {}),
                )
                for topic in missing
            ]
        )
        already_exists = 36  # made by someone else since we looked
        refused = [
            f"{name}: {message}"
            for name, code, message in response.topic_errors
            if code not in (0, already_exists)
        ]
        if refused:
            raise BrokerError(
                f"Kafka refused topics: {'; '.join(refused)}",
                hint="compare --replication with the number of brokers; ask for the right to create topics",
            )
        created = [topic.name for topic in missing]
        while True:
            if len(await _described(admin, created)) == len(created):
                return created
            await asyncio.sleep(POLL_S)


async def _described(admin: Any, names: list[str]) -> dict[str, int]:
    """Number of partitions of each topic that is there."""
    rows = await admin.describe_topics(names)
    return {row["topic"]: len(row["partitions"]) for row in rows if row["error_code"] == 0}


async def _check(settings: Settings, only: Sequence[str]) -> None:
    names = {settings.topic(name) for name in only}
    async with _admin(settings) as admin:
        wanted = [t for t in declared(settings) if (t.name in names if names else t.needed)]
        described = await _described(admin, [topic.name for topic in wanted])
        missing = [topic.name for topic in wanted if topic.name not in described]
        if missing:
            raise BrokerError(
                f"missing on {settings.bootstrap}: {', '.join(missing)}",
                hint=f"create them with `{_create_command(settings)}`",
            )
        wrong = [
            f"{topic.name} has {n}, not {topic.partitions}"
            for topic in wanted
            if (n := described[topic.name]) != topic.partitions
        ]
        if wrong:
            raise BrokerError(
                f"wrong partition counts: {'; '.join(wrong)}",
                hint="set KIZUNA_PARTITIONS to the sources' count and create the other topics anew with it",
            )
        await _check_config(admin, settings, [topic for topic in wanted if not topic.theirs])


async def _check_config(admin: Any, settings: Settings, wanted: list[Declared]) -> None:
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in wanted]
    actual: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for _code, _message, _type, name, entries in response.resources:
            actual[name] = {entry[0]: entry[1] for entry in entries}
    wrong = [
        f"{topic.name}: {key} is {actual[topic.name].get(key)}, not {topic.config[key]}"
        for topic in wanted
        for key in CHECKED_CONFIG
        if key in topic.config and not _good_enough(key, actual[topic.name].get(key), topic.config[key])
    ]
    if wrong:
        raise BrokerError(
            f"topics not as declared: {'; '.join(wrong)}",
            hint=f"alter them with kafka-configs, or create them anew with `{_create_command(settings)}`",
        )


def _create_command(settings: Settings) -> str:
    """As it must be typed to make these settings' topics."""
    flags = {"app-id": "app_id", "topic-prefix": "topic_prefix", "partitions": "partitions"}
    named = [
        f" --{flag} {getattr(settings, field)}"
        for flag, field in flags.items()
        if getattr(settings, field) != Settings.model_fields[field].default
    ]
    return f"kizuna topics create{''.join(named)}"


def _good_enough(key: str, actual: str | None, wanted: str) -> bool:
    if actual is None:  # the broker does not show it to us
        return True
    return int(actual) >= int(wanted) if key == "max.message.bytes" else actual == wanted


class _admin:  # noqa: N801 - used as a function
    """An admin client, closed whatever happens."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def __aenter__(self) -> Any:
        self._client = AIOKafkaAdminClient(
            bootstrap_servers=self._settings.bootstrap,
            request_timeout_ms=int(self._settings.connect_timeout_s * 1000),
        )
        try:
            await self._client.start()
        except BaseException:
            await self._client.close()
            raise
        return self._client

    async def __aexit__(self, *_exc: object) -> None:
        await self._client.close()
