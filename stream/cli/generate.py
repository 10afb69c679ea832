"""`kizuna generate`: invented customers whose truth is known."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.models import OptionInfo

from stream.cli import output
from stream.cli.options import Json
from stream.cli.times import parse_time
from stream.offline.arrival import MAX_SHARE, Arrivals, Rates, arrive
from stream.offline.bad import KINDS
from stream.offline.generate import History
from stream.offline.generate import generate as invent
from stream.offline.truth import truth_csv
from stream.offline.whole import whole

__all__ = ["generate"]


def _share(text: str) -> OptionInfo:
    option: OptionInfo = typer.Option(min=0.0, max=MAX_SHARE, help=text)
    return option


def generate(
    out: Annotated[Path, typer.Option(help="File to write; FILE.truth.csv says who left, when and why.")],
    customers: Annotated[int, typer.Option(min=1, help="How many people.")] = 1_000,
    days: Annotated[float, typer.Option(min=1, max=3650, help="Length of the history.")] = 365.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    end: Annotated[
        str, typer.Option(help="When the history ends; `kizuna send --shift-to-now` moves it.")
    ] = "2026-01-01",
    disorder: Annotated[float, _share("Share of events up to 15 minutes out of order.")] = 0.0,
    duplicates: Annotated[float, _share("Share of events that arrive twice.")] = 0.0,
    late: Annotated[float, _share("Share of events that arrive 1 to 14 days late.")] = 0.0,
    skew: Annotated[float, _share("Share of customers whose device's clock is up to 12 h wrong.")] = 0.0,
    bad: Annotated[float, _share("Bad records per event, in addition; FILE.bad.csv lists them.")] = 0.0,
    json: Json = False,
) -> None:
    """Write interactions of invented customers, some of whom are planted to leave, and the truth beside.

    Example: kizuna generate --customers 5000 --days 365 --seed 7 --out events.jsonl
    """
    end_ms = parse_time(end)
    rates = Rates(disorder=disorder, duplicates=duplicates, late=late, skew=skew, bad=bad)
    truth_file, bad_file = (out.with_name(out.name + suffix) for suffix in (".truth.csv", ".bad.csv"))
    account = Arrivals()
    with output.progress() as report, whole(out) as file, whole(truth_file) as beside:
        history = invent(
            customers, days, seed, end_ms, lambda done: report("Inventing customers", done, customers)
        )
        n_events = len(history.events)
        lines = arrive(
            history.events, rates, seed, account, lambda done: report("Writing events", done, n_events)
        )
        for line in lines:
            file.write(line + b"\n")
        beside.writelines(row.encode() for row in truth_csv(history.truth))
        if account.bad:
            with whole(bad_file) as refused:
                refused.writelines(_bad_csv(account))
    if not account.bad:
        bad_file.unlink(missing_ok=True)  # of an earlier file of this name
    summary = _summary(history, account) | {"out": str(out), "truth": str(truth_file)}
    if account.bad:
        summary["bad_file"] = str(bad_file)
    if json:
        output.json_line(summary)
        return
    _tell(summary)


def _bad_csv(account: Arrivals) -> Iterator[bytes]:
    yield b"line,kind,cause\n"
    for line, kind in account.bad:
        yield f"{line},{kind},{KINDS[kind].cause}\n".encode()


def _summary(history: History, account: Arrivals) -> dict[str, Any]:
    return {
        "events": len(history.events),
        "lines": account.lines,
        "customers": len(history.truth),
        "churned": sum(row.churned for row in history.truth),
        "dissatisfied": sum(row.dissatisfied_at is not None for row in history.truth),
        "disordered": account.disordered,
        "late": account.late,
        "duplicates": account.duplicates,
        "skewed": account.skewed,
        "bad": dict(sorted(account.kinds.items())),
        "dead_letters": dict(sorted(account.causes.items())),
    }


def _tell(summary: dict[str, Any]) -> None:
    output.say(
        f"{summary['events']:,} events of {summary['customers']:,} invented customers; "
        f"{summary['churned']:,} left, {summary['dissatisfied']:,} were let down, and some of them stayed"
    )
    if summary["lines"] != summary["events"] or summary["disordered"] or summary["late"] or summary["skewed"]:
        output.say(
            f"  {summary['lines']:,} lines: {summary['disordered']:,} events out of order, "
            f"{summary['late']:,} late, {summary['duplicates']:,} twice, "
            f"{summary['skewed']:,} by a wrong clock"
        )
    for cause, n in summary["dead_letters"].items():
        output.say(f"  {n:,} bad records to be refused as {cause}")
    output.say(f"  events {summary['out']}")
    output.say(f"  truth  {summary['truth']}")
    if "bad_file" in summary:
        output.say(f"  bad    {summary['bad_file']}")
    output.say(f"  next   kizuna rehearse {summary['out']}")
