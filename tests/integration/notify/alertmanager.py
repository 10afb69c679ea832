"""A real Alertmanager on loopback, alone: started, asked, stopped and started again on its own data."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from stream.local.ports import HOST

NAMES = ("prometheus-alertmanager", "alertmanager")
QUIET = "route: {receiver: none}\nreceivers: [{name: none}]\n"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def find() -> str | None:
    """Alertmanager's program, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def binary() -> str:
    """Alertmanager's program; skips aloud where there is none."""
    found = find()
    if found is None:
        pytest.skip("no `alertmanager` on PATH (Debian: apt-get install prometheus-alertmanager)")
    return found


class AlertmanagerProcess:
    """One Alertmanager. Ended at the end of the block; its data stay, so that it can be started again.

    Args:
        directory: its own.
        config: its file's text.
    """

    def __init__(self, directory: Path, config: str = QUIET) -> None:
        self._binary = binary()
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "alertmanager.yml").write_text(config, encoding="utf-8")
        self.port = free_port()  # kept over restarts
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "AlertmanagerProcess":
        self.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Until it answers."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    self._binary,
                    f"--config.file={self._directory / 'alertmanager.yml'}",
                    f"--storage.path={self._directory / 'data'}",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                    "--cluster.listen-address=",
                ],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"]},
            )
        for _ in range(200):
            try:
                self.get("status")
                return
            except OSError:
                assert self._process.poll() is None, (self._directory / "log").read_text()
                time.sleep(0.05)
        raise AssertionError((self._directory / "log").read_text())

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End it; active alerts are forgotten, silences are kept."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(20)

    def get(self, path: str) -> Any:
        """What it says of `/api/v2/<path>`."""
        with urllib.request.urlopen(f"{self.url}/api/v2/{path}", timeout=5) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: object) -> None:
        """As a client other than ours would."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5):
            pass

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts that are not resolved, silenced ones too."""
        found: list[dict[str, Any]] = self.get("alerts")
        return found

    def firing(self) -> set[tuple[str, str]]:
        """(rule, severity) of the alerts that are not resolved."""
        return {(each["labels"]["rule"], each["labels"]["severity"]) for each in self.alerts()}

    def silences(self) -> list[dict[str, Any]]:
        """Silences that are not over."""
        return [each for each in self.get("silences") if each["status"]["state"] != "expired"]
