"""What is known of the running broker between commands: the pid file."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from stream.local.ports import HOST
from stream.local.process import is_running

__all__ = ["Record"]


@dataclass(frozen=True, slots=True)
class Record:
    """One started broker.

    Attributes:
        pid: of its Java process.
        identity: tells that process from a later one with the same pid.
        port: where clients connect.
    """

    pid: int
    identity: str
    port: int

    @property
    def bootstrap(self) -> str:
        """Address for clients, `host:port`."""
        return f"{HOST}:{self.port}"

    @property
    def is_alive(self) -> bool:
        """Whether that very process still runs."""
        return is_running(self.pid, self.identity)

    def write(self, path: Path) -> None:
        """Replace the file whole, so that no reader ever sees half of it."""
        draft = path.with_suffix(".new")
        try:
            draft.write_text(json.dumps(asdict(self)), "utf-8")
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    @classmethod
    def read(cls, path: Path) -> "Record | None":
        """The last record written; None if there is none or it is not one."""
        try:
            content = json.loads(path.read_text("utf-8"))
            return cls(int(content["pid"]), str(content["identity"]), int(content["port"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
