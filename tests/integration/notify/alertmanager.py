"""A real Alertmanager on loopback, alone: started, asked, stopped and started again on its own data."""

import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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


class Front:
    """A proxy before an Alertmanager until the end of the block: it takes no long bodies, as many do.

    Args:
        behind: the Alertmanager's address.
        most: bytes of a body; more is 413.
        refuses: a body that has these bytes is 400.
    """

    def __init__(self, behind: str, most: int, refuses: bytes) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._pass(None)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if len(body) > most or refuses in body:
                    self._answer(413 if len(body) > most else 400, b"no")
                else:
                    self._pass(body)

            def _pass(self, body: bytes | None) -> None:
                request = urllib.request.Request(
                    behind + self.path, data=body, headers={"Content-Type": "application/json"}
                )
                with urllib.request.urlopen(request, timeout=5) as answer:
                    self._answer(answer.status, answer.read())

            def _answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                """Nothing."""

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self._server.server_address[1]}"

    def __enter__(self) -> "Front":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
