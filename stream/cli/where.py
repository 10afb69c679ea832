"""Which Kafka a command means when none is named: the local one."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from stream.cli import output
from stream.cli.kafka import local_kafka
from stream.config import Settings
from stream.engine.topics import has_topic
from stream.errors import BrokerError

# What aiokafka says of a cluster out of reach, our errors say in one sentence.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())

__all__ = ["DEMO_APP", "DEMO_PREFIX", "reachable", "whose"]

DEMO_APP = "kizuna-demo"
DEMO_PREFIX = "demo-"
"""The demo's group, changelog and topics: never those of a worker that was not started by it."""


@contextmanager
def reachable(settings: Settings, *, wake: bool = False) -> Iterator[Settings]:
    """Settings whose `bootstrap` can be tried: as set by flag, variable or file, else the local Kafka's.

    Args:
        settings: as loaded.
        wake: start a local Kafka that has data but does not run, and stop it when the block ends.

    Raises:
        BrokerError: nothing is named and the local Kafka does not run.
    """
    if "bootstrap" in settings.model_fields_set:
        yield settings
        return
    status = local_kafka(settings).status()
    if status.bootstrap is not None:
        yield settings.model_copy(update={"bootstrap": status.bootstrap})
    elif wake and status.data.is_dir():
        with output.progress() as report:
            kafka = local_kafka(settings, progress=report)
            kafka.start()
        with kafka:  # stops on leaving what it started
            yield settings.model_copy(update={"bootstrap": kafka.bootstrap})
    else:
        raise BrokerError(
            "no Kafka is named and the local one does not run",
            hint="see `kizuna demo`, or `kizuna kafka start`, or name yours with --bootstrap HOST:PORT",
        )


def whose(settings: Settings, topic: str) -> Settings:
    """The settings; or the demo's, if no prefix is named and only the demo has such a topic.

    Raises:
        BrokerError: Kafka is unreachable in bounded time.
    """
    demo = settings.model_copy(update={"app_id": DEMO_APP, "topic_prefix": DEMO_PREFIX})
    if "topic_prefix" in settings.model_fields_set or has_topic(settings, topic):
        return settings
    return demo if has_topic(demo, topic) else settings
