"""One result: the last line's summary, the file with every run, and the page a person reads."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.contestants import Contestant
from tests.bench.measure import Spread, ratios, spread
from tests.bench.throughput import Run

__all__ = ["Result", "write"]

DIRECTORY = Path(__file__).parent / "results"

QUANTILES = ("p50", "p90", "p99", "max")

SUMMARY_COLUMNS = (
    "| | events | events/s: median (range) | ours is | app CPU us/event | broker us/event | job | guarantee |"
)
RUN_COLUMNS = (
    "| round | who | events/s | app cores | broker cores | foreign | load before | first event after s "
    "| peak MB | scores per event | alerts | outputs |"
)
LATENCY_COLUMNS = (
    "| who | events/s | p50 | p90 | p99 | max | events | without a score "
    "| app cores | broker cores | bench cores | foreign |"
)


@dataclass(slots=True)
class Result:
    """All that one call of the bench found.

    Attributes:
        head: date, revision, machine, versions, settings, seed.
        contestants: ours first.
        runs: measured ones, warm-ups left out.
        latency: rows of `latency.steady`.
    """

    head: dict[str, Any]
    contestants: Sequence[Contestant]
    runs: list[Run] = field(default_factory=list)
    latency: list[dict[str, Any]] = field(default_factory=list)

    @property
    def wrong(self) -> list[str]:
        """Findings of all runs."""
        lost = [
            f"{row['contestant']} at {row['rate']}/s: {row['unanswered']} events without a score"
            for row in self.latency
            if row["unanswered"]
        ]
        return [
            f"{run.contestant} round {run.round}: {text}" for run in self.runs for text in run.wrong
        ] + lost

    def rates(self) -> dict[str, Spread]:
        """Events per second of each contestant."""
        return self._spreads(lambda run: run.window.rate)

    def _spreads(self, number: Any) -> dict[str, Spread]:
        names = [contestant.name for contestant in self.contestants]
        numbers = {name: [number(run) for run in self.runs if run.contestant == name] for name in names}
        return {name: spread(values) for name, values in numbers.items() if values}

    def summary(self) -> dict[str, Any]:
        """The last line with --json. Medians over the rounds."""
        medians = {name: found.median for name, found in self.rates().items()}
        app = self._spreads(lambda run: run.window.app_us)
        broker = self._spreads(lambda run: run.window.broker_us)
        all_us = self._spreads(lambda run: run.window.app_us + run.window.broker_us)
        cost = {name: found.median for name, found in all_us.items()}
        latency: dict[str, dict[str, Any]] = {}
        for row in self.latency:
            numbers = {key: row[key] for key in QUANTILES if key in row}
            latency.setdefault(row["contestant"], {})[str(row["rate"])] = numbers
        ours = self.contestants[0].name
        return {
            "rates": {name: round(rate, 1) for name, rate in medians.items()},
            "ratios": {name: round(x, 2) for name, x in ratios(medians, ours).items()} if medians else {},
            "cpu_ratios": {name: round(cost[name] / cost[ours], 2) for name in cost if name != ours},
            "cpu_us_per_event": {
                name: {"app": round(app[name].median, 2), "broker": round(broker[name].median, 2)}
                for name in app
            },
            "latency_ms": latency,
            "machine": self.head["machine"],
            "rounds": self.head["rounds"],
            "correct": not self.wrong,
        }

    def page(self) -> str:
        """The result as Markdown."""
        return "\n".join([*self._head_lines(), *self._throughput_lines(), *self._latency_lines()]) + "\n"

    def _head_lines(self) -> list[str]:
        head, machine = self.head, self.head["machine"]
        versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
        settings = ", ".join(f"{name}={value}" for name, value in head["settings"].items())
        text = f"""\
# Benchmark of {head["date"]}, revision {head["revision"]}

Machine: {machine["cores"]} cores ({machine["cpu"]}), {machine["memory_gib"]} GiB, {machine["system"]};
job, broker and bench share it, all on loopback.
Apache Kafka {head["kafka"]} (one node, replication 1), Python {machine["python"]},
{versions}.
Seed {head["seed"]}, {head["customers"]:,} customers, {head["partitions"]} partitions;
settings of our worker: {settings or "all defaults"}.
{head["rounds"]} rounds, interleaved, after one warm-up of each contestant that is not counted.
"""
        return [*text.splitlines(), ""]

    def _throughput_lines(self) -> list[str]:
        if not self.runs:
            return []
        rates, summary = self.rates(), self.summary()
        app = self._spreads(lambda run: run.window.app_us)
        broker = self._spreads(lambda run: run.window.broker_us)
        text = "Ours is: times as fast (in brackets: times less CPU per event, broker included)."
        lines = ["## Throughput on a preloaded backlog", "", text, "", *_table_head(SUMMARY_COLUMNS)]
        for contestant in self.contestants:
            name = contestant.name
            n_events = next(run.workload.n_events for run in self.runs if run.contestant == name)
            ratio = "-"
            if name in summary["ratios"]:
                ratio = f"{summary['ratios'][name]:.1f}x ({summary['cpu_ratios'][name]:.1f}x)"
            lines.append(
                f"| **{name}** | {n_events:,} | {_range(rates[name], 0)} | {ratio} | {_range(app[name], 1)} "
                f"| {_range(broker[name], 1)} | {contestant.job} | {contestant.guarantee} |"
            )
        text = "Each run, in their order. Foreign: cores that anything else on the machine kept busy."
        lines += ["", text, "", *_table_head(RUN_COLUMNS)]
        lines += [_run_line(run) for run in self.runs]
        return [*lines, ""]

    def _latency_lines(self) -> list[str]:
        if not self.latency:
            return []
        text = "An event is due -> the first read-committed score that covers it is read; milliseconds."
        lines = ["## Latency at a steady rate", "", text, "", *_table_head(LATENCY_COLUMNS)]
        return [*lines, *(_latency_line(row) for row in self.latency), ""]


def write(result: Result, directory: Path = DIRECTORY) -> Path:
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
    page = directory / f"{name}.md"
    page.write_text(result.page(), "utf-8")
    return page


def _range(found: Spread, digits: int) -> str:
    return f"{found.median:,.{digits}f} ({found.least:,.{digits}f}-{found.most:,.{digits}f})"


def _table_head(columns: str) -> list[str]:
    return [columns, "|---" * (columns.count("|") - 1) + "|"]


def _run_line(run: Run) -> str:
    window, outputs = run.window, run.outputs
    load = " ".join(f"{value:.2f}" for value in run.load)
    cells = [
        run.round,
        run.contestant,
        f"{window.rate:,.0f}",
        f"{window.app_cores:.2f}",
        f"{window.broker_cores:.2f}",
        f"{window.foreign_cores:.2f}",
        load,
        f"{run.first_event_s:.1f}",
        f"{run.peak_rss_mb:.0f}",
        f"{outputs.scores / run.workload.n_events:.2f}",
        f"{outputs.alerts:,}",
        "; ".join(run.wrong) or "correct",
    ]
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _latency_line(row: dict[str, Any]) -> str:
    cells = [row["contestant"], f"{row['rate']:,}", *(row.get(name) for name in QUANTILES)]
    cells += [f"{row['sent']:,}", row["unanswered"]]
    cells += [f"{row[f'{name}_cores']:.2f}" for name in ("app", "broker", "bench", "foreign")]
    return f"| {' | '.join(str(cell) for cell in cells)} |"
