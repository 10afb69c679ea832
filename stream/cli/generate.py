"""`kizuna generate`: invented customers whose truth is known."""

from pathlib import Path
from typing import Annotated

import typer

from schemas.codec import encode
from stream.cli import output
from stream.cli.times import parse_time
from stream.offline.generate import generate as invent
from stream.offline.generate import truth_csv
from stream.offline.whole import whole

__all__ = ["generate"]


def generate(
    out: Annotated[Path, typer.Option(help="File to write; FILE.truth.csv says who left, when and why.")],
    customers: Annotated[int, typer.Option(min=1, help="How many people.")] = 1_000,
    days: Annotated[float, typer.Option(min=1, max=3650, help="Length of the history.")] = 365.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    end: Annotated[
        str, typer.Option(help="When the history ends; `kizuna send --shift-to-now` moves it.")
    ] = "2026-01-01",
    json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Write interactions of invented customers, some of whom are planted to leave, and the truth beside.

    Example: kizuna generate --customers 5000 --days 365 --seed 7 --out events.jsonl
    """
    end_ms = parse_time(end)
    truth_file = out.with_name(out.name + ".truth.csv")
    with output.progress() as report, whole(out) as file, whole(truth_file) as beside:
        history = invent(
            customers, days, seed, end_ms, lambda done: report("Inventing customers", done, customers)
        )
        n_events = len(history.events)
        for number, event in enumerate(history.events, start=1):
            file.write(encode(event) + b"\n")
            if number % 20_000 == 0:
                report("Writing events", number, n_events)
        beside.writelines(line.encode() for line in truth_csv(history.truth))
    n_churned = sum(row.churned for row in history.truth)
    if json:
        output.json_line(
            {
                "events": n_events,
                "customers": customers,
                "churned": n_churned,
                "out": str(out),
                "truth": str(truth_file),
            }
        )
        return
    output.say(f"{n_events:,} events of {customers:,} invented customers, {n_churned:,} of whom left")
    output.say(f"  events {out}")
    output.say(f"  truth  {truth_file}")
    output.say(f"  next   kizuna replay {out} --out scores.jsonl")
