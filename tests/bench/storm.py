"""What a storm costs the pure core: a third of the customers would alert, and is held back.

Example: python -m tests.bench.storm --held budget --rounds 3

Parcels and tickets have terms of two days, and everything is scored at the end of the thirty: what was not
kept by then is late. The same events without any rule are the other half: the difference is what looking,
holding back and telling costs. One thread's CPU time; under the wall clock, as a worker.
"""

import argparse
import gc
import sys
import time
from dataclasses import dataclass

import msgspec

from stream.alerts import plays, rules
from stream.alerts.rules import Rules
from stream.model import parameters
from stream.pipeline import FileRecord, Pipeline, actions
from stream.pipeline.enrich import Playbook
from tests.bench.core import END_MS, partitioned
from tests.bench.workload import Workload

TERM_DAYS = 2
ONLY = {
    "mass_drop": {"budget_per_minute": 0, "stale_hours": 0.0},
    "budget": {"mass_drop_percent": 0.0, "budget_per_minute": 1, "stale_hours": 0.0},
}
"""Limits that leave one reason to hold an alert back."""


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU time of one run, and what it did."""

    us: float
    events: int
    suppressed: int
    opened: int


def main() -> int:
    """Measure and print one line per round; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.storm", description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="default 200,000")
    parser.add_argument("--customers", type=int, default=150_000, help="default 150,000")
    parser.add_argument(
        "--step", type=int, default=10_000, help="records of a step, at most (default 10,000)"
    )
    parser.add_argument("--held", choices=ONLY, default="mass_drop", help="why (default mass_drop)")
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    options = parser.parse_args()
    workload = Workload(options.events, options.customers, 7, END_MS, TERM_DAYS)
    partitions = partitioned(workload, 4)
    shipped = rules.load()
    storm = msgspec.structs.replace(shipped.storm, **ONLY[options.held])
    loud = _pipeline(msgspec.structs.replace(shipped, storm=storm))
    gc.collect()
    gc.freeze()  # as the worker does
    gc.set_threshold(200_000, 10, 10)
    for _ in range(options.rounds):
        without, spent = (_measure(each, partitions, options.step) for each in (_pipeline(Rules()), loud))
        told = spent.suppressed + spent.opened
        print(
            f"{spent.us / spent.events:.1f} us CPU per event, {without.us / without.events:.1f} without "
            f"rules: {(spent.us - without.us) / told:.1f} us per transition "
            f"({spent.suppressed:,} suppressed, {spent.opened:,} opened)",
            flush=True,
        )
    return 0


def _pipeline(looked_at: Rules) -> Pipeline:
    return Pipeline(parameters.load(), looked_at, playbook=Playbook(plays.load(), actions.load()))


def _measure(pipeline: Pipeline, partitions: list[list[FileRecord]], step: int) -> Spent:
    tables = [pipeline.new_table() for _ in partitions]
    events = suppressed = opened = 0
    began = time.thread_time()
    for start in range(0, max(map(len, partitions)), step):
        for table, records in zip(tables, partitions, strict=True):
            effects = pipeline.step(table, records[start : start + step], END_MS, wall_ms=END_MS)
            events += effects.n_records
            suppressed += effects.suppressed.total()
            opened += effects.opened.total()
    return Spent((time.thread_time() - began) * 1e6, events, suppressed, opened)


if __name__ == "__main__":
    sys.exit(main())
