"""`kizuna replay`: a file through the live code, without Kafka."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from schemas import dead_letter
from stream.alerts import rules as alert_rules
from stream.cli import output
from stream.cli.further import print_segments, segment_json
from stream.cli.options import Json
from stream.cli.times import parse_time, shown
from stream.clock import now_ms
from stream.errors import DataError
from stream.model import parameters
from stream.offline import history
from stream.offline.calibration import PERIOD_DAYS, Watch
from stream.offline.replay import Replay, scores_at
from stream.offline.replay import replay as run
from stream.offline.whole import whole
from stream.pipeline import DeadLetter, Pipeline
from stream.pipeline.derive import derive
from stream.pipeline.segments import GROUPINGS, Segment
from stream.pipeline.segments import segments as grouped

__all__ = ["replay"]

Grouping = StrEnum("Grouping", {name: name for name in GROUPINGS})  # type: ignore[misc]  # made of the table

LATEST = 3  # periods of drift that are told one by one


def replay(
    events: Annotated[Path, typer.Argument(help="One interaction per line, as JSON.")],
    out: Annotated[
        Path, typer.Option(help="Scores to write, one customer per line; dead letters beside it.")
    ],
    as_of: Annotated[
        str | None, typer.Option(help="T: later events are left out.", show_default="the last event")
    ] = None,
    params: Annotated[Path | None, typer.Option(help="Model parameters (TOML).")] = None,
    rules: Annotated[Path | None, typer.Option(help="Alert rules (TOML).")] = None,
    segments: Annotated[
        Grouping | None, typer.Option(help="Also a table of groups as of T: trust, risk, surveys, value.")
    ] = None,
    json: Json = False,
) -> None:
    """Score a history as the worker would have, and write every customer's scores as of T.

    Silence is scored too: the clock is the events' own, and goes on to T after the last of them.

    Example: kizuna replay events.jsonl --out scores.jsonl --as-of 2025-10-01 --segments tier
    """
    pipeline = Pipeline(parameters.load(params), alert_rules.load(rules), clock="event")
    until_ms = parse_time(as_of) if as_of is not None else None
    watch = Watch(pipeline.parameters)
    dead_file = out.with_name(out.name + ".dead.jsonl")
    first: list[dict[str, Any]] = []
    with output.progress() as report, whole(out) as file, whole(dead_file) as beside:

        def bury(letters: Sequence[DeadLetter]) -> None:
            for letter in letters:
                row = _dead_row(letter)
                beside.write(orjson.dumps(row) + b"\n")
                if len(first) < 3:
                    first.append(row)

        account = run(
            pipeline,
            history.read(events),
            now_ms=now_ms(),
            until_ms=until_ms,
            on_dead=bury,
            on_time=watch.look,
            on_progress=lambda done: report("Replaying events", done, 0),
        )
        if not len(account.table) and first:
            raise DataError(
                f"{events} line {first[0]['line']}: {first[0]['cause']}, {first[0]['detail']}; "
                "no line could be scored",
                hint="each line must be one interaction as JSON; `kizuna generate` writes such a file",
            )
        for score in scores_at(pipeline, account.table, account.as_of_ms):
            file.write(score + b"\n")
    if not account.causes:
        dead_file.unlink()
    groups = None if segments is None else (segments.value, _groups(pipeline, account, segments.value))
    _tell(account, out, dead_file, first, watch.report(), groups, json=json)


def _groups(pipeline: Pipeline, account: Replay, by: str) -> list[Segment]:
    table = account.table
    return grouped(derive(table, table.live(0, table.n_rows), account.as_of_ms, pipeline.parameters), by)


def _dead_row(letter: DeadLetter) -> dict[str, Any]:
    said = dead_letter.said(letter.headers)
    return {
        "line": int(said["offset"]),
        "cause": said["cause"],
        "detail": said["detail"],
        "value": (letter.value or b"").decode("utf-8", "replace"),
    }


def _tell(
    account: Replay,
    out: Path,
    dead_file: Path,
    first: list[dict[str, Any]],
    calibration: dict[str, Any],
    groups: tuple[str, list[Segment]] | None,
    *,
    json: bool,
) -> None:
    summary = {
        "events": account.n_records,
        "scored": account.count("scored"),
        "duplicates": account.count("duplicate"),
        "dead_letters": account.count("invalid"),
        "later": account.n_later,
        "customers": len(account.table),
        "scores": account.n_scores,
        "alerts_opened": account.opened.total(),
        "alerts_resolved": account.resolved.total(),
        "as_of": shown(account.as_of_ms) if account.as_of_ms else None,
        "calibration": calibration,
        "promises_given_up": account.promises_given_up,
        "out": str(out),
    }
    if groups is not None:
        summary["segments"] = {str(groups[0]): [segment_json(group) for group in groups[1]]}
    if json:
        output.json_line(summary)
        return
    output.say(
        f"{account.n_records:,} events: {summary['scored']:,} scored, {summary['duplicates']:,} duplicates, "
        f"{summary['dead_letters']:,} dead letters, {account.n_later:,} later than T"
    )
    output.say(
        f"{len(account.table):,} customers, {account.n_scores:,} scores published on the way, "
        f"{summary['alerts_opened']:,} alerts opened, {summary['alerts_resolved']:,} resolved"
    )
    _tell_calibration(calibration)
    for row in first:
        output.say(f"  line {row['line']}: {row['cause']}, {row['detail']}")
    if account.promises_given_up:
        output.say(
            f"  {account.promises_given_up:,} open promises counted as broken: too many of one customer"
        )
    output.say(f"  scores as of {summary['as_of']}: {out}")
    if first:
        output.say(f"  dead letters: {dead_file}")
    if groups is not None:
        output.say()
        print_segments(*groups)


def _tell_calibration(calibration: dict[str, Any]) -> None:
    """How the published risk came true, and when it did not."""
    if not calibration["judged"]:
        return
    auc = "" if calibration["auc"] is None else f", AUC {calibration['auc']:.3f}"
    output.say(
        f"published risk, judged a horizon later {calibration['judged']:,} times: "
        f"{calibration['foretold']:.1%} foretold, {calibration['left']:.1%} left{auc}"
    )
    drifted = calibration["drifted"]
    for period in drifted[-LATEST:]:
        rates = f"{period['foretold']:.1%} foretold, {period['left']:.1%} left"
        output.say(f"  drift from {period['from']}: {rates}")
    if drifted:
        output.say(f"  {len(drifted)} periods of {PERIOD_DAYS} days are off; next: kizuna fit --help")
