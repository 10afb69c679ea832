"""A result as a person reads it: Markdown with the conditions above the tables."""

from typing import Any

from tests.bench.contestants import Contestant
from tests.bench.measure import NOISY_CORES, Spread
from tests.bench.results import QUANTILES, Result
from tests.bench.throughput import Run

__all__ = ["page"]

SUMMARY_COLUMNS = (
    "| | events | events/s: median (range) | quiet runs | once warm | ours is | ours is, once warm "
    "| app CPU us/event | broker us/event | job | guarantee |"
)
RUN_COLUMNS = (
    "| round | who | events/s | once warm | app cores | broker cores | foreign | load before "
    "| first event after s | peak MB | scores per event | alerts | outputs |"
)
LATENCY_COLUMNS = (
    "| who | events/s | p50 | p90 | p99 | max | events | without a score "
    "| app cores | broker cores | bench cores | foreign |"
)


def page(result: Result) -> str:
    """The whole page."""
    parts = (_head(result), _throughput(result), _skipped(result), _latency(result))
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(result: Result) -> list[str]:
    head, machine = result.head, result.head["machine"]
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


def _throughput(result: Result) -> list[str]:
    if not result.runs:
        return []
    text = f"""\
Ours is: times as fast (in brackets: times less CPU per event, broker included). Quiet runs: median of those
with at most {NOISY_CORES} foreign cores, and how many they are. Once warm: the second half of each run."""
    lines = [
        "## Throughput on a preloaded backlog",
        "",
        *text.splitlines(),
        "",
        *_table_head(SUMMARY_COLUMNS),
    ]
    lines += [_summary_line(result, contestant) for contestant in result.contestants]
    text = "Each run, in their order. Foreign: cores that anything else on the machine kept busy."
    lines += ["", text, "", *_table_head(RUN_COLUMNS)]
    return [*lines, *(_run_line(run) for run in result.runs), ""]


def _summary_line(result: Result, contestant: Contestant) -> str:
    name = contestant.name
    runs = [run for run in result.runs if run.contestant == name]
    if not runs:
        return f"| **{name}** | - | - | - | - | - | - | - | - | {contestant.job} | {contestant.guarantee} |"
    summary, quiet, warm = result.summary(), result.quiet_rates(), result.warm_rates()
    n_quiet = sum(not run.is_noisy for run in runs)
    ratio = warm_ratio = "-"
    if name in summary["ratios"]:
        ratio = f"{summary['ratios'][name]:.1f}x ({summary['cpu_ratios'][name]:.1f}x)"
    if name in summary["warm"]["ratios"]:
        warm_ratio = f"{summary['warm']['ratios'][name]:.1f}x"
    cells = [
        f"**{name}**",
        f"{runs[0].workload.n_events:,}",
        _range(result.rates()[name], 0),
        f"{quiet[name].median:,.0f} ({n_quiet} of {len(runs)})" if name in quiet else "none",
        f"{warm[name].median:,.0f}" if name in warm else "-",
        ratio,
        warm_ratio,
        _range(result.spreads(lambda run: run.window.app_us)[name], 1),
        _range(result.spreads(lambda run: run.window.broker_us)[name], 1),
        contestant.job,
        contestant.guarantee,
    ]
    return _line(cells)


def _run_line(run: Run) -> str:
    window, outputs, warm = run.window, run.outputs, run.window.second_half
    return _line(
        [
            run.round,
            run.contestant,
            f"{window.rate:,.0f}",
            f"{warm.rate:,.0f}" if warm else "-",
            f"{window.app_cores:.2f}",
            f"{window.broker_cores:.2f}",
            f"{window.foreign_cores:.2f}{' noisy' if run.is_noisy else ''}",
            " ".join(f"{value:.2f}" for value in run.load),
            f"{run.first_event_s:.1f}",
            f"{run.peak_rss_mb:.0f}",
            f"{outputs.scores / run.workload.n_events:.2f}",
            f"{outputs.alerts:,}",
            "; ".join(run.wrong) or "correct",
        ]
    )


def _skipped(result: Result) -> list[str]:
    if not result.skipped:
        return []
    lines = ["## Skipped", ""]
    for name, reason in result.skipped.items():
        lines.append(f"- **{name}**{' (failed)' if name in result.failed else ''}: {reason.splitlines()[0]}")
    return [*lines, ""]


def _latency(result: Result) -> list[str]:
    if not result.latency:
        return []
    text = "An event is due -> the first read-committed score that covers it is read; milliseconds."
    lines = ["## Latency at a steady rate", "", text, "", *_table_head(LATENCY_COLUMNS)]
    lines += [*map(_latency_line, result.latency), ""]
    ringing = [row for row in result.latency if row["alert_n"]]
    if ringing:
        text = "An event is due -> the alert that it opens is read, read committed; milliseconds."
        lines += ["## From an event to its alert", "", text, "", *_table_head(ALERT_COLUMNS)]
        lines += [_line([f"{row['rate']:,}", *(row[f"alert_{name}"] for name in ALERTS)]) for row in ringing]
        lines.append("")
    return lines


ALERT_COLUMNS = "| events/s | alerts | p50 | p90 | p99 | max |"
ALERTS = ("n", *QUANTILES)
LOADS = {"half": " (half of the backlog's)", "half-sustained": " (half of what ours follows)"}


def _latency_line(row: dict[str, Any]) -> str:
    rate = f"{row['rate']:,}{LOADS.get(row['load'], '')}"
    if not row["follows"]:
        rate += " (cannot follow)"
    cells = [row["contestant"], rate, *(row.get(name) for name in QUANTILES)]
    cells += [f"{row['sent']:,}", row["unanswered"]]
    return _line([*cells, *(f"{row[f'{name}_cores']:.2f}" for name in ("app", "broker", "bench", "foreign"))])


def _line(cells: list[Any]) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _range(found: Spread, digits: int) -> str:
    return f"{found.median:,.{digits}f} ({found.least:,.{digits}f}-{found.most:,.{digits}f})"


def _table_head(columns: str) -> list[str]:
    return [columns, "|---" * (columns.count("|") - 1) + "|"]
