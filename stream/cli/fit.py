"""`kizuna fit`: the parameters of the churn risk, from a file of interactions."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stream.cli import output
from stream.cli.options import Json
from stream.cli.times import parse_time
from stream.clock import now_ms
from stream.model import parameters
from stream.model.toml import render
from stream.offline.fit import Fit
from stream.offline.fit import fit as run
from stream.offline.panel import day_of, read_panel
from stream.offline.whole import whole

__all__ = ["fit"]

NAMES = {
    "mbgnbd": "MBG/NBD",
    "mbgnbd_with_prior": "MBG/NBD, prior",
    "bgnbd": "BG/NBD",
    "pareto_nbd": "Pareto/NBD",
    "nbd": "NBD",
    "gamma_gamma": "Gamma-Gamma",
}


def fit(
    events: Annotated[Path, typer.Argument(help="One interaction per line, as JSON.")],
    out: Annotated[Path, typer.Option(help="Parameter file to write (TOML).")],
    until: Annotated[
        str | None,
        typer.Option(help="The last day that is learnt from (UTC).", show_default="that of the last event"),
    ] = None,
    horizon_days: Annotated[
        int | None,
        typer.Option(
            min=1, max=3650, help="Days that the risk speaks of.", show_default="the given parameters'"
        ),
    ] = None,
    params: Annotated[
        Path | None,
        typer.Option(help="Every other parameter (TOML).", show_default="the shipped parameters"),
    ] = None,
    json: Json = False,
) -> None:
    """Fit the churn risk to a history: purchase models, training windows before the last day, coefficients.

    What cannot be fitted keeps the given parameters, with a warning. `kizuna replay --params FILE` and
    `kizuna worker --parameters FILE` score with the result.

    Example: kizuna fit events.jsonl --out model.toml --until 1997-09-30 --horizon-days 273
    """
    base = parameters.load(params)
    until_day = day_of(parse_time(until)) if until is not None else None
    with output.progress() as report, whole(out) as file:
        panel = read_panel(
            events, now_ms=now_ms(), on_progress=lambda done: report("Reading events", done, 0)
        )
        found = run(
            panel,
            panel.last_day if until_day is None else until_day,
            base.churn.horizon_days if horizon_days is None else horizon_days,
            base,
            on_progress=report,
        )
        file.write(render(found.parameters, _comments(events, found)).encode())
    reading = panel.reading
    summary = found.report | {
        "lines": reading.n_lines,
        "purchases": reading.n_purchases,
        "duplicates": reading.n_duplicates,
        "bad_lines": dict(reading.causes),
        "out": str(out),
    }
    if json:
        output.json_line(summary)
        return
    _tell(summary)
    for bad in reading.first_bad:
        output.say(f"  line {bad.line}: {bad.cause}, {bad.detail}")
    output.say(f"written: {out}, model {found.parameters.model_version}")
    output.say(f"next: kizuna replay {events} --params {out} --out scores.jsonl")


def _comments(events: Path, found: Fit) -> list[str]:
    report = found.report
    return [
        (
            f"Fitted by kizuna fit from {events.name}: {report['customers']} customers up to "
            f"{report['until']}, churn within {report['horizon_days']} days."
        ),
        *(f"Warning: {warning}." for warning in found.warnings),
        "What each name means: stream/model/parameters.toml and stream/model/README.md.",
    ]


def _tell(report: dict[str, Any]) -> None:
    output.say(
        f"{report['customers']:,} customers up to {report['until']}, {report['history_days']:,} days of "
        f"history; {report['one_time_buyers']:,} bought once, the others came back "
        f"{report['repeat_purchases']:,} times"
    )
    if report["customers_with_contract"]:
        output.say(f"  {report['customers_with_contract']:,} more have a contract and are left out here")
    if "models" in report:
        output.say("purchase models by maximum likelihood (weeks; standard errors in brackets)")
    for name, model in report.get("models", {}).items():
        output.say(f"  {NAMES[name]:<15}{model['log_likelihood']:>14,.3f}  {_values(model)}")
    if "layer" in report:
        _tell_layer(report["layer"], report["horizon_days"])
    if report.get("contracts", {}).get("fitted"):
        _tell_contracts(report["contracts"])
    for warning in report["warnings"]:
        output.say(f"warning: {warning}")


def _values(model: dict[str, Any]) -> str:
    return "  ".join(
        f"{name} {value:.4g} ({'?' if model['se'][name] is None else format(model['se'][name], '.2g')})"
        for name, value in model["parameters"].items()
    )


def _tell_layer(layer: dict[str, Any], horizon_days: int) -> None:
    halves = " and ".join(layer["regressions"])
    output.say(f"layer for {horizon_days} days, equal parts of {halves}; log-odds per standard deviation")
    for name, regression in layer["regressions"].items():
        told = "  ".join(f"{of} {value:+.3f}" for of, value in regression["standardised"].items())
        output.say(f"  {name:<5}intercept {regression['intercept']:+.3f}  {told}")
    output.say("training windows (in sample: these were fitted on; kizuna backtest tells what holds later)")
    for window in layer["windows"]:
        told = "; ".join(
            f"{name} AUC {_digits(found['auc'])}"
            + (f" Brier {found['brier']:.4f}" if "brier" in found else "")
            for name, found in window["in_sample"].items()
        )
        output.say(
            f"  {window['origin']} + {window['horizon_days']} days: {window['customers']:,} customers, "
            f"{window['churn_rate']:.1%} left; {told}"
        )


def _tell_contracts(found: dict[str, Any]) -> None:
    shape = found["baseline"]
    output.say(
        f"contracts: {found['ended']:,} of {found['rows']:,} looks ahead by {found['window_days']} days saw"
        f" the end; shifted-beta-geometric alpha {shape['alpha']:.4g}, beta {shape['beta']:.4g} (months)"
    )
    weights = found["weights"].items()
    learnt = [f"{name} {w['value']:+.2f} ({_error(w)})" for name, w in weights if w["from_data"]]
    output.say(f"  log-odds (standard errors in brackets)  {'  '.join(learnt)}")
    constant = [name for name, w in weights if not w["from_data"]]
    output.say(f"  declared, for it never varied: {', '.join(constant) or '-'}")


def _error(weight: dict[str, Any]) -> str:
    return "at its bound" if weight["standard_error"] is None else f"{weight['standard_error']:.2g}"


def _digits(value: float | None) -> str:
    return "?" if value is None else f"{value:.4f}"
