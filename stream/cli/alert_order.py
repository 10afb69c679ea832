"""What a person does about an alert: found, sent, and answered by the worker that owns the customer."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec

from schemas.alert import AlertV1
from schemas.command import CommandV1
from stream.cli import output
from stream.cli.alert_table import plain
from stream.cli.order import as_sent, strict
from stream.cli.times import shown
from stream.cli.where import reachable, whose
from stream.clock import now_ms
from stream.config import Settings, load
from stream.engine.alerts import open_alerts
from stream.engine.commands import Answer, ask, send_command
from stream.engine.topics import COMMANDS
from stream.errors import ConfigError, RefusedError
from stream.pipeline.encode import rfc3339
from stream.pipeline.times import to_ms

__all__ = ["act", "read"]

LOOK = "look at it: kizuna alerts list --customer {customer} --state all"
NEXT = {
    "stale_command": "it has moved on since; " + LOOK + ", then decide anew",
    "unknown_customer": "ids are case-sensitive, as in the interactions",
    "forged_author": "give your own name as --by; if workers ask for signatures, set command_key_file",
}
"""Cause of a refusal -> what to do next; of any other: `LOOK`."""


def act(
    said: Mapping[str, object],
    *,
    seq: int | None,
    wait_s: float | None,
    bootstrap: str | None,
    topic_prefix: str | None,
    json: bool,
) -> None:
    """Do one thing about one alert, and print what became of it.

    Args:
        said: fields of the command; `rule_id` None means the one alert of the customer.
        seq: that the alert must have; None means the one that is read now.
        wait_s: for the worker's answer; None does not wait.
        bootstrap: as typed.
        topic_prefix: as typed.
        json: print the command and the alert as one JSON object.

    Raises:
        ConfigError: the command is wrong as it stands, or does not say which alert.
        RefusedError: a worker refused it, or none has answered in time.
    """
    settings = load(bootstrap=bootstrap, topic_prefix=topic_prefix)
    key = settings.command_key()
    made = {"command_id": str(uuid4()), "issued_at": rfc3339(now_ms()), "expected_seq": seq}
    rule = said["rule_id"]
    command = strict({**made, **said, "rule_id": "?" if rule is None else rule}, "see its --help")
    answer = None
    with reachable(settings) as reached:
        found = whose(reached, COMMANDS)
        if rule is None or seq is None:
            command = _about(
                read(found, command.customer_id), command, None if rule is None else str(rule), seq
            )
        if wait_s is None:
            asyncio.run(send_command(found, command, key))
        elif (answer := asyncio.run(ask(found, command, key, wait_s))) is None:
            raise RefusedError(
                f"Kafka has it, but no worker has answered within {wait_s:g} s",
                hint="it is done once a worker reads it; "
                + LOOK.format(customer=command.customer_id)
                + ", and at the workers",
            )
    _tell(command, answer, found.topic(COMMANDS), json=json)


def read(settings: Settings, customer: str | None = None) -> list[AlertV1]:
    """The alerts that are open in any state, of one customer or of all."""
    name = settings.topic("alerts")
    with output.progress() as report:
        return asyncio.run(
            open_alerts(settings, customer, lambda n_read: report(f"Reading {name}", n_read, 0))
        )


def _about(alerts: list[AlertV1], command: CommandV1, rule: str | None, seq: int | None) -> CommandV1:
    """The command about the alert that is there, as it is now."""
    fitting = [alert for alert in alerts if rule in (None, alert.rule_id)]
    look = LOOK.format(customer=command.customer_id)
    if not fitting:
        of = "" if rule is None else f" of rule {rule!r}"
        raise RefusedError(f"no alert{of} is open for customer {command.customer_id!r}", hint=look)
    if len(fitting) > 1:
        names = ", ".join(sorted(alert.rule_id for alert in fitting))
        raise ConfigError(
            f"customer {command.customer_id!r} has {len(fitting)} open alerts: {names}",
            hint="name one of them after the customer",
        )
    [alert] = fitting
    return msgspec.structs.replace(
        command, rule_id=alert.rule_id, expected_seq=alert.seq if seq is None else seq
    )


def _tell(command: CommandV1, answer: Answer | None, topic: str, *, json: bool) -> None:
    alert = None if answer is None else answer.alert
    if answer is not None and alert is None:
        hint = NEXT.get(answer.cause, LOOK).format(customer=command.customer_id)
        raise RefusedError(f"refused as {answer.cause}: {answer.detail}", hint=hint)
    if json:
        became: Any = None if alert is None else msgspec.to_builtins(alert)
        output.json_line({"topic": topic, "command": as_sent(command), "alert": became})
    elif alert is None:
        output.say(f"sent to {topic}; see what becomes of it: {LOOK.format(customer=command.customer_id)}")
    else:
        output.say(f"{plain(alert.customer_id)} {plain(alert.rule_id)}: {_done(command)} (seq {alert.seq})")


def _done(command: CommandV1) -> str:
    match command.action:
        case "assign":
            return f"owned by {plain(command.assignee or '')}"
        case "snooze":
            return f"rests until {shown(to_ms(command.until))}" if command.until else "rests"
        case "acknowledge":
            return f"acknowledged by {plain(command.issued_by)}"
        case "resolve":
            return f"resolved by {plain(command.issued_by)}"
    return "noted"
