"""Processes by pid, without ever signalling a stranger that got a recycled one."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

__all__ = ["ENVIRONMENT", "deferred_signals", "identity", "is_running", "kill", "spawn", "terminate"]

_POLL_S = 0.05
_KILL_S = 10.0
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PROC = Path("/proc")

# Nothing is inherited: JAVA_TOOL_OPTIONS or CLASSPATH of a user's shell would change what runs.
ENVIRONMENT = {"LANG": "C.UTF-8"}

# Held until they end, whatever becomes of the object that asked: a child outlives its LocalKafka on purpose.
_children: dict[int, subprocess.Popen[bytes]] = {}


def spawn(command: Sequence[str | Path], *, directory: Path, log: Path, inherited: int | None = None) -> int:
    """Start a process of its own session, so that this terminal's Ctrl-C is not its end; return its pid.

    Args:
        command: program and arguments.
        directory: its working directory.
        log: both its outputs are appended there.
        inherited: a descriptor that it keeps open while it lives.
    """
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=() if inherited is None else (inherited,),
            env=ENVIRONMENT,
        )
    _children[child.pid] = child
    return child.pid


def identity(pid: int) -> str | None:
    """What tells this process from any other that ever had its pid; None when it is gone or a zombie."""
    if not (_PROC / "self/stat").exists():
        return _identity_by_ps(pid)
    try:
        stat = (_PROC / str(pid) / "stat").read_text()
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The name, in parentheses, may hold spaces; proc(5) numbers the fields after it from 3.
    fields = stat.rpartition(")")[2].split()
    state, n_threads, started = fields[0], int(fields[17]), fields[19]
    # A zombie whose other threads are still ending holds its ports and files: it is not gone yet.
    return None if state in "ZX" and n_threads <= 1 else f"{boot}/{started}"


def _identity_by_ps(pid: int) -> str | None:
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split(maxsplit=1)
    return None if len(answer) < 2 or answer[0].startswith("Z") else answer[1].strip()


def is_running(pid: int, known: str) -> bool:
    """Whether `pid` is still the process whose identity was `known`."""
    if identity(pid) == known:
        return True
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]
    return False


def terminate(pid: int, known: str, *, grace_s: float) -> None:
    """End the process: ask (SIGTERM), wait `grace_s`, then force. Returns when it is gone."""
    _signal_and_wait(pid, known, signal.SIGTERM, grace_s)
    kill(pid, known)


def kill(pid: int, known: str) -> None:
    """End the process by force (SIGKILL). Returns when it is gone."""
    _signal_and_wait(pid, known, signal.SIGKILL, _KILL_S)


def _signal_and_wait(pid: int, known: str, signum: signal.Signals, patience_s: float) -> None:
    if not is_running(pid, known):
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)
    deadline = time.monotonic() + patience_s
    while is_running(pid, known) and time.monotonic() < deadline:
        time.sleep(_POLL_S)


@contextlib.contextmanager
def deferred_signals() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until the block ends, so that it happens whole.

    Signals are not blocked but noted: a child started inside must not inherit a blocked SIGTERM.
    Off the main thread there is nothing to do, Python delivers signals elsewhere.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: list[int] = []

    def note(signum: int, _frame: FrameType | None) -> None:
        noted.append(signum)

    previous = {signum: signal.signal(signum, note) for signum in _ENDING}
    try:
        yield
    finally:
        for ending, handler in previous.items():
            signal.signal(ending, signal.SIG_DFL if handler is None else handler)
        for late in noted:
            signal.raise_signal(late)
