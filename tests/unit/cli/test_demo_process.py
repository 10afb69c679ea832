"""Processes that the demo starts and must end."""

from pathlib import Path

import pytest

from stream.cli.demo_notify import DemoNotify
from stream.cli.demo_process import DemoProcess
from stream.config import load
from stream.local.process import identity
from stream.local.record import Record

SLEEPS = ("/bin/sleep", "600")


def test_what_a_killed_demo_left_is_ended_by_the_next_one(tmp_path: Path) -> None:
    """Found by its pid file; nothing is left of either."""
    first = DemoProcess("notify", tmp_path, 1)
    first.spawn(SLEEPS)
    try:
        DemoProcess("notify", tmp_path, 1).end_leftover()
        assert first.exit_code() == -15
        assert not (tmp_path / "notify.json").exists()
    finally:
        first.stop()
    assert first.exit_code() is None


def test_a_stranger_with_the_same_pid_is_left_alone(tmp_path: Path) -> None:
    """Pids come again: the file also says which process had it."""
    stranger = DemoProcess("stranger", tmp_path, 1)
    stranger.spawn(SLEEPS)
    try:
        Record(stranger.pid, "another boot/1", 1).write(tmp_path / "notify.json")
        DemoProcess("notify", tmp_path, 1).end_leftover()
        assert identity(stranger.pid) is not None
        assert not (tmp_path / "notify.json").exists()
    finally:
        stranger.stop()


def test_without_an_alertmanager_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No program on the path: no address, no process, no number."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    notify = DemoNotify(load(), tmp_path)
    notify.start()
    notify.check()
    assert (notify.url, notify.shown()) == (None, None)
    assert list(tmp_path.iterdir()) == []
    notify.stop()
