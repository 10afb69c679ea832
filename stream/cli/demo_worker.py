"""The demo's worker: a process of its own, looked after."""

import sys
from pathlib import Path
from time import monotonic, sleep

from prometheus_client.parser import text_string_to_metric_families

from stream.cli.demo_process import DemoProcess, free_port, get
from stream.cli.output import Report, note
from stream.config import Settings
from stream.errors import BrokerError

__all__ = ["DemoWorker", "Samples"]

READY_LIMIT_S = 90.0
MAX_STARTS = 10

Samples = dict[tuple[str, str], float]
"""(metric, value of its last label) -> value, summed over its other labels."""


class DemoWorker(DemoProcess):
    """One `kizuna worker` on the demo's topics. Killed, it is started again: that is what it is made for.

    Args:
        settings: the demo's.
        directory: of log and pid file.
    """

    def __init__(self, settings: Settings, directory: Path) -> None:
        super().__init__("worker", directory, free_port(settings.metrics_port))
        self.n_restarts = 0
        self._settings = settings
        self._sweep_interval_s = settings.sweep_interval_s

    def start(self, *, sweep_interval_s: float, report: Report) -> None:
        """Run it; returns when it processes.

        Args:
            sweep_interval_s: how often silence is scored while no event comes.
            report: told that it takes a moment.
        """
        self._sweep_interval_s = sweep_interval_s
        self.spawn(self._command())
        deadline = monotonic() + READY_LIMIT_S
        while not self.answers("/readyz"):
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
        code = self.exit_code()
        if code is None:
            return
        if code >= 0 or self.n_restarts >= MAX_STARTS:
            raise BrokerError(
                f"the worker ended with exit code {code}{self.last_words()}", hint=self._see_log()
            )
        self.n_restarts += 1
        note(f"the worker was killed (signal {-code}); started again, it goes on from its last transaction")
        self.spawn(self._command())

    def samples(self) -> Samples:
        """Its metrics as of now; empty while it cannot answer."""
        found: Samples = {}
        for family in text_string_to_metric_families(get(f"{self.url}/metrics") or ""):
            for sample in family.samples:
                key = (sample.name, list(sample.labels.values())[-1] if sample.labels else "")
                found[key] = found.get(key, 0.0) + sample.value
        return found

    def _command(self) -> list[str]:
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
        return [sys.executable, "-m", "stream", "worker"] + [
            str(part) for flag in flags.items() for part in flag
        ]

    def _see_log(self) -> str:
        return f"its log: {self.log}"
