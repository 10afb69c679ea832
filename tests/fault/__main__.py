"""`make soak`: a seeded schedule of faults under load; one JSON line per fault, then the oracle's verdict.

  make soak                                         17 faults, each kind once
  make soak ARGS="--faults 20 --seed 7 --minutes 8"
  make soak ARGS="--kinds net_half_open,net_dead"   these kinds only
  make soak ARGS="--schedule broker_kill,disk_full" these, in this order
  make soak ARGS="--seed 7 ..."                     the same line again replays a failure: same history, same
                                                    faults, same choices; timing is the machine's

Standard output: the schedule first, one line per fault, the verdict last. Standard error: progress.
stall_s is the longest that a record of any partition waited for its commit, counted from the END of a fault
(thawed, broker up, network healed, process gone); outage_s counts from its beginning. A stall may last a
session time-out and a restore (process start included); what was longer is counted in the verdict.
Meanwhile people say things about the alerts that are published, some of them twice, stale, forged or broken:
`commands` of the verdict counts what became of each.
Exit 0 if every row, score, alert, command and dead letter is exact, 1 if not, 2 wrong use, 130 interrupted.
Broker data and logs of a run that failed are kept; standard error says where.
"""

import argparse
import asyncio
import json
import logging
import shutil
import signal
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tests.fault.kinds import KINDS
from tests.fault.run import Plan, known, run, schedule
from tests.fault.soak import note

HOME = Path(__file__).resolve().parents[2] / ".kizuna"


def _arguments() -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    kinds = "\n".join(f"  {name:20} {(kind.__doc__ or '').strip()}" for name, kind in KINDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.fault",
        description=__doc__,
        epilog=f"kinds:\n{kinds}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--faults", type=int, default=len(KINDS), help=f"how many (default {len(KINDS)})")
    parser.add_argument("--seed", type=int, default=7, help="of schedule, choices and history (default 7)")
    parser.add_argument("--minutes", type=float, default=10.0, help="no further fault after so long (10)")
    parser.add_argument("--rate", type=float, default=400.0, help="events per second (default 400)")
    parser.add_argument("--commands", type=float, default=20.0, help="of people, per second (default 20)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--kinds", help="only these, by comma, in an order of chance (default: all)")
    which.add_argument("--schedule", help="these, by comma, in this order; --faults does not count")
    parser.add_argument("--json", action="store_true", help="accepted: the output is always JSON")
    return parser, parser.parse_args()


def main() -> int:
    """Parse, run, print; returns the exit code."""
    parser, given = _arguments()
    named = (given.schedule or given.kinds or "").split(",") if given.schedule or given.kinds else list(KINDS)
    if known(named):
        parser.error(f"no kind is called {', '.join(known(named))}; --help lists them")
    if given.faults < 1 or min(given.minutes, given.rate, given.commands) <= 0:
        parser.error("--faults, --minutes, --rate and --commands are above 0")
    kinds = named if given.schedule else schedule(given.faults, given.seed, named)
    HOME.mkdir(exist_ok=True)
    # While the broker is away aiokafka says so hundreds of times a second; the stall says it once.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    logging.getLogger("aiokafka").propagate = False
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # leave nothing running
    directory = Path(mkdtemp(prefix=f"soak-{given.seed}-", dir=HOME))
    exact = False
    try:
        plan = Plan(kinds, given.seed, given.minutes, given.rate, given.commands)
        report = asyncio.run(run(plan, directory, HOME / "jars", _say))
        _say(report.summary())
        exact = report.exact
    except KeyboardInterrupt:
        return 130
    finally:
        if exact:
            shutil.rmtree(directory)
        else:
            note(f"kept: {directory}")
    return 0 if exact else 1


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
