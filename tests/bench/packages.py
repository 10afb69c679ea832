"""The peers' packages, in a venv of their own: `.venv-peers`, made when the first peer needs it.

They are no dependency of ours and may pin what ours pins differently (DECISIONS says more).
"""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.bench.cluster import ROOT

__all__ = ["PYTHON", "Unavailable", "need", "versions"]

VENV = ROOT / ".venv-peers"
PYTHON = VENV / "bin/python"
LIST = ROOT / "requirements-peers.txt"
PACKAGES = ("bytewax", "confluent-kafka", "quixstreams")
INSTALL_LIMIT_S = 900


class Unavailable(Exception):
    """Why a contestant cannot run on this machine; one sentence."""


def versions() -> dict[str, str]:
    """Of the packages that peers are built on: what the list pins is what is installed."""
    pins = dict(re.findall(r"^([\w.-]+)==([^\s;]+)", LIST.read_text("utf-8"), re.MULTILINE))
    return {name: pins[name] for name in PACKAGES}


def need(package: str) -> None:
    """Make `package` importable in the venv, or say why it cannot be.

    The whole list is installed at once, by hash, and again only when list or Python change; wheels only,
    because a machine that runs the bench need not have compilers.

    Raises:
        Unavailable: no such wheel, no network, no venv.
    """
    if (trouble := _trouble()) is not None:
        raise Unavailable(trouble)
    probe = _ran([PYTHON, "-W", "ignore", "-c", f"import {package}"])
    if probe.returncode:
        reason = (probe.stderr.strip().splitlines() or ["no reason given"])[-1]
        version = ".".join(str(part) for part in sys.version_info[:2])
        raise Unavailable(f"{package} cannot be imported with Python {version}: {reason}")


@cache
def _trouble() -> str | None:
    """What keeps the list from being installed, None if nothing; tried once for all peers."""
    stamp = VENV / ".ready"
    wanted = hashlib.sha256(LIST.read_bytes() + sys.version.encode()).hexdigest()
    if PYTHON.exists() and stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return None
    print(f"   peers  installing {LIST.name} into {VENV.name}, about half a minute, once ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    pip: list[str | Path] = [PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input"]
    commands: list[list[str | Path]] = [
        [sys.executable, "-m", "venv", VENV],
        [*pip, "install", "--no-deps", "--require-hashes", "--only-binary=:all:", "-r", LIST],
    ]
    for command in commands:
        try:
            done = _ran(command)
        except subprocess.TimeoutExpired:
            return f"{LIST.name} was not installed within {INSTALL_LIMIT_S} s"
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            reason = said[-1].removeprefix("ERROR: ") if said else "no reason given"
            return f"{LIST.name} could not be installed: {reason}"
    stamp.write_text(wanted, "utf-8")
    return None


def _ran(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=INSTALL_LIMIT_S)
