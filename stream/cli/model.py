"""`kizuna model`: look at a parameter file before anything uses it."""

from pathlib import Path
from typing import Annotated

import typer

from stream.cli import output
from stream.cli.options import Json
from stream.model import parameters

__all__ = ["model"]

model = typer.Typer(no_args_is_help=True)


@model.callback()
def _group() -> None:
    """Look at a parameter file before anything uses it."""


@model.command()
def check(
    file: Annotated[Path, typer.Argument(help="Parameter file (TOML).")],
    json: Json = False,
) -> None:
    """Say whether a parameter file can be used; if not, the line, the name and the reason.

    Example: kizuna model check model.toml
    """
    found = parameters.load(file)
    layer = found.churn.layer
    if json:
        output.json_line(
            {
                "file": str(file),
                "model_version": found.model_version,
                "statistics_hash": found.statistics_hash,
                "shipped_statistics": found.statistics_hash == parameters.load().statistics_hash,
                "horizon_days": found.churn.horizon_days,
                "layer": layer is not None,
                "extrapolated": layer is not None and layer.extrapolated,
            }
        )
        return
    output.say(f"{file}: good; model {found.model_version}, churn within {found.churn.horizon_days} days")
    if layer is None:
        output.say("  churn risk: MBG/NBD and declared terms; no fitted layer")
    else:
        output.say(
            f"  churn risk: a layer fitted on {layer.history_days} days of history, and declared terms"
        )
    if layer is not None and layer.extrapolated:
        output.say("  the horizon is longer than that history: the risk is extrapolated")
    if found.statistics_hash != parameters.load().statistics_hash:
        output.say(
            "  its [statistics] or [promises] are not the shipped ones: state must be rebuilt for them"
        )
