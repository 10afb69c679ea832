"""What the pure core costs per event, alone: no Kafka, no Faust, one thread's CPU time.

Example: python -m tests.bench.core --events 1000000 --step 40000

Steadier than a run of the whole worker, so it is what a change of the hot path is judged by first.
"""

import argparse
import gc
import sys
import time
from collections import defaultdict

from stream.bootstrap import create_pipeline
from stream.config import load
from stream.engine.feed import partition_of
from stream.pipeline import FileRecord
from tests.bench.workload import Workload

END_MS = 1_795_600_000_000  # of the workload: the same bytes at every run


def main() -> int:
    """Measure and print one line per round; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.core", description=__doc__)
    parser.add_argument("--events", type=int, default=500_000, help="default 500,000")
    parser.add_argument("--customers", type=int, default=20_000, help="default 20,000")
    parser.add_argument("--partitions", type=int, default=4, help="default 4")
    parser.add_argument(
        "--step", type=int, default=20_000, help="records of a step, at most (default 20,000)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="default 3")
    options = parser.parse_args()
    partitions = partitioned(Workload(options.events, options.customers, 7, END_MS), options.partitions)
    gc.collect()
    gc.freeze()  # as the worker does
    gc.set_threshold(200_000, 10, 10)
    for _ in range(options.rounds):
        print(_measure(partitions, options.step), flush=True)
    return 0


def partitioned(workload: Workload, n: int) -> list[list[FileRecord]]:
    """The events of a workload as records of n partitions."""
    partitions: defaultdict[int, list[FileRecord]] = defaultdict(list)
    for event in workload.events():
        records = partitions[partition_of(event.key, n)]
        records.append(FileRecord("interactions", 0, len(records), END_MS, event.key, event.value))
    return list(partitions.values())


def _measure(partitions: list[list[FileRecord]], step: int) -> str:
    pipeline = create_pipeline(load())
    tables = [pipeline.new_table() for _ in partitions]
    n_events = n_scores = 0
    began = time.thread_time()
    for start in range(0, max(map(len, partitions)), step):
        for table, records in zip(tables, partitions, strict=True):
            effects = pipeline.step(table, records[start : start + step], END_MS, wall_ms=END_MS)
            n_events += effects.n_records
            n_scores += len(effects.scores)
    spent_us = (time.thread_time() - began) * 1e6
    return f"{spent_us / n_events:.2f} us CPU per event, {n_scores / n_events:.3f} scores per event"


if __name__ == "__main__":
    sys.exit(main())
