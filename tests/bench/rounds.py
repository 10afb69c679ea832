"""The order of a bench: a warm-up round, measured rounds interleaved, then steady rates."""

import argparse
from datetime import datetime
from typing import Any, Literal

from stream.errors import KizunaError
from tests.bench.backlog import Backlog, Backlogs
from tests.bench.cluster import Broker
from tests.bench.contestants import OURS, Contestant
from tests.bench.latency import MEASURED_S, WARM_S, steady
from tests.bench.results import Result
from tests.bench.throughput import Run, TooFastError, run
from tests.bench.workload import Workload

__all__ = ["HALF", "SUSTAINED", "Load", "Rounds"]

HALF: Literal["half"] = "half"
SUSTAINED: Literal["half-sustained"] = "half-sustained"

Load = int | Literal["half", "half-sustained"]
"""Events per second; half of what ours reached on a backlog; or half of what it can follow for long.

A backlog lets a customer's events meet in one transaction, a steady stream does not: it is the dearer load.
Sustainable (Karimov et al., ICDE 2018, section III): the highest steady rate at which latency does not grow.
"""
FIRST_RATE, STEP = 20_000, 1.2


FAILURES = (RuntimeError, TimeoutError, KizunaError)
"""A job that ended or stood still, a broker that did not answer in time, a topic that is not there."""


class Rounds:
    """Fills a result. A peer that fails is left out from then on and named; if ours fails, all ends.

    Args:
        options: of the command line.
        result: with the contestants; filled.
        at: the Kafka.
    """

    def __init__(self, options: argparse.Namespace, result: Result, at: Broker) -> None:
        self._options = options
        self._result = result
        self._at = at
        self._backlogs = Backlogs(at.scratch)
        self._sustainable = 0
        self._end_ms = int(datetime.fromisoformat(result.head["date"]).timestamp() * 1000)

    async def run(self) -> None:
        """All of it.

        Raises:
            RuntimeError: our worker ended or stood still.
        """
        for number in range(self._options.rounds + 1):
            # Who goes first alternates, so that what changes during a round favours nobody.
            order = list(self._result.contestants)
            for contestant in order if number % 2 else order[::-1]:
                try:
                    await self._once(contestant, number)
                except TooFastError as error:
                    if number:  # a warm-up has done its work all the same
                        self._failed(contestant, error)
                except FAILURES as error:
                    self._failed(contestant, error)
        if self._options.latency:
            for load in self._options.rates:
                for contestant in list(self._result.contestants):
                    try:
                        await self._steadily(contestant, load)
                    except FAILURES as error:
                        self._failed(contestant, error)

    async def _once(self, contestant: Contestant, number: int) -> None:
        n_events = min(self._options.events, contestant.most_events)
        backlog = self._backlog(n_events if number else min(n_events, contestant.warm_up))
        done = await run(
            contestant, number, backlog, self._at, self._options.partitions, self._extra(contestant)
        )
        _say(f"round {number}" if number else "warm-up", contestant, _told(done))
        if number:
            self._result.runs.append(done)
        elif done.wrong:
            raise RuntimeError(f"warm-up: {'; '.join(done.wrong)}")

    async def _steadily(self, contestant: Contestant, load: Load) -> None:
        if load == HALF:
            rate = int(self._result.rates()[OURS.name].median / 2)
        elif load == SUSTAINED:
            rate = await self._sustained() // 2
        else:
            rate = int(load)
        if rate <= contestant.most_rate:
            row = await self._at_rate(contestant, rate)
            self._result.latency.append({**row, "load": str(load)})

    async def _sustained(self) -> int:
        """The highest of a ladder of steady rates that ours follows: its latency does not grow."""
        if not self._sustainable:
            rate, self._sustainable = FIRST_RATE, FIRST_RATE
            while (row := await self._at_rate(OURS, rate))["follows"]:
                self._result.latency.append({**row, "load": "ladder"})
                self._sustainable, rate = rate, int(rate * STEP)
            self._result.latency.append({**row, "load": "ladder"})
        return self._sustainable

    async def _at_rate(self, contestant: Contestant, rate: int) -> dict[str, Any]:
        backlog = self._backlog(int(rate * (WARM_S + MEASURED_S)) + 1)
        extra = self._extra(contestant)
        row = await steady(contestant, rate, backlog, self._at, self._options.partitions, extra)
        text = f"p50 {row.get('p50')} ms, p99 {row.get('p99')} ms, bench {row['bench_cores']:.2f} cores"
        if row["alert_n"]:
            text += f", {row['alert_n']} alerts p50 {row['alert_p50']} ms, p99 {row['alert_p99']} ms"
        grows = "" if row["follows"] else ", cannot follow"
        _say(f"{rate:,}/s", contestant, f"{text}, foreign {row['foreign_cores']:.2f}{grows}")
        return row

    def _failed(self, contestant: Contestant, error: Exception) -> None:
        if contestant is OURS:
            raise error
        self._result.contestants.remove(contestant)
        self._result.skipped[contestant.name] = str(error) or type(error).__name__
        self._result.failed.append(contestant.name)
        _say("FAILED", contestant, str(error))

    def _backlog(self, n_events: int) -> Backlog:
        workload = Workload(n_events, self._options.customers, self._options.seed, self._end_ms)
        return self._backlogs.of(workload)

    def _extra(self, contestant: Contestant) -> dict[str, str]:
        if contestant.publishes == "per event":
            return {}
        return {f"KIZUNA_{name.upper()}": value for name, value in self._options.set}


def _told(done: Run) -> str:
    warm = done.window.second_half
    text = f"{done.window.rate:>9,.0f} events/s, once warm {f'{warm.rate:,.0f}' if warm else '-'}"
    text += f", foreign {done.window.foreign_cores:.2f}{' NOISY' if done.is_noisy else ''}"
    return text + (f"  WRONG: {'; '.join(done.wrong)}" if done.wrong else "")


def _say(step: str, contestant: Contestant, text: str) -> None:
    print(f"{step:>9}  {contestant.name:<21} {text}", flush=True)
