"""The demo's `kizuna notify`, and an Alertmanager of its own for it, where one is installed."""

import json
import shutil
import sys
from pathlib import Path
from time import monotonic, sleep

from stream.cli.demo_process import DemoProcess, free_port, get
from stream.cli.output import note
from stream.config import CONFIG_VARIABLE, Settings, without_settings

__all__ = ["DemoNotify", "find_alertmanager"]

NAMES = ("prometheus-alertmanager", "alertmanager")
PORT = 9093
READY_LIMIT_S = 20.0
MAX_STARTS = 10

# Nobody is called about invented customers: the one receiver is empty.
CONFIG = """\
route: {receiver: nobody, group_by: [alertname, team]}
receivers: [{name: nobody}]
"""
ALL_SETTINGS = """\
# The demo's notify tells its own Alertmanager and nobody else.
# Its customers are invented, or of a public data set:
notify_customer_id = true
"""


def find_alertmanager() -> str | None:
    """Alertmanager's program, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class DemoNotify:
    """Alertmanager and notify, two processes. Whatever becomes of them, the demo goes on.

    Args:
        settings: the demo's.
        directory: of logs, pid files and Alertmanager's data.
    """

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.n_restarts = 0
        self._settings = settings
        self._directory = directory
        self._program = find_alertmanager()
        self._alertmanager = DemoProcess("alertmanager", directory, PORT)
        self._notify = DemoProcess("notify", directory, settings.notify_port)
        self._both = {self._notify: self._spawn_notify, self._alertmanager: self._spawn_alertmanager}
        self._gone: set[DemoProcess] = set()

    @property
    def url(self) -> str | None:
        """Of Alertmanager; None where none is installed."""
        return None if self._program is None else self._alertmanager.url

    def end_leftover(self) -> None:
        """End those of a demo that was itself killed."""
        for each in self._both:
            each.end_leftover()

    def start(self) -> None:
        """Run both, if Alertmanager is installed; it knows nothing of an earlier demo."""
        if self._program is None:
            return
        data = self._directory / "alertmanager"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(parents=True)
        (data / "alertmanager.yml").write_text(CONFIG, "utf-8")
        (self._directory / "notify.toml").write_text(ALL_SETTINGS, "utf-8")
        self._alertmanager.port = free_port(self._alertmanager.port)
        self._spawn_alertmanager()
        deadline = monotonic() + READY_LIMIT_S
        while not self._alertmanager.answers("/-/ready") and monotonic() < deadline:
            if self._alertmanager.exit_code() is not None:
                break
            sleep(0.1)
        self._notify.port = free_port(self._notify.port)
        self._spawn_notify()
        self.check()

    def check(self) -> None:
        """Start again which was killed; of one that ended by itself say so once."""
        for each, spawn in self._both.items():
            code = each.exit_code()
            if code is None or each in self._gone:
                continue
            if code < 0 and self.n_restarts < MAX_STARTS:
                self.n_restarts += 1
                note(f"{each.name} was killed (signal {-code}); started again, nothing is lost")
                spawn()
            else:
                self._gone.add(each)
                note(f"{each.name} ended with exit code {code}; its log: {each.log}{each.last_words()}")

    def shown(self) -> int | None:
        """How many alerts Alertmanager holds now, silenced ones too; None if there is none, or no answer."""
        text = get(f"{self.url}/api/v2/alerts") if self.url else None
        return None if text is None else len(json.loads(text))

    def stop(self) -> None:
        """End both, by their process ids. Idempotent."""
        for each in self._both:
            each.stop()

    def _spawn_alertmanager(self) -> None:
        data = self._directory / "alertmanager"
        assert self._program is not None
        self._alertmanager.spawn(
            [
                self._program,
                f"--config.file={data / 'alertmanager.yml'}",
                f"--storage.path={data}",
                f"--web.listen-address=127.0.0.1:{self._alertmanager.port}",
                "--cluster.listen-address=",
            ]
        )

    def _spawn_notify(self) -> None:
        settings = self._settings
        flags = {
            "--alertmanager": self._alertmanager.url,
            "--bootstrap": settings.bootstrap,
            "--app-id": settings.app_id,
            "--topic-prefix": settings.topic_prefix,
            "--partitions": settings.partitions,
            "--data-dir": settings.data_dir,
            "--lang": settings.notify_language,
            "--metrics-host": "127.0.0.1",
            "--metrics-port": self._notify.port,
        }
        if settings.rules is not None:
            flags["--rules"] = settings.rules
        # Webhooks and pagers of the person who tries the demo must not be told of invented customers.
        own = without_settings() | {CONFIG_VARIABLE: str(self._directory / "notify.toml")}
        command = [sys.executable, "-m", "stream", "notify"]
        self._notify.spawn(command + [str(part) for flag in flags.items() for part in flag], own)
