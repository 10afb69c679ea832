"""What goes wrong at start, with the real Java and Kafka: one sentence, and nothing left."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.errors import BrokerError, ConfigError, DownloadError, StateError
from stream.local.broker import LocalKafka
from stream.local.failure import PortTakenError
from stream.local.filelock import exclusive
from stream.local.install import install
from stream.local.launch import Launcher
from stream.local.lock import read_lock
from stream.local.ports import HOST, free_ports
from stream.local.process import identity
from stream.local.progress import silent
from stream.local.record import Record

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, next(free_ports())))
        listener.listen(1)
        yield listener.getsockname()[1]


def test_asked_port_that_is_taken_is_wrong_use(tmp_path: Path, jars: Path, taken: int) -> None:
    """An asked port is used or refused, never silently replaced."""
    with pytest.raises(ConfigError, match="is taken"):
        LocalKafka(tmp_path, jars=jars, port=taken).start()


def test_unasked_port_that_is_taken_is_replaced(tmp_path: Path, jars: Path, taken: int) -> None:
    """Without an asked port another one is found."""
    with LocalKafka(tmp_path, jars=jars) as kafka:
        assert kafka.bootstrap != f"{HOST}:{taken}"


def test_port_lost_in_the_last_moment_is_named(tmp_path: Path, jars: Path, taken: int) -> None:
    """Kafka's own failure to bind is told apart from all others, and its process is gone."""
    log, pid_file = tmp_path / "kafka.log", tmp_path / "broker.json"
    launcher = Launcher(tmp_path, log, pid_file, install(jars), "1g", silent)
    launcher.prepare()
    launcher.format_data(taken)
    with exclusive(tmp_path / "in-use") as in_use, pytest.raises(PortTakenError, match="taken"):
        launcher.launch(taken, in_use)
    assert not pid_file.exists()


def test_corrupted_jar_never_reaches_java(tmp_path: Path, jars: Path) -> None:
    """One changed byte in one jar: named, with what to do; Kafka is not started."""
    install(jars)
    copies = tmp_path / "jars"
    shutil.copytree(jars, copies)
    victim = copies / read_lock().jars[3].file_name
    content = bytearray(victim.read_bytes())
    content[len(content) // 2] ^= 1
    victim.write_bytes(content)
    kafka = LocalKafka(tmp_path, jars=copies)
    with pytest.raises(DownloadError, match=f"{victim.name} is not the locked file") as refused:
        kafka.start()
    assert str(victim) in refused.value.hint
    assert kafka.pid is None


def test_foreign_files_are_not_formatted_over(tmp_path: Path, jars: Path) -> None:
    """A data directory that is not Kafka's is left alone."""
    stranger = tmp_path / "kafka" / "data" / "thesis.txt"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("ten years of work")
    with pytest.raises(StateError, match="not a data directory of Kafka"):
        LocalKafka(tmp_path, jars=jars).start()
    assert stranger.read_text() == "ten years of work"


def test_damaged_data_is_named_with_the_log(tmp_path: Path, jars: Path) -> None:
    """Kafka's own refusal becomes one sentence with its last lines; nothing keeps running."""
    kafka = LocalKafka(tmp_path, jars=jars)
    kafka.start()
    kafka.stop()
    (kafka.directory / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
    with pytest.raises(BrokerError, match="did not start") as failed:
        kafka.start()
    assert "damaged" in str(failed.value)
    assert str(kafka.log) in failed.value.hint
    assert kafka.pid is None


def test_interrupted_start_leaves_nothing(tmp_path: Path, jars: Path) -> None:
    """Ctrl-C while Kafka comes up: exit code 130, no process, no pid file, no half data; then it starts."""
    (tmp_path / "jars").symlink_to(jars)
    pid_file = tmp_path / "kafka" / "broker.json"
    command = [sys.executable, "-m", "stream", "kafka", "start", "--data-dir", str(tmp_path)]
    starter = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while (record := Record.read(pid_file)) is None and time.monotonic() < deadline:
        time.sleep(0.005)
    assert record is not None
    starter.send_signal(signal.SIGINT)
    complaint = starter.communicate(timeout=60)[1]
    assert starter.returncode == 130, complaint
    assert "Traceback" not in complaint
    assert identity(record.pid) is None
    assert not pid_file.exists()
    assert not list((tmp_path / "kafka").glob("*-new"))
    with LocalKafka(tmp_path) as kafka:
        assert kafka.pid is not None


def test_kafka_that_cannot_be_recorded_is_not_left_running(tmp_path: Path, jars: Path) -> None:
    """A pid file that cannot be written (a full disk, say) ends Kafka too: its data is free for the next."""
    kafka = LocalKafka(tmp_path, jars=jars)
    obstacle = kafka.directory / "broker.new"
    obstacle.mkdir(parents=True)
    with pytest.raises(BrokerError, match="did not start: Is a directory"):
        kafka.start()
    obstacle.rmdir()
    with kafka:
        assert kafka.is_owner
