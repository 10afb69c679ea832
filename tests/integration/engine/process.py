"""A worker as a process of its own: started by environment, looked at over HTTP, ended by signal."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from stream.config import Settings

ROOT = Path(__file__).parents[3]
COUNTING = (str(Path(__file__).with_name("counting_worker.py")),)
REAL = ("-m", "stream", "worker")


class Assignment(NamedTuple):
    """What a worker said when its partitions were ready."""

    generation: int
    partitions: frozenset[int]
    restored: frozenset[int]


class WorkerProcess:
    """One worker. Killed at the end of the block, whatever happened in it.

    Args:
        settings: those the worker shall share.
        log: where its stderr is appended.
        command: `COUNTING` or `REAL`.
        extra: further variables.
    """

    def __init__(
        self, settings: Settings, log: Path, command: tuple[str, ...] = COUNTING, **extra: str
    ) -> None:
        self.log = log
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KIZUNA_")}
        environment = inherited | {
            "KIZUNA_BOOTSTRAP": settings.bootstrap,
            "KIZUNA_APP_ID": settings.app_id,
            "KIZUNA_TOPIC_PREFIX": settings.topic_prefix,
            "KIZUNA_PARTITIONS": str(settings.partitions),
            "KIZUNA_SOURCES": json.dumps(settings.sources),
            "KIZUNA_METRICS_PORT": "0",
            "KIZUNA_SESSION_TIMEOUT_S": "6",
            **extra,
        }
        self._start_of_log = log.stat().st_size if log.exists() else 0
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=environment, stdout=file, stderr=file
            )

    def __enter__(self) -> "WorkerProcess":
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def said(self) -> str:
        """What this process logged."""
        return self.log.read_bytes()[self._start_of_log :].decode()

    def status(self, path: str) -> tuple[int, str]:
        """Code and body of a status path; (0, "") while nobody listens."""
        found = re.search(r"status=(http://\S+)", self.said)
        if found is None:
            return 0, ""
        try:
            with urllib.request.urlopen(found[1] + path, timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, line: str) -> float:
        """Sum of the samples whose line starts so; 0 if there is none."""
        lines = self.status("/metrics")[1].splitlines()
        return sum(float(found.rsplit(" ", 1)[1]) for found in lines if found.startswith(line))

    def wait_ready(self, limit_s: float = 40) -> float:
        """Until /readyz says so.

        Returns:
            seconds it took.
        """
        began = time.monotonic()
        while self.status("/readyz")[0] != 200:
            assert self.process.poll() is None, self.said
            assert time.monotonic() - began < limit_s, self.said
            time.sleep(0.05)
        return time.monotonic() - began

    def assignments(self) -> list[Assignment]:
        """Every assignment that became ready, in order."""
        pattern = r"partitions ready +generation=(\d+) partitions=(\[[^]]*\]) restored=(\[[^]]*\])"
        return [
            Assignment(int(generation), frozenset(json.loads(owned)), frozenset(json.loads(restored)))
            for generation, owned, restored in re.findall(pattern, self.said)
        ]

    def wait_metric(self, line: str, at_least: float, limit_s: float = 60) -> None:
        """Until `metric` has grown so far."""
        began = time.monotonic()
        while self.metric(line) < at_least:
            assert self.process.poll() is None, self.said
            assert time.monotonic() - began < limit_s, (self.metric(line), self.said)
            time.sleep(0.1)

    def wait_lag_gone(self, limit_s: float = 20) -> None:
        """Until the worker says that it has nothing left to read, as it saw things up to a second ago."""
        began = time.monotonic()
        while "kizuna_lag_records{" not in (text := self.status("/metrics")[1]) or self.metric(
            "kizuna_lag_records"
        ):
            assert self.process.poll() is None, self.said
            assert time.monotonic() - began < limit_s, text
            time.sleep(0.1)

    def stop(self, number: signal.Signals = signal.SIGTERM, limit_s: float = 40) -> int:
        """Ask to stop; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(limit_s)

    def exit_code(self, limit_s: float = 40) -> int:
        """Of a worker that is expected to end by itself."""
        return self.process.wait(limit_s)

    def kill(self) -> None:
        """SIGKILL; as abrupt as the power going."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
