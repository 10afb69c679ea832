"""A process of the demo: in a session of its own, found again if it was left behind, ended by its pid."""

import subprocess
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from stream.cli.output import note
from stream.local.ports import HOST, is_free
from stream.local.process import identity, terminate
from stream.local.record import Record

__all__ = ["DemoProcess", "free_port", "get"]

STOP_S = 20.0
LOG_LINES = 5


class DemoProcess:
    """One process at a time, which the demo starts and ends.

    Args:
        name: of its log and pid file, and in what is said of it.
        directory: of both.
        port: where it listens on loopback.
    """

    def __init__(self, name: str, directory: Path, port: int) -> None:
        self.name = name
        self.port = port
        self.log = directory / f"{name}.log"
        self._pid_file = directory / f"{name}.json"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def end_leftover(self) -> None:
        """End that of a demo that was itself killed."""
        left = Record.read(self._pid_file)
        if left is not None and left.is_alive:
            note(f"ending the {self.name} that an earlier demo left behind (pid {left.pid})")
            terminate(left.pid, left.identity, grace_s=STOP_S)
        self._pid_file.unlink(missing_ok=True)

    def spawn(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start it.

        Args:
            command: program and arguments.
            environment: its variables; None: the demo's own.
        """
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C is for the demo, which then ends its processes in order.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=environment,
            )
        known = identity(self._process.pid)
        if known is not None:
            Record(self._process.pid, known, self.port).write(self._pid_file)

    def exit_code(self) -> int | None:
        """None while it runs, or was never started; negative: the signal that killed it."""
        return None if self._process is None else self._process.poll()

    def stop(self) -> None:
        """End it in order, by force after a while. Idempotent."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._pid_file.unlink(missing_ok=True)

    def answers(self, path: str) -> bool:
        """Whether it says yes there."""
        return get(self.url + path) is not None

    def last_words(self) -> str:
        """The end of its log, to be put after a sentence."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
        return ":\n" + "\n".join(f"  {line}" for line in lines) if lines else ""


def get(url: str) -> str | None:
    """What a status address of loopback says; None while it cannot answer."""
    try:
        with urlopen(url, timeout=2) as answer:
            text: str = answer.read().decode()
            return text if answer.status == 200 else None
    except (URLError, OSError, HTTPException):
        return None


def free_port(preferred: int) -> int:
    """The preferred port if it is free, else the next one that is."""
    candidates = range(max(1024, preferred), 65_536)
    return next(port for port in candidates if is_free(port))
