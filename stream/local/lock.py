"""The jars the local Kafka runs from: which, and their checksums (`kafka.lock.toml`)."""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["LOCK_FILE", "Jar", "Lock", "read_lock", "sha256_of"]

LOCK_FILE = Path(__file__).with_name("kafka.lock.toml")


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar.

    Attributes:
        coordinate: Maven's `group:artifact:version`.
        sha256: of the file, lower-case hex.
        n_bytes: of the file; progress is counted in it.
    """

    coordinate: str
    sha256: str
    n_bytes: int

    @property
    def file_name(self) -> str:
        """The jar's name in the jar directory; unique within a lock."""
        _group, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


@dataclass(frozen=True, slots=True)
class Lock:
    """Kafka's version and every jar of its class path, in order."""

    kafka_version: str
    jars: tuple[Jar, ...]


def read_lock(path: Path = LOCK_FILE) -> Lock:
    """Read a lock file; the shipped one unless told otherwise."""
    content = tomllib.loads(path.read_text("utf-8"))
    jars = tuple(Jar(row["coordinate"], row["sha256"], row["bytes"]) for row in content["jar"])
    return Lock(content["kafka_version"], jars)


def sha256_of(path: Path) -> str:
    """The file's sha256 as lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
