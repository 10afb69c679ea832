"""Start and stop one Apache Kafka on loopback, its data under one directory."""

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from stream.errors import BrokerError, ConfigError
from stream.local.failure import PortTakenError
from stream.local.filelock import HeldError, exclusive
from stream.local.install import install
from stream.local.launch import Launcher
from stream.local.lock import read_lock
from stream.local.ports import HOST, free_ports, is_free
from stream.local.process import kill, terminate
from stream.local.progress import Progress, silent
from stream.local.properties import DATA_DIR, Behind
from stream.local.record import Record

__all__ = ["MIN_FREE_BYTES", "LocalKafka", "Status"]

# Kafka asks for room as it goes and dies without it; the demo's real input needs a tenth of this.
MIN_FREE_BYTES = 512 * 1024 * 1024

_STOP_S = 30.0
_RELEASE_S = 1.0


@dataclass(frozen=True, slots=True)
class Status:
    """What `kizuna kafka status` tells."""

    running: bool
    bootstrap: str | None
    pid: int | None
    kafka_version: str
    data: Path
    log: Path


class LocalKafka:
    """One Kafka per `root`; any number of these objects, in any process, speak of the same one.

    The broker outlives the object and the process that started it, until `stop`. As a context manager it
    stops on leaving what it started itself, and leaves alone what already ran.

    Args:
        root: the project's data directory; data and log go to `root/kafka`.
        jars: where the jars are kept; `root/jars` unless several roots share them.
        port: for clients, with the controller on the next one; a free pair unless told otherwise.
        heap: Java's heap as `-Xmx` takes it.
        repository: address of a Maven repository to use instead of Maven Central.
        min_free_bytes: refuse to start with less room on the disk.
        behind: further listeners, each reached through a proxy: for those who break connections on purpose.
        progress: told what start waits for.
    """

    def __init__(
        self,
        root: Path = Path(".kizuna"),
        *,
        jars: Path | None = None,
        port: int | None = None,
        heap: str = "1g",
        repository: str | None = None,
        min_free_bytes: int = MIN_FREE_BYTES,
        behind: Sequence[Behind] = (),
        progress: Progress = silent,
    ) -> None:
        self.directory = (root / "kafka").absolute()
        self.log = self.directory / "kafka.log"
        self.is_owner = False
        self._jars = (jars or root / "jars").absolute()
        self._port = port
        self._heap = heap
        self._repository = repository
        self._min_free_bytes = min_free_bytes
        self._behind = tuple(behind)
        self._progress = progress

    # --- The three things a person does ------------------------------------------------------------------

    def start(self) -> str:
        """Run Kafka and return its bootstrap address once it accepts clients; at once if it already runs.

        Starters of one root take turns, so exactly one of them starts it. If interrupted or failed, nothing
        is left running or half written.

        Raises:
            ConfigError: an unusable heap, or the asked port is taken.
            DownloadError: a jar was refused or is not the locked one.
            BrokerError: Kafka did not come up; says why, with its last log lines.
            StateError: the data directory is not one of Kafka's.
        """
        self._check_settings()
        try:
            return self._start_or_join().bootstrap
        except OSError as error:
            raise BrokerError(
                f"Kafka in {self.directory} did not start: {error.strerror or error}",
                hint="make room or give write permission there, or choose another directory (--data-dir)",
            ) from error

    def stop(self) -> bool:
        """End Kafka in order, by force after 30 s; return whether one was running. Data and log stay."""
        if not self.directory.exists():
            return False
        with exclusive(self._lock_file):
            record = self._running()
            if record is not None:
                self._progress("Stopping Kafka", 0, 0)
                terminate(record.pid, record.identity, grace_s=_STOP_S)
            self._pid_file.unlink(missing_ok=True)
            self.is_owner = False
        return record is not None

    def status(self) -> Status:
        """What runs now; never waits."""
        record = self._running()
        return Status(
            running=record is not None,
            bootstrap=record.bootstrap if record else None,
            pid=record.pid if record else None,
            kafka_version=read_lock().kafka_version,
            data=self.directory / DATA_DIR,
            log=self.log,
        )

    # --- For those who hold one --------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """Pid of the running broker; None if it does not run."""
        return self.status().pid

    @property
    def bootstrap(self) -> str:
        """Address of the running broker.

        Raises:
            BrokerError: it does not run.
        """
        record = self._running()
        if record is None:
            raise BrokerError("the local Kafka does not run", hint="start it: kizuna kafka start")
        return record.bootstrap

    def kill(self) -> None:
        """End Kafka as a power cut would (SIGKILL); what it acknowledged survives."""
        record = self._running()
        if record is not None:
            kill(record.pid, record.identity)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self.is_owner:
            self.stop()

    # --- How ---------------------------------------------------------------------------------------------

    @property
    def _lock_file(self) -> Path:
        return self.directory / "lock"

    @property
    def _pid_file(self) -> Path:
        return self.directory / "broker.json"

    def _running(self) -> Record | None:
        record = Record.read(self._pid_file)
        return record if record is not None and record.is_alive else None

    def _start_or_join(self) -> Record:
        self.directory.mkdir(parents=True, exist_ok=True)
        with exclusive(self._lock_file):
            record = self._running()
            if record is None:
                record = self._start()
                self.is_owner = True
            elif self._port not in (None, record.port):
                raise ConfigError(
                    f"Kafka already runs at {record.bootstrap}, not on port {self._port}",
                    hint="use it as it is, or `kizuna kafka stop` first",
                )
        return record

    def _start(self) -> Record:
        # Kafka locks its data too, but opens the metadata log first and so breaks the Kafka that runs on it.
        try:
            with exclusive(self.directory / "in-use", patience_s=_RELEASE_S) as in_use:
                return self._launch(in_use)
        except HeldError as error:
            raise BrokerError(
                f"a Kafka without a pid file runs in {self.directory}",
                hint="end that Java process, then run the same command again",
            ) from error

    def _launch(self, in_use: int) -> Record:
        ports = self._ports()
        port = next(ports)
        self._check_room()
        class_path = install(self._jars, repository=self._repository, progress=self._progress)
        launcher = Launcher(
            self.directory, self.log, self._pid_file, class_path, self._heap, self._progress, self._behind
        )
        launcher.prepare()
        launcher.format_data(port)
        while True:
            try:
                return launcher.launch(port, in_use)
            except PortTakenError:
                # Between looking and taking somebody else took it; an asked port has no successor to try.
                if self._port is not None:
                    raise
                port = next(ports)

    def _ports(self) -> Iterator[int]:
        if self._port is None:
            # After a crash its clients still look for it where it was.
            crashed = Record.read(self._pid_file)
            return free_ports(preferred=crashed.port if crashed else None)
        for port in (self._port, self._port + 1):
            if not is_free(port):
                raise ConfigError(
                    f"port {port} of {HOST} is taken",
                    hint="end what listens there, or leave --port away to get a free one",
                )
        return iter((self._port,))

    def _check_settings(self) -> None:
        if not re.fullmatch(r"[1-9]\d*[mMgG]", self._heap):
            raise ConfigError(f"{self._heap!r} is not a heap size", hint="for example 512m or 2g")
        if self._port is not None and not 1024 <= self._port < 65535:
            raise ConfigError(f"{self._port} is not a usable port", hint="from 1024 to 65534")

    def _check_room(self) -> None:
        free = shutil.disk_usage(self.directory).free
        if free < self._min_free_bytes:
            raise BrokerError(
                f"only {free / 1e6:.0f} MB are free on the disk of {self.directory}, "
                f"Kafka starts with {self._min_free_bytes / 1e6:.0f} MB or more",
                hint="free some space, or choose another directory (--data-dir)",
            )
