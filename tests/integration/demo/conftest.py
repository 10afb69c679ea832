"""The demo as a person runs it: a process in a directory of its own, with Kafka's jars already there."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import urlopen

import pytest

PATIENCE_S = 240.0


class Home:
    """A directory in which `kizuna` is typed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path / ".kizuna"
        self._running: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Type a command; its stderr goes to `said`."""
        with (self.path / "stderr").open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "stream", *arguments],
                cwd=self.path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def run(self, *arguments: str) -> tuple[int, str]:
        """Type a command and wait: exit code and stdout."""
        process = self.start(*arguments)
        stdout, _ = process.communicate(timeout=PATIENCE_S)
        return process.returncode, stdout

    @property
    def said(self) -> str:
        """What the last command printed on stderr so far."""
        return (self.path / "stderr").read_text()

    def wait_for(self, happens: Callable[[], bool], process: subprocess.Popen[str]) -> None:
        """Until it happens; fails when the process ends first."""
        deadline = monotonic() + PATIENCE_S
        while not happens():
            assert process.poll() is None, self.said
            assert monotonic() < deadline, self.said
            sleep(0.05)

    def worker_pid(self) -> int:
        """Of the demo's worker that runs now."""
        return int(self._of("worker")["pid"])

    def metrics(self, name: str) -> str:
        """Of one of the demo's processes."""
        with urlopen(f"http://127.0.0.1:{self._of(name)['port']}/metrics", timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def events_committed(self) -> int:
        """By the demo's worker since it runs."""
        text = self.metrics("worker")
        counts = re.findall(r"^kizuna_events_total\{.*\} (\S+)$", text, re.MULTILINE)
        return int(sum(map(float, counts)))

    def _of(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.data / "demo" / f"{name}.json").read_text())
        return found

    def left(self) -> list[str]:
        """Command lines of processes that still run from here."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").readlink().is_relative_to(self.path):
                    found.append((process / "cmdline").read_text().replace("\0", " "))
            except OSError:  # ended meanwhile, or somebody else's
                continue
        return found

    def end(self) -> None:
        """Whatever a failed test left."""
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
        self.run("kafka", "stop")


@pytest.fixture
def home(tmp_path: Path, jars: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A directory without data; no setting of the developer's shell counts."""
    for name in [name for name in os.environ if name.startswith("KIZUNA_")]:
        monkeypatch.delenv(name)
    home = Home(tmp_path)
    jars.mkdir(parents=True, exist_ok=True)
    home.data.mkdir()
    (home.data / "jars").symlink_to(jars, target_is_directory=True)
    yield home
    home.end()


def last_line(stdout: str) -> dict[str, Any]:
    """The one JSON object that ends a command's output."""
    found: dict[str, Any] = json.loads(stdout.splitlines()[-1])
    return found
