"""Fetch locked jars from a Maven repository, several at a time, and verify each."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock

import requests
from jgo.maven import Artifact, MavenContext, PythonResolver

from stream.errors import DownloadError
from stream.local.lock import Jar, sha256_of
from stream.local.progress import Progress

__all__ = ["download"]

_STEP = "Downloading Kafka"
_WORKERS = 8
_ATTEMPTS = 3
_PAUSE_S = 0.5
_REPORT_S = 0.2
_TIMEOUT_S = 20

# jgo warns about a checksum that differs; the lock says the same with more weight, as an error.
logging.getLogger("jgo").addHandler(logging.NullHandler())


class _Cancelled(Exception):
    """Another download failed or the user gave up: stop within one block."""


class _Incomplete(Exception):
    """Fewer bytes came than were locked: requests does not notice a connection that ends early."""


class _Meter:
    """Counts downloaded bytes over all threads, and stops them when told to."""

    def __init__(self) -> None:
        self.n_bytes = 0
        self.cancelled = Event()
        self._lock = Lock()

    @contextmanager
    def watch(self, _file_name: str, _n_bytes: int) -> Iterator[Callable[[int], None]]:
        """The resolver's progress callback: yields the function it calls per block."""
        yield self._add

    def _add(self, n_bytes: int) -> None:
        if self.cancelled.is_set():
            raise _Cancelled
        with self._lock:
            self.n_bytes += n_bytes


def download(
    jars: Sequence[Jar], staging: Path, *, repository: str | None, progress: Progress
) -> list[tuple[Jar, Path]]:
    """Download all of `jars` below `staging`, or none that counts.

    The lock is the resolution: jars are asked for by coordinate, no metadata is read. The first failure
    stops the others. `progress` is called on the calling thread only.

    Raises:
        DownloadError: a download was refused, or is not the locked file.
    """
    meter = _Meter()
    remotes = None if repository is None else {"given": repository.rstrip("/")}
    resolver = PythonResolver(progress_callback=meter.watch)
    context = MavenContext(resolver, repo_cache=staging, remote_repos=remotes, timeout=_TIMEOUT_S)
    total = sum(jar.n_bytes for jar in jars)
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="kafka-jars")
    try:
        futures = [pool.submit(_fetch, context, jar, meter) for jar in jars]
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=_REPORT_S, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            progress(_STEP, min(meter.n_bytes, total), total)
        return [(jar, future.result()) for jar, future in zip(jars, futures, strict=True)]
    finally:
        meter.cancelled.set()
        pool.shutdown(cancel_futures=True)


def _fetch(context: MavenContext, jar: Jar, meter: _Meter) -> Path:
    group, name, version = jar.coordinate.split(":")
    artifact = context.project(group, name).at_version(version).artifact()
    path = _resolve(artifact, jar, meter)
    if sha256_of(path) != jar.sha256:
        raise DownloadError(
            f"{jar.file_name} from {_source(context)} is not the locked file: its sha256 differs",
            hint="nothing was installed; something on the way changes files: try another network or mirror "
            "(--maven-repository), or use a Kafka of your own (--bootstrap HOST:PORT)",
        )
    return path


def _resolve(artifact: Artifact, jar: Jar, meter: _Meter) -> Path:
    attempt = 0
    while True:
        attempt += 1
        try:
            path = artifact.resolve()
            if path.stat().st_size < jar.n_bytes:
                raise _Incomplete("the download broke off")
            return path
        except (requests.RequestException, RuntimeError, _Incomplete) as error:
            _discard(artifact)
            if attempt == _ATTEMPTS or meter.cancelled.wait(_PAUSE_S * attempt):
                raise _refused(artifact.context, jar, error) from error


def _discard(artifact: Artifact) -> None:
    # jgo writes in place: a broken connection leaves a torn file that the next attempt would believe.
    if artifact.cached_path is not None:
        artifact.cached_path.unlink(missing_ok=True)


def _source(context: MavenContext) -> str:
    return ", ".join(context.remote_repos.values())


def _refused(context: MavenContext, jar: Jar, error: Exception) -> DownloadError:
    return DownloadError(
        f"{jar.file_name} could not be downloaded from {_source(context)}: {_reason(error)}",
        hint="check the network (a proxy goes into HTTPS_PROXY, its certificates into REQUESTS_CA_BUNDLE, "
        "a mirror into --maven-repository) and run the same command again; a Kafka of your own needs "
        "no download (--bootstrap HOST:PORT)",
    )


def _reason(error: Exception) -> str:
    if isinstance(error, RuntimeError):
        # How jgo tells any answer but 200; its text is a dump of its settings.
        return "it is not offered there"
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not trusted"
    # The innermost message is the one in plain words: "Connection refused", not a pool's repr.
    text = str(error) or type(error).__name__
    return text.rpartition(": ")[2].strip("')\" ") or text
