"""Jars from a real HTTP server on loopback that behaves, lies, refuses, breaks off or is not there."""

import gc
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from stream.errors import DownloadError
from stream.local.install import install
from stream.local.lock import Jar, Lock, read_lock

CONTENT = {f"jar-{n}-1.0.jar": bytes([n]) * 50_000 for n in range(20)}
LOCK = Lock(
    "1.0",
    tuple(
        Jar(f"org.example:jar-{n}:1.0", hashlib.sha256(content).hexdigest(), len(content))
        for n, content in enumerate(CONTENT.values())
    ),
)


class Repository(BaseHTTPRequestHandler):
    """A Maven repository; `spoiled` names what it serves wrongly, and how."""

    spoiled: ClassVar[dict[str, str]] = {}
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        self.asked.append(name)
        content, how = CONTENT.get(name, b""), self.spoiled.get(name, "")
        if not content or how == "refused":
            self.send_error(403 if content else 404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if how == "changed":
            content = b"?" + content[1:]
        if how == "torn" or (how == "torn once" and self.asked.count(name) == 1):
            content = content[:1000]
        self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


# The resolver leaves a refused answer to the garbage collector, which then warns of an open socket.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """That warning comes in the test that caused it, not in whatever runs next."""
    yield
    gc.collect()


@pytest.fixture
def repository() -> Iterator[str]:
    """Address of a repository that behaves."""
    Repository.spoiled, Repository.asked = {}, []
    with ThreadingHTTPServer(("127.0.0.1", 0), Repository) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/maven"
        server.shutdown()
        thread.join()


def leftovers(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()} - {"lock"}


def test_install_gives_the_class_path_in_locked_order(tmp_path: Path, repository: str) -> None:
    """Every locked jar is there with its content, and progress ends at the whole."""
    told: list[tuple[int, int]] = []
    path = install(
        tmp_path,
        repository=repository,
        lock=LOCK,
        progress=lambda _step, done, total: told.append((done, total)),
    )
    assert {jar.name: jar.read_bytes() for jar in path} == CONTENT
    assert [jar.name for jar in path] == [jar.file_name for jar in LOCK.jars]
    assert told[-1] == (1_000_000, 1_000_000)
    assert leftovers(tmp_path) == set(CONTENT)


def test_install_asks_nobody_when_all_is_there(tmp_path: Path, repository: str) -> None:
    """The second time no request is made."""
    install(tmp_path, repository=repository, lock=LOCK)
    Repository.asked.clear()
    install(tmp_path, repository=repository, lock=LOCK)
    assert Repository.asked == []


def test_install_fetches_only_what_is_missing(tmp_path: Path, repository: str) -> None:
    """A removed jar is downloaded anew, alone."""
    install(tmp_path, repository=repository, lock=LOCK)
    Repository.asked.clear()
    (tmp_path / "jar-7-1.0.jar").unlink()
    install(tmp_path, repository=repository, lock=LOCK)
    assert {name for name in Repository.asked if name.endswith(".jar")} == {"jar-7-1.0.jar"}


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("changed", "jar-3-1.0.jar from .* is not the locked file"),
        ("refused", "jar-3-1.0.jar could not be downloaded from .*: it is not offered there"),
        ("torn", "jar-3-1.0.jar could not be downloaded from "),
    ],
)
def test_spoiled_download_installs_nothing(tmp_path: Path, repository: str, how: str, says: str) -> None:
    """A changed, refused or torn jar is one error with the next step, and no jar is installed."""
    Repository.spoiled = {"jar-3-1.0.jar": how}
    with pytest.raises(DownloadError, match=says) as error:
        install(tmp_path, repository=repository, lock=LOCK)
    assert "--bootstrap" in error.value.hint
    assert leftovers(tmp_path) == set()


def test_broken_connection_is_tried_again(tmp_path: Path, repository: str) -> None:
    """A download that breaks off once comes whole the second time."""
    Repository.spoiled = {"jar-3-1.0.jar": "torn once"}
    install(tmp_path, repository=repository, lock=LOCK)
    assert leftovers(tmp_path) == set(CONTENT)


def test_unreachable_repository_is_named(tmp_path: Path) -> None:
    """Nobody listens: the address and the reason, in one sentence."""
    with pytest.raises(DownloadError, match=r"from http://127\.0\.0\.1:1: .*Connection refused"):
        install(tmp_path, repository="http://127.0.0.1:1", lock=LOCK)


def test_changed_jar_on_disk_is_refused(tmp_path: Path, repository: str) -> None:
    """What was installed is hashed again each time; the hint names the file to remove."""
    path = install(tmp_path, repository=repository, lock=LOCK)
    path[5].write_bytes(b"!" * 50_000)
    with pytest.raises(DownloadError, match="its sha256 differs") as error:
        install(tmp_path, repository=repository, lock=LOCK)
    assert str(path[5]) in error.value.hint


def test_interrupted_install_leaves_nothing(tmp_path: Path, repository: str) -> None:
    """Ctrl-C while downloading ends the threads and removes what they wrote."""

    def interrupt(_step: str, _done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        install(tmp_path, repository=repository, lock=LOCK, progress=interrupt)
    assert leftovers(tmp_path) == set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("kafka-jars")]


def test_killed_install_is_swept_by_the_next(tmp_path: Path, repository: str) -> None:
    """What a killed process left half done is removed."""
    (tmp_path / "staging-left" / "org").mkdir(parents=True)
    install(tmp_path, repository=repository, lock=LOCK)
    assert leftovers(tmp_path) == set(CONTENT)


def test_shipped_lock_is_whole() -> None:
    """Kafka itself, its log's backend, and no two jars of one name; each with a sha256 and a size."""
    lock = read_lock()
    names = [jar.file_name for jar in lock.jars]
    assert {f"kafka_2.13-{lock.kafka_version}.jar", f"kafka-clients-{lock.kafka_version}.jar"} < set(names)
    assert any(name.startswith("log4j-slf4j-impl-") for name in names)
    assert len(set(names)) == len(names)
    assert all(len(bytes.fromhex(jar.sha256)) == 32 and jar.n_bytes > 0 for jar in lock.jars)
    assert replace(lock, jars=tuple(sorted(lock.jars, key=lambda jar: jar.coordinate))) == lock
