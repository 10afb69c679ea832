"""`make soak`: one JSON line per fault, then the verdict of the oracle as one JSON object.

Example: python -m tests.fault --faults 20 --seed 7 --minutes 5

Exit 0 if every row, score, alert and dead letter is exact, 1 if not, 130 if interrupted.
"""

import argparse
import asyncio
import json
import logging
import random
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from stream.config import load
from stream.engine.topics import create_topics
from stream.local.broker import LocalKafka
from stream.local.ports import free_ports
from tests.fault.history import history
from tests.fault.judge import judge
from tests.fault.soak import Fault, Soak, counted, schedule
from tests.integration.engine.traffic import wait_drained

HOME = Path(__file__).resolve().parents[2] / ".kizuna"


def main() -> int:
    """Parse, run, print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fault", description=__doc__)
    parser.add_argument("--faults", type=int, default=14, help="how many (default 14)")
    parser.add_argument("--seed", type=int, default=7, help="of schedule and history (default 7)")
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="no further fault after so long (default 10)"
    )
    parser.add_argument("--rate", type=int, default=400, help="events per second (default 400)")
    parser.add_argument(
        "--json", action="store_true", help="accepted for symmetry: the output is always JSON"
    )
    arguments = parser.parse_args()
    HOME.mkdir(exist_ok=True)
    # While the broker is away aiokafka says so hundreds of times a second; the stall says it once.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    logging.getLogger("aiokafka").propagate = False
    try:
        with TemporaryDirectory(prefix="soak-", dir=HOME) as name:
            return asyncio.run(_run(arguments, Path(name)))
    except KeyboardInterrupt:
        return 130


async def _run(arguments: argparse.Namespace, directory: Path) -> int:
    chance = random.Random(arguments.seed)
    messages = history(int(arguments.minutes * 60 * arguments.rate / 15) + 500, 120, arguments.seed)
    with ExitStack() as stack:
        kafka = stack.enter_context(LocalKafka(directory, jars=HOME / "jars", port=next(free_ports())))
        settings = load(bootstrap=kafka.bootstrap, app_id="soak", topic_prefix="soak-", partitions=4)
        await asyncio.to_thread(create_topics, settings)
        soak = Soak(settings, kafka, directory)
        stack.callback(soak.end)
        await soak.start_worker()
        stop = asyncio.Event()
        traffic = asyncio.create_task(soak.feed(messages, arguments.rate, stop))
        began, faults = monotonic(), list[Fault]()
        for number, kind in enumerate(schedule(arguments.faults, chance), 1):
            if monotonic() - began > arguments.minutes * 60 or traffic.done():
                break
            await asyncio.sleep(chance.uniform(0.5, 3.0))
            faults.append(await soak.inject(number, kind, chance, began))
            _say(asdict(faults[-1]))
        stop.set()
        await traffic
        await soak.revive()
        await wait_drained(settings, limit_s=180)
        for worker in soak.workers:
            await asyncio.to_thread(worker.stop)
        verdict = await judge(settings)
    for line in verdict.differences[:20]:
        sys.stderr.write(f"{line}\n")
    summary = {
        "faults": len(faults),
        "kinds": counted(faults),
        "events": soak.sent,
        "state_exact": not verdict.of("row", "position"),
        "scores_exact": not verdict.of("score"),
        "alerts_exact": not verdict.of("alert"),
        "dead_letters_exact": not verdict.of("dead letter"),
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "longest_stall_s": max((fault.stall_s for fault in faults), default=0.0),
        "workers_ended_by_themselves": soak.ended_by_itself,
        "compared": dict(verdict.compared),
        "seed": arguments.seed,
    }
    _say(summary)
    return 0 if not verdict.differences else 1


def _say(line: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
