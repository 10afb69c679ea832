"""One result: everything a call of the bench found, the last line's summary, and the files."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.contestants import Contestant
from tests.bench.measure import Spread, ratios, spread
from tests.bench.throughput import Run

__all__ = ["QUANTILES", "Result", "write"]

DIRECTORY = Path(__file__).parent / "results"

QUANTILES = ("p50", "p90", "p99", "max")


@dataclass(slots=True)
class Result:
    """All that one call of the bench found.

    Attributes:
        head: date, revision, machine, versions, settings, seed.
        contestants: ours first; who was skipped is not among them.
        skipped: why, by name: could not be had here, or failed on the way.
        failed: names of those that failed on the way.
        runs: measured ones, warm-ups left out.
        latency: rows of `latency.steady`.
    """

    head: dict[str, Any]
    contestants: list[Contestant]
    skipped: dict[str, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    latency: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ours(self) -> str:
        """What the others are compared with."""
        return self.contestants[0].name

    @property
    def wrong(self) -> list[str]:
        """Findings of all runs, and who failed."""
        lost = [
            f"{row['contestant']} at {row['rate']}/s: {row['unanswered']} events without a score"
            for row in self.latency
            if row["unanswered"] and row["load"] != "ladder"
        ]
        found = [f"{run.contestant} round {run.round}: {text}" for run in self.runs for text in run.wrong]
        return found + lost + [f"{name} failed: {self.skipped[name]}" for name in self.failed]

    def spreads(self, number: Callable[[Run], float | None]) -> dict[str, Spread]:
        """A number of each contestant over its runs; None of a run leaves it out."""
        found = {}
        for contestant in self.contestants:
            runs = (run for run in self.runs if run.contestant == contestant.name)
            values = [value for run in runs if (value := number(run)) is not None]
            if values:
                found[contestant.name] = spread(values)
        return found

    def rates(self) -> dict[str, Spread]:
        """Events per second, all runs."""
        return self.spreads(lambda run: run.window.rate)

    def quiet_rates(self) -> dict[str, Spread]:
        """Of the runs that nothing disturbed."""
        return self.spreads(lambda run: None if run.is_noisy else run.window.rate)

    def warm_rates(self) -> dict[str, Spread]:
        """Of the second half of the events of each run."""
        return self.spreads(lambda run: half.rate if (half := run.window.second_half) else None)

    def summary(self) -> dict[str, Any]:
        """The last line with --json. Medians over the rounds."""
        app = self.spreads(lambda run: run.window.app_us)
        broker = self.spreads(lambda run: run.window.broker_us)
        all_us = self.spreads(lambda run: run.window.app_us + run.window.broker_us)
        cost = {name: found.median for name, found in all_us.items()}
        rates, quiet, warm = (_medians(x) for x in (self.rates(), self.quiet_rates(), self.warm_rates()))
        return {
            "rates": rates,
            "ratios": self._ratios(rates),
            "cpu_ratios": {
                name: round(cost[name] / cost[self.ours], 2) for name in cost if name != self.ours
            },
            "cpu_us_per_event": {
                name: {"app": round(app[name].median, 2), "broker": round(broker[name].median, 2)}
                for name in app
            },
            "quiet": {"rates": quiet, "ratios": self._ratios(quiet)},
            "warm": {"rates": warm, "ratios": self._ratios(warm)},
            "latency_ms": self._latency(),
            "machine": self.head["machine"],
            "rounds": self.head["rounds"],
            "noisy_runs": sum(run.is_noisy for run in self.runs),
            "skipped": self.skipped,
            "correct": not self.wrong,
        }

    def _ratios(self, rates: dict[str, float]) -> dict[str, float]:
        if self.ours not in rates:
            return {}
        return {name: round(ratio, 2) for name, ratio in ratios(rates, self.ours).items()}

    def _latency(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for row in self.latency:
            if row["load"] == "ladder":  # steps on the way to a sustained rate
                continue
            numbers = {key: row[key] for key in ("rate", *QUANTILES) if key in row}
            found.setdefault(row["contestant"], {})[row["load"]] = numbers
        return found


def _medians(spreads: dict[str, Spread]) -> dict[str, float]:
    return {name: round(found.median, 1) for name, found in spreads.items()}


def write(result: Result, page: Callable[[Result], str], directory: Path = DIRECTORY) -> Path:
    """Write `<date>-<revision>.json` and `.md`, numbered if such a pair exists; return the page's path."""
    head = result.head
    stem = name = f"{head['date'][:10]}-{head['revision'].replace('+', '-changed')}"
    number = 1
    while (directory / f"{name}.json").exists():
        number += 1
        name = f"{stem}-{number}"
    content = {
        **head,
        "summary": result.summary(),
        "runs": [run.row() for run in result.runs],
        "latency": result.latency,
        "wrong": result.wrong,
    }
    directory.mkdir(exist_ok=True)
    (directory / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    path = directory / f"{name}.md"
    path.write_text(page(result), "utf-8")
    return path
