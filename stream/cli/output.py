"""What commands print: results on stdout, everything about the work itself on stderr.

A script reads stdout: the last line of a command with `--json` is one JSON object. A person reads both.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.text import Text

__all__ = ["Report", "complain", "json_line", "note", "progress", "say", "silence"]

LINE_EVERY_S = 10.0


class Report(Protocol):
    """Tells that long work moves: what is done now, how much, of how much (0: unknown), and a remark."""

    def __call__(self, step: str, done: int, total: int, remark: str = "") -> None:
        """Tell; cheap enough to be called often."""


def say(text: str = "") -> None:
    """Print a result for people, as it is: no markup, no wrapping."""
    Console(highlight=False).print(Text(text), soft_wrap=True)


def json_line(value: dict[str, Any]) -> None:
    """Print the one JSON object that a script reads; nothing may follow it."""
    sys.stdout.write(json.dumps(value, default=str, allow_nan=False) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a remark about the work, on stderr."""
    _stderr().print(Text(text), soft_wrap=True)


def complain(message: str, hint: str = "") -> None:
    """Print an error and the next step, on stderr."""
    console = _stderr()
    console.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
    if hint:
        console.print(Text.assemble(("next: ", "bold"), hint), soft_wrap=True)


def silence() -> None:
    """Let what is still to be printed go nowhere: the reader of stdout has left."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def progress(*, line_every_s: float = LINE_EVERY_S) -> Iterator[Report]:
    """Report long work: a bar on a terminal; otherwise a line when a step begins and every 10 s after.

    Example:
        with output.progress() as report:
            report("Sending", 1_000, 69_659, "12,300 events/s")
    """
    console = _stderr()
    if not console.is_terminal:
        yield _lines(console, line_every_s)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[detail]}"),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield _bar(bars)


def _stderr() -> Console:
    # Made when needed: sys.stderr may have been replaced since the import.
    return Console(stderr=True, highlight=False)


def _bar(bars: Progress) -> Report:
    task: TaskID | None = None
    shown = ""

    def report(step: str, done: int, total: int, remark: str = "") -> None:
        nonlocal task, shown
        if task is None or step != shown:
            if task is not None:
                bars.remove_task(task)
            task, shown = bars.add_task(step, total=None, detail=""), step
        bars.update(task, completed=done, total=total or None, detail=_detail(done, total, remark))

    return report


def _lines(console: Console, every_s: float, monotonic: Callable[[], float] = time.monotonic) -> Report:
    shown, last = "", 0.0

    def report(step: str, done: int, total: int, remark: str = "") -> None:
        nonlocal shown, last
        now = monotonic()
        if step == shown and now - last < every_s:
            return
        shown, last = step, now
        detail = _detail(done, total, remark)
        console.print(Text(f"{step}: {detail}" if detail else f"{step} ..."), soft_wrap=True)

    return report


def _detail(done: int, total: int, remark: str) -> str:
    amount = f"{done:,} of {total:,} ({done / total:.0%})" if total else f"{done:,}" if done else ""
    return ", ".join(part for part in (amount, remark) if part)
