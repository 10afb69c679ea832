"""How long a real Alertmanager takes to be shown all open alerts, at first and again.

Example: python -m tests.bench.notify --alerts 20000

The parts of `kizuna notify` in this process: book, texts, requests of 500 alerts. Alertmanager (Debian:
apt-get install prometheus-alertmanager) runs beside them on loopback. What it then lists is counted.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import aiohttp

from schemas.alert import AlertV1
from schemas.score import Reason
from stream.alerts import rules
from stream.clock import now_ms
from stream.notify.alertmanager import Alertmanager
from stream.notify.assemble import make_book
from stream.notify.book import Book
from stream.notify.preview import Silent
from stream.notify.projection import Projection, Timing
from stream.notify.shape import Shape
from stream.texts.languages import ENGLISH
from tests.alerts import alert, at
from tests.bench.machine import cpu_s, load, own_cpu_s
from tests.integration.notify.alertmanager import AlertmanagerProcess, find

KEY = b"a key of the bench's own"
EACH_TURN = Timing(repost_s=0.0, resolve_s=300.0)
WHY = [
    Reason("trust", "delivery", -7.25, 4.0, 0.0),
    Reason("trust", "survey", -5.5, 2.0, 0.0),
    Reason("churn_risk", "silence", 0.81, 61.0, 24.0),
]


def main() -> int:
    """Measure and print one line per showing; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.notify", description=__doc__)
    parser.add_argument("--alerts", type=int, default=20_000, help="default 20,000")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    options = parser.parse_args()
    if find() is None:
        sys.stderr.write("bench: no Alertmanager on PATH\n  next: apt-get install prometheus-alertmanager\n")
        return 1
    with tempfile.TemporaryDirectory() as directory, AlertmanagerProcess(Path(directory)) as server:
        shown = asyncio.run(_measure(server, options.alerts, options.rounds))
        listed = len(server.alerts())
    print(f"listed by Alertmanager: {listed:,}; slowest showing {max(shown):.2f} s; load {load()}")
    return 0 if listed == options.alerts else 1


async def _measure(process: AlertmanagerProcess, n_alerts: int, rounds: int) -> list[float]:
    shape = Shape(rules.load(), KEY, ENGLISH, installation="0a1b2c3d", with_id=False)
    book = make_book(shape, 300.0)
    _timed(f"texts of {n_alerts:,} alerts", lambda: _fill(book, n_alerts))
    seconds = []
    async with aiohttp.ClientSession() as session:
        server = Alertmanager(session, process.url)
        projection = Projection(
            "bench",
            server,
            book,
            shape,
            Silent(),
            EACH_TURN,
            clock=now_ms,
            chance=Random(1),
            counted=lambda *_: None,
        )
        for number in range(rounds):
            began, cpu, theirs = time.perf_counter(), own_cpu_s(), cpu_s(process.pid)
            await projection.turn()
            seconds.append(time.perf_counter() - began)
            ours, theirs = own_cpu_s() - cpu, cpu_s(process.pid) - theirs
            said = f"{seconds[-1]:.2f} s; CPU {ours:.2f} s ours, {theirs:.2f} s Alertmanager's"
            print(f"showing {number + 1}: {said}", flush=True)
            if projection.failures:
                raise RuntimeError("Alertmanager did not take them")
    return seconds


def _fill(book: Book, n_alerts: int) -> None:
    for each in _alerts(n_alerts):
        book.take(0, each, now_ms())


def _alerts(n_alerts: int) -> list[AlertV1]:
    opened = at(3600)
    return [alert(f"c-{number}", opened_at=opened, reasons=WHY) for number in range(n_alerts)]


def _timed(what: str, work: Callable[[], None]) -> None:

    began = time.perf_counter()
    work()
    print(f"{what}: {time.perf_counter() - began:.2f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
