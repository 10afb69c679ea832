"""A person's command to the worker that owns the customer, and what became of it.

The answer is read where it is written: the log of alerts names the command that moved one, a dead letter
holds a refused one as it came. Both lie in the partition of the command.
"""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from schemas.alert import AlertV1
from schemas.codec import decode_alert, encode
from schemas.command import MAC, CommandV1, mac
from schemas.dead_letter import said
from stream.config import Settings
from stream.engine.feed import Feed, open_feed, partition_of
from stream.engine.restore import log_reader
from stream.engine.topics import COMMANDS
from stream.errors import BrokerError
from stream.pipeline.data_alert import RULE_ID as DATA_RULE

__all__ = ["Answer", "ask", "send_command"]

PARTITION = re.compile(r"partition-(\d{1,6})")
LOG, LETTERS = "alert-log", "dead-letters"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker did with a command.

    Attributes:
        alert: as the command left it; None if it was refused.
        cause: of the refusal, a code.
        detail: of the refusal, in words.
    """

    alert: AlertV1 | None
    cause: str = ""
    detail: str = ""


async def send_command(settings: Settings, command: CommandV1, key: bytes | None) -> None:
    """Send one command, and return when Kafka has it.

    Args:
        settings: where, and how topics are called.
        command: keyed by its customer.
        key: to sign it with; None leaves it unsigned.

    Raises:
        BrokerError: Kafka is away, the topic is missing, or it was refused.
    """
    async with open_feed(settings, COMMANDS) as feed:
        await _send(feed, command, key)


async def ask(settings: Settings, command: CommandV1, key: bytes | None, wait_s: float) -> Answer | None:
    """Send one command about an alert, and wait for what becomes of it; None if nothing does in time.

    Args:
        settings: where, and how topics are called.
        command: about an alert, with an id that was never used.
        key: to sign it with; None leaves it unsigned.
        wait_s: after Kafka has it.

    Raises:
        BrokerError: Kafka is away, a topic is missing, or it was refused.
    """
    names = [settings.topic(name) for name in (LOG, LETTERS)]
    try:
        async with open_feed(settings, COMMANDS) as feed, log_reader(settings, *names) as reader:
            number = _partition(command, feed.n_partitions)
            parts = [TopicPartition(name, number) for name in names]
            async with asyncio.timeout(settings.connect_timeout_s):
                reader.assign(parts)
                for part, end in (await reader.end_offsets(parts)).items():
                    reader.seek(part, end)
            await _send(feed, command, key)
            await feed.flush()
            return await _answer(reader, settings, command, wait_s)
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(
            f"cannot read {' and '.join(names)} at {settings.bootstrap} ({type(error).__name__})",
            hint="compare the topics with those declared: kizuna topics check",
        ) from error


async def _send(feed: Feed, command: CommandV1, key: bytes | None) -> None:
    value = encode(command)
    headers = [] if key is None else [(MAC, mac(key, value))]
    number = _partition(command, feed.n_partitions)
    await feed.send(command.customer_id.encode(), value, headers=headers, partition=number)


def _partition(command: CommandV1, n_partitions: int) -> int:
    """Where the worker reads it: the customer's, or the one that an alert about the data names."""
    if command.rule_id == DATA_RULE and (named := PARTITION.fullmatch(command.customer_id)) is not None:
        return int(named[1]) % n_partitions
    return partition_of(command.customer_id.encode(), n_partitions)


async def _answer(reader: Any, settings: Settings, command: CommandV1, wait_s: float) -> Answer | None:
    loop = asyncio.get_running_loop()
    limit = loop.time() + wait_s
    while (left := limit - loop.time()) > 0:
        for part, records in (await reader.getmany(timeout_ms=round(1000 * min(0.2, left)))).items():
            find = _moved if part.topic == settings.topic(LOG) else _refused
            if (found := find(records, settings, command)) is not None:
                return found
    return None


def _moved(records: Iterable[Any], _settings: Settings, command: CommandV1) -> Answer | None:
    for record in records:
        if record.value and command.command_id.encode() in record.value:
            alert = decode_alert(record.value)
            if alert.command_id == command.command_id:
                return Answer(alert)
    return None


def _refused(records: Iterable[Any], settings: Settings, command: CommandV1) -> Answer | None:
    value = encode(command)
    for record in records:
        if record.value == value:
            why = said(record.headers)
            if why.get("topic") == settings.topic(COMMANDS):
                return Answer(None, why.get("cause", ""), why.get("detail", ""))
    return None
