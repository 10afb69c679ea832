"""The demo's worker: a process of its own, looked after."""

import subprocess
import sys
from http.client import HTTPException
from pathlib import Path
from time import monotonic, sleep
from urllib.error import URLError
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from stream.cli.output import Report, note
from stream.config import Settings
from stream.errors import BrokerError
from stream.local.ports import is_free
from stream.local.process import identity, terminate
from stream.local.record import Record

__all__ = ["DemoWorker", "Samples"]

READY_LIMIT_S = 90.0
STOP_S = 20.0
MAX_STARTS = 10
LOG_LINES = 5

Samples = dict[tuple[str, str], float]
"""(metric, value of its last label) -> value, summed over its other labels."""


class DemoWorker:
    """One `kizuna worker` on the demo's topics. Killed, it is started again: that is what it is made for.

    Args:
        settings: the demo's.
        directory: of log and pid file.
    """

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.log = directory / "worker.log"
        self.n_restarts = 0
        self.port = _free_port(settings.metrics_port)
        self._settings = settings
        self._sweep_interval_s = settings.sweep_interval_s
        self._pid_file = directory / "worker.json"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where its status is served."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    def end_leftover(self) -> None:
        """End the worker of a demo that was itself killed."""
        left = Record.read(self._pid_file)
        if left is not None and left.is_alive:
            note(f"ending the worker that an earlier demo left behind (pid {left.pid})")
            terminate(left.pid, left.identity, grace_s=STOP_S)
        self._pid_file.unlink(missing_ok=True)

    def start(self, *, sweep_interval_s: float, report: Report) -> None:
        """Run it; returns when it processes.

        Args:
            sweep_interval_s: how often silence is scored while no event comes.
            report: told that it takes a moment.
        """
        self._sweep_interval_s = sweep_interval_s
        self._spawn()
        deadline = monotonic() + READY_LIMIT_S
        while not self._answers("/readyz"):
            report("Starting the worker", 0, 0)
            self.check()
            if monotonic() > deadline:
                raise BrokerError(
                    f"the worker is not ready after {READY_LIMIT_S:.0f} s", hint=self._see_log()
                )
            sleep(0.1)

    def check(self) -> None:
        """Start it again if it was killed.

        Raises:
            BrokerError: it ended by itself; says what it said last.
        """
        assert self._process is not None
        code = self._process.poll()
        if code is None:
            return
        if code >= 0 or self.n_restarts >= MAX_STARTS:
            raise BrokerError(
                f"the worker ended with exit code {code}{self._last_words()}", hint=self._see_log()
            )
        self.n_restarts += 1
        note(f"the worker was killed (signal {-code}); started again, it goes on from its last transaction")
        self._spawn()

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

    def samples(self) -> Samples:
        """Its metrics as of now; empty while it cannot answer."""
        try:
            with urlopen(f"{self.url}/metrics", timeout=2) as answer:
                text = answer.read().decode()
        except (URLError, OSError, HTTPException):
            return {}
        found: Samples = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                key = (sample.name, list(sample.labels.values())[-1] if sample.labels else "")
                found[key] = found.get(key, 0.0) + sample.value
        return found

    def _spawn(self) -> None:
        settings = self._settings
        flags = {
            "--bootstrap": settings.bootstrap,
            "--app-id": settings.app_id,
            "--topic-prefix": settings.topic_prefix,
            "--partitions": settings.partitions,
            "--max-uncommitted": settings.max_uncommitted,
            "--sweep-interval-s": self._sweep_interval_s,
            "--clock": settings.clock,
            "--metrics-host": "127.0.0.1",
            "--metrics-port": self.port,
            "--instance-id": settings.app_id,
        }
        command = [sys.executable, "-m", "stream", "worker"]
        command += [str(part) for flag in flags.items() for part in flag]
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C is for the demo, which then ends its worker in order.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        known = identity(self._process.pid)
        if known is not None:
            Record(self._process.pid, known, self.port).write(self._pid_file)

    def _answers(self, path: str) -> bool:
        try:
            with urlopen(f"{self.url}{path}", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError, HTTPException):
            return False

    def _see_log(self) -> str:
        return f"its log: {self.log}"

    def _last_words(self) -> str:
        lines = self.log.read_text("utf-8", "replace").splitlines()[-LOG_LINES:]
        return ":\n" + "\n".join(f"  {line}" for line in lines) if lines else ""


def _free_port(preferred: int) -> int:
    """The configured port if it is free, else the next one that is."""
    candidates = range(max(1024, preferred), 65_536)
    return next(port for port in candidates if is_free(port))
