"""The real Kafka: it starts, keeps what it acknowledged, and ends when told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from stream.errors import BrokerError
from stream.local.broker import LocalKafka
from stream.local.ports import is_free

STARTER = """
import sys
from pathlib import Path
from stream.local.broker import LocalKafka
kafka = LocalKafka(Path(sys.argv[1]), jars=Path(sys.argv[2]))
kafka.start()
print(kafka.pid, kafka.is_owner)
"""
TOPIC = "kept"
VALUES = [b"a", b"b", b"c"]


async def write(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in VALUES:
            await producer.send_and_wait(TOPIC, value, partition=0)


async def read(bootstrap: str) -> list[bytes | None]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        partition = TopicPartition(TOPIC, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        return [(await consumer.getone()).value for _ in VALUES]


async def test_broker_serves_until_it_is_stopped(tmp_path: Path, jars: Path) -> None:
    """Starting gives an address that takes and returns records; stopping frees pid and ports."""
    kafka = LocalKafka(tmp_path, jars=jars)
    bootstrap = kafka.start()
    try:
        await write(bootstrap)
        assert await read(bootstrap) == VALUES
        assert kafka.status().running
    finally:
        assert kafka.stop()
    port = int(bootstrap.rpartition(":")[2])
    assert (kafka.pid, kafka.stop(), is_free(port), is_free(port + 1)) == (None, False, True, True)


async def test_killed_broker_comes_back_with_what_it_acknowledged(tmp_path: Path, jars: Path) -> None:
    """After SIGKILL the next start has the same address and every acknowledged record."""
    with LocalKafka(tmp_path, jars=jars) as kafka:
        bootstrap, pid = kafka.bootstrap, kafka.pid
        await write(bootstrap)
        kafka.kill()
        assert kafka.pid is None
        assert kafka.start() == bootstrap
        assert kafka.pid != pid
        assert await read(bootstrap) == VALUES


def test_broker_is_one_for_all_who_start_it(tmp_path: Path, jars: Path) -> None:
    """Of several starters at once one starts it, the others get the same; only the owner's end ends it."""
    arguments = [sys.executable, "-c", STARTER, str(tmp_path), str(jars)]
    starters = [subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = [starter.communicate()[0].split() for starter in starters]
    kafka = LocalKafka(tmp_path, jars=jars)
    try:
        assert {pid for pid, _ in answers} == {str(kafka.pid)}
        assert sorted(is_owner for _, is_owner in answers) == ["False", "False", "True"]
        with kafka:
            pass
        assert kafka.pid is not None
    finally:
        kafka.stop()


def test_broker_is_out_of_reach_of_the_terminal(tmp_path: Path, jars: Path) -> None:
    """Kafka has a session of its own, listens on loopback only, and writes below its directory only."""
    with LocalKafka(tmp_path, jars=jars) as kafka:
        assert kafka.pid is not None
        assert os.getsid(kafka.pid) == kafka.pid
        assert {path.name for path in tmp_path.iterdir()} == {"kafka"}


def test_second_broker_is_kept_off_the_same_data(tmp_path: Path, jars: Path) -> None:
    """A pid file lost by accident does not lead to two Kafkas on one data directory."""
    with LocalKafka(tmp_path, jars=jars) as kafka:
        pid_file = kafka.directory / "broker.json"
        aside = pid_file.rename(tmp_path / "aside.json")
        try:
            with pytest.raises(BrokerError, match="a Kafka without a pid file runs in"):
                LocalKafka(tmp_path, jars=jars).start()
        finally:
            aside.rename(pid_file)
        assert kafka.pid is not None
