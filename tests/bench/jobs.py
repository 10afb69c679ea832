"""A contestant as a running process: started with its own settings only, stopped as its operator would."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.cluster import ROOT

__all__ = ["Job", "running"]

STOP_S = 40.0


@dataclass(frozen=True, slots=True)
class Job:
    """A started contestant."""

    process: subprocess.Popen[bytes]
    log: Path
    environment: Mapping[str, str]

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    def check(self) -> None:
        """Raise if the process has ended: a benchmark never waits for the dead."""
        if (code := self.process.poll()) is not None:
            raise RuntimeError(f"{self.name} ended with {code}:\n{self.tail()}")

    @property
    def name(self) -> str:
        """Its command, short enough to read: a class path is not."""
        arguments = [str(argument) for argument in self.process.args]  # type: ignore[union-attr]  # given as a list
        return " ".join(argument if len(argument) < 200 else "..." for argument in arguments)

    def tail(self) -> str:
        """The last lines it printed."""
        return "".join(self.log.read_text("utf-8", "replace").splitlines(keepends=True)[-15:])


@contextmanager
def running(command: Sequence[str], scratch: Path, environment: Mapping[str, str]) -> Iterator[Job]:
    """Run a contestant until the block ends; then SIGTERM, and SIGKILL if that is not enough.

    Args:
        command: to start it.
        scratch: its working directory, made by the caller.
        environment: its variables; nothing of the caller's own settings reaches it.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KIZUNA_", "BENCH_"))}
    log = scratch / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=scratch,
            env={**clean, "PYTHONPATH": str(ROOT), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C ends the bench, and the bench ends the job
        )
    try:
        yield Job(process, log, environment)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
