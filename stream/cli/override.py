"""`kizuna override`: a person shows another band than the computed one, for a time, with a reason."""

import asyncio
from enum import StrEnum
from typing import Annotated
from uuid import uuid4

import typer

from schemas.command import CommandV1
from stream.cli import output
from stream.cli.options import Bootstrap, Json
from stream.cli.order import as_sent, strict
from stream.cli.times import parse_end, shown
from stream.cli.where import reachable, whose
from stream.clock import now_ms
from stream.config import load
from stream.engine.commands import send_command
from stream.engine.topics import COMMANDS
from stream.errors import ConfigError
from stream.pipeline.encode import rfc3339

__all__ = ["override"]


class Shown(StrEnum):
    """What may follow `--band`, worst first."""

    CRITICAL = "critical"
    LOW = "low"
    FAIR = "fair"
    GOOD = "good"
    STRONG = "strong"


def override(
    customer: Annotated[str, typer.Argument(help="Customer id, as in the interactions.")],
    by: Annotated[str, typer.Option(help="Who decides; shown beside the band.")],
    band: Annotated[Shown | None, typer.Option(help="To show instead of the computed one.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; shown beside the band.")] = None,
    until: Annotated[
        str | None, typer.Option(help="When it ends: a time, or from now: +7d, +12h, +30m.")
    ] = None,
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="End what was overridden; needs neither band nor until.")
    ] = False,
    bootstrap: Bootstrap = None,
    topic_prefix: Annotated[str | None, typer.Option(help="Put before the topic's name.")] = None,
    json: Json = False,
) -> None:
    """Show another band of a customer than the computed one, until a time; or withdraw that.

    Scores and alerts stay the computed ones. Of several decisions the latest counts. The worker publishes
    the score anew at once, and again when the time is over; what is said of an unknown customer becomes a
    dead letter.

    Example: kizuna override cdnow-00001 --band good --reason "our mistake" --until +7d --by mika
    """
    settings = load(bootstrap=bootstrap, topic_prefix=topic_prefix)
    command = _command(customer, by, band, reason, until, now_ms(), withdraw=withdraw)
    key = settings.command_key()
    with reachable(settings) as reached:
        found = whose(reached, COMMANDS)
        asyncio.run(send_command(found, command, key))
    topic = found.topic(COMMANDS)
    if json:
        output.json_line({"topic": topic, "command": as_sent(command)})
        return
    if command.until is None:
        output.say(f"withdrawn: the override of {customer}, acknowledged by {topic}")
    else:
        end = shown(round(command.until.timestamp() * 1000))
        output.say(f"{customer} is shown as {command.band} until {end}, acknowledged by {topic}")
    output.say(f"once a worker has read it, see it with: kizuna explain {customer}")


def _command(
    customer: str,
    by: str,
    band: Shown | None,
    reason: str | None,
    until: str | None,
    wall_ms: int,
    *,
    withdraw: bool,
) -> CommandV1:
    """What is to be sent, as strictly read as the worker reads it."""
    if withdraw and (band is not None or until is not None):
        raise ConfigError("a withdrawal has neither a band nor an end", hint="leave --band and --until away")
    if not withdraw and not (band and reason and until):
        raise ConfigError(
            "an override needs a band, a reason and an end",
            hint="add --band, --reason and --until, or --withdraw to end one",
        )
    until_ms = None if until is None else parse_end(until, wall_ms)
    sent = {
        "command_id": str(uuid4()),
        "customer_id": customer,
        "action": "withdraw" if withdraw else "override",
        "issued_at": rfc3339(wall_ms),
        "issued_by": by,
        "reason": reason,
        "until": None if until_ms is None else rfc3339(until_ms),
        "band": None if band is None else band.value,
    }
    return strict(sent, "see `kizuna override --help`")
