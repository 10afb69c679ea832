"""The two files Kafka reads at start: its settings and what it logs."""

from collections.abc import Sequence
from typing import NamedTuple

from stream.local.ports import HOST

__all__ = ["DATA_DIR", "LOG_SETTINGS", "READY_LINE", "Behind", "server_properties"]

# Relative to the directory Kafka runs in: `log.dirs` is a comma-separated list and knows no quoting.
DATA_DIR = "data"

_MAX_MESSAGE_BYTES = 10 * 1024 * 1024


class Behind(NamedTuple):
    """A listener behind a proxy: clients that come in there are told to come back through the proxy.

    Attributes:
        port: Kafka listens here.
        advertised: the proxy listens here.
    """

    port: int
    advertised: int


def server_properties(port: int, *, data_dir: str = DATA_DIR, behind: Sequence[Behind] = ()) -> str:
    """Settings of one node that is broker and controller, on loopback, for one laptop.

    Args:
        port: for clients; the controller listens on the next one.
        data_dir: relative to Kafka's working directory.
        behind: further listeners, each reached through a proxy of its own.
    """
    names = ["PLAINTEXT", *(f"BEHIND{number}" for number in range(len(behind)))]
    listens = [port, *(each.port for each in behind)]
    tells = [port, *(each.advertised for each in behind)]
    settings: dict[str, str | int] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{port + 1}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{_addresses(names, listens)},CONTROLLER://{HOST}:{port + 1}",
        "advertised.listeners": _addresses(names, tells),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in ("CONTROLLER", *names)),
        "log.dirs": data_dir,
        # Topics are declared (`kizuna topics create`); a typing mistake must not become one.
        "auto.create.topics.enable": "false",
        "num.partitions": 4,
        # One node holds every copy there is.
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # 50 partitions each by default, all opened at start.
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.num.partitions": 8,
        "share.coordinator.state.topic.num.partitions": 1,
        # Start work when the first worker joins instead of waiting 3 s for more of them.
        "group.initial.rebalance.delay.ms": 0,
        # A killed worker's transaction blocks readers until it is aborted: look for it often.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 2000,
        # After a crash Kafka waits out its own former session before it starts (9 s by default).
        "broker.session.timeout.ms": 5000,
        "broker.heartbeat.interval.ms": 500,
        # The largest interaction plus what a dead letter adds to it.
        "message.max.bytes": _MAX_MESSAGE_BYTES,
        "replica.fetch.max.bytes": _MAX_MESSAGE_BYTES,
        "replica.fetch.response.max.bytes": _MAX_MESSAGE_BYTES,
        # Disk and memory for a laptop: segments that can be deleted early, a cleaner map that fits the heap.
        "log.segment.bytes": 128 * 1024 * 1024,
        "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,
        # No JMX: nobody reads it here, and it would be registered for every partition.
        "metric.reporters": "",
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _addresses(names: Sequence[str], ports: Sequence[int]) -> str:
    return ",".join(f"{name}://{HOST}:{port}" for name, port in zip(names, ports, strict=True))


READY_LINE = "Kafka Server started"
"""Logged once every listener accepts; the reason why one logger below is louder than WARN."""

LOG_SETTINGS = """\
status = ERROR
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %-5p %m (%c{1})%n
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
logger.ready.name = kafka.server.KafkaRaftServer
logger.ready.level = INFO
logger.version.name = org.apache.kafka.common.utils.AppInfoParser
logger.version.level = INFO
"""
