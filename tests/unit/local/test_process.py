"""Processes: told apart, ended, and never mistaken."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.local.broker import LocalKafka
from stream.local.process import deferred_signals, identity, is_running, kill, spawn, terminate
from stream.local.record import Record

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[str]]:
    """Somebody else's process."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_identity_tells_processes_apart(sleeper: subprocess.Popen[str]) -> None:
    """A process keeps its identity while it lives, and has none once it ended, even unreaped."""
    known = identity(sleeper.pid)
    assert known is not None
    assert identity(sleeper.pid) == known
    sleeper.kill()
    deadline = time.monotonic() + 10
    while identity(sleeper.pid) is not None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert identity(sleeper.pid) is None


def test_stranger_with_a_recycled_pid_is_not_signalled(
    tmp_path: Path, sleeper: subprocess.Popen[str]
) -> None:
    """A pid file that outlived its process points at nobody: not running, and stop harms nobody."""
    kafka = LocalKafka(tmp_path)
    kafka.directory.mkdir()
    Record(sleeper.pid, "another life", 19092).write(kafka.directory / "broker.json")
    assert kafka.pid is None
    kafka.kill()
    assert kafka.stop() is False
    assert sleeper.poll() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}'])
def test_torn_pid_file_counts_as_none(tmp_path: Path, content: str) -> None:
    """What cannot be read as a record is no record."""
    path = tmp_path / "broker.json"
    path.write_text(content)
    assert Record.read(path) is None


def test_terminate_forces_what_does_not_listen(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is gone all the same."""
    log = tmp_path / "log"
    pid = spawn([sys.executable, "-c", STUBBORN], directory=tmp_path, log=log)
    known = identity(pid)
    assert known is not None
    deadline = time.monotonic() + 20
    while b"up" not in log.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.01)
    terminate(pid, known, grace_s=0.1)
    assert not is_running(pid, known)
    kill(pid, known)


def test_spawned_process_inherits_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAVA_TOOL_OPTIONS and its like do not reach Kafka."""
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xint")
    log = tmp_path / "log"
    pid = spawn([sys.executable, "-c", "import os; print(dict(os.environ))"], directory=tmp_path, log=log)
    known = identity(pid) or "ended"
    deadline = time.monotonic() + 20
    while is_running(pid, known) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert b"LANG" in log.read_bytes()
    assert b"JAVA_TOOL_OPTIONS" not in log.read_bytes()


def test_deferred_signal_arrives_after_the_block() -> None:
    """Ctrl-C inside the block is raised at its end, once the block is whole."""
    done: list[str] = []

    def work() -> None:
        with deferred_signals():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest of the block")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
