"""`kizuna backtest`: how good the risk would have been, beside simpler models, honest in time."""

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from stream.alerts import rules as alert_rules
from stream.cli import output
from stream.cli.options import Json
from stream.cli.times import parse_time
from stream.clock import now_ms
from stream.errors import ConfigError, DataError
from stream.model import parameters
from stream.model.parameters import Parameters
from stream.offline import history
from stream.offline.backtest import Backtest
from stream.offline.backtest import backtest as run
from stream.offline.backtest_table import alert_lines, as_json, lead_lines, table
from stream.offline.fit import fit
from stream.offline.origins import Origin, plan
from stream.offline.panel import Panel
from stream.offline.report import report_html
from stream.offline.timeline import Timeline, read_timeline
from stream.offline.truth import Truth, read_truth
from stream.offline.walk import Setup
from stream.offline.whole import whole

__all__ = ["backtest"]


def backtest(
    events: Annotated[Path, typer.Argument(help="One interaction per line, as JSON.")],
    origin: Annotated[
        str, typer.Option(help="Nothing later is known to any model. A day is known to its end; or a time.")
    ],
    horizon_days: Annotated[
        int, typer.Option(min=1, max=3650, help="Who buys nothing for so long has left.")
    ],
    folds: Annotated[int, typer.Option(min=1, max=100, help="Origins, each a horizon before the last.")] = 1,
    report: Annotated[Path | None, typer.Option(help="HTML page to write; opens without a network.")] = None,
    params: Annotated[
        Path | None,
        typer.Option(help="Score with these parameters (TOML) instead of fitting at each origin."),
    ] = None,
    truth: Annotated[
        Path | None,
        typer.Option(
            help="Who left and when (CSV), for lead times.", show_default="EVENTS.truth.csv, if there"
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Fit and score customers as of an origin, and judge it by what they did after it.

    The live code scores; recency, frequency, a logistic regression, BG/NBD and MBG/NBD stand beside it, on
    the same customers. Churn is no purchase within the horizon; for customers with a contract, that it ended
    or was not renewed.

    Example: kizuna backtest events.jsonl --origin 2025-06-30 --horizon-days 90 --report report.html
    """
    start = _origin(origin)
    base = parameters.load(params)
    of_parameters = _of_parameters(params, base, start, horizon_days)
    rules = alert_rules.load(None)
    time_ms = now_ms()
    with output.progress() as tell:
        timeline = read_timeline(history.read(events), time_ms, lambda done: tell("Reading events", done, 0))
        if not timeline.n_events and timeline.refused:
            line, cause, detail = timeline.refused[0]
            raise DataError(
                f"{events} line {line}: {cause}, {detail}; no line could be read",
                hint="each line must be one interaction as JSON; `kizuna generate` writes such a file",
            )
        origins, warnings = plan(timeline, start, horizon_days, folds)
        setup = Setup(
            horizon_days,
            base,
            rules,
            time_ms,
            fit=None if params is not None else _fit_from(base, tell),
            truth=_truth(events, truth),
            on_progress=tell,
        )
        found = run(timeline, partial(history.read, events), origins, setup)
    found.warnings = _of_file(timeline) + of_parameters + warnings
    if report is not None:
        with whole(report) as file:
            file.write(report_html(found, horizon_days, events.name).encode())
    _tell(found, horizon_days, report, json=json)


def _fit_from(
    base: Parameters, tell: output.Report
) -> Callable[[Panel, int, int], tuple[Parameters, list[str]]]:
    def fitted(panel: Panel, until_day: int, horizon_days: int) -> tuple[Parameters, list[str]]:
        found = fit(panel, until_day, horizon_days, base, references=False, on_progress=tell)
        return found.parameters, found.warnings

    return fitted


def _truth(events: Path, given: Path | None) -> list[Truth]:
    beside = events.with_name(events.name + ".truth.csv")
    if given is None and not beside.exists():
        return []
    return read_truth(given or beside)


def _origin(text: str) -> Origin:
    try:
        whole_day = date.fromisoformat(text) is not None
    except ValueError:
        whole_day = False
    return Origin.at(parse_time(text), whole_day=whole_day)


def _of_file(timeline: Timeline) -> list[str]:
    if not timeline.causes:
        return []
    causes = ", ".join(f"{cause} {n}" for cause, n in timeline.causes.most_common())
    line, cause, detail = timeline.refused[0]
    first = f"the first is line {line}: {cause}, {detail}"
    return [f"{timeline.causes.total()} lines were refused and left out ({causes}); {first}"]


def _of_parameters(params: Path | None, base: Parameters, origin: Origin, horizon_days: int) -> list[str]:
    if params is None:
        return []
    layer = base.churn.layer
    if layer is not None and layer.horizon_days != horizon_days:
        raise ConfigError(
            f"{params.name} was fitted for {layer.horizon_days} days, not {horizon_days}",
            hint=f"--horizon-days {layer.horizon_days}, or leave --params out to fit at each origin",
        )
    when = origin.text
    return [f"kizuna was scored with {params.name} as it is: honest only if fitted on nothing after {when}"]


def _tell(found: Backtest, horizon_days: int, report: Path | None, *, json: bool) -> None:
    said = as_json(found, horizon_days)
    if report is not None:
        said["report"] = str(report)
    if json:
        output.json_line(said)
        return
    for fold in found.folds:
        output.say(
            f"Origin {fold.origin.text}, {horizon_days} days ahead: {fold.n:,} customers, "
            f"{fold.churn_rate:.1%} left"
        )
        for line in table(fold):
            output.say(f"  {line}")
        for warning in fold.warnings:
            output.say(f"  warning: {warning}")
        output.say()
    for line in alert_lines(found.quality) + lead_lines(found):
        output.say(line)
    for warning in found.warnings:
        output.say(f"warning: {warning}")
    if report is not None:
        output.say(f"report: {report}")
