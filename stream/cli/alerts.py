"""`kizuna alerts list|ack|assign|snooze|resolve|note`: see what is open, and say what you do about it."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer

from schemas.alert import AlertV1
from stream.alerts.commands import MAX_SNOOZE_DAYS
from stream.cli import output
from stream.cli.alert_order import act, read
from stream.cli.alert_table import Choice, Chosen, choose, lines
from stream.cli.options import Bootstrap, Json
from stream.cli.times import parse_end
from stream.cli.where import reachable, whose
from stream.clock import now_ms
from stream.config import load
from stream.engine.alerts import TOPIC
from stream.errors import ConfigError
from stream.pipeline.encode import rfc3339
from stream.texts.alerts import why
from stream.texts.languages import Lang, Language

__all__ = ["alerts"]

alerts = typer.Typer(no_args_is_help=False)

MS_PER_DAY = 86_400_000


class SeverityName(StrEnum):
    """What may follow `--severity`."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class StateName(StrEnum):
    """What may follow `--state`."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    RECOVERING = "recovering"
    SUPPRESSED = "suppressed"
    ALL = "all"


Customer = Annotated[str, typer.Argument(help="Customer id, as in the interactions.")]
Rule = Annotated[
    str | None, typer.Argument(help="Which alert of the customer.", show_default="the one that is open")
]
By = Annotated[str, typer.Option(help="Who does it; kept with the alert.")]
Reason = Annotated[str | None, typer.Option(help="Why; kept with the alert.")]
Seq = Annotated[
    int | None,
    typer.Option(
        min=0, help="Refuse it unless the alert's `seq` is this one.", show_default="the one just read"
    ),
]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Do not wait for the worker's answer.")]
WaitS = Annotated[float, typer.Option(min=0.1, max=3600, help="Wait for the answer so long, seconds.")]
Prefix = Annotated[
    str | None,
    typer.Option(help="Put before every topic's name.", show_default="the settings', else the demo's"),
]


@alerts.command("list")
def list_(
    customer: Annotated[str | None, typer.Option(help="Only this customer's.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule's.")] = None,
    severity: Annotated[SeverityName | None, typer.Option(help="Only these.")] = None,
    state: Annotated[
        StateName | None, typer.Option(help="Only these.", show_default="all but suppressed")
    ] = None,
    segment: Annotated[str | None, typer.Option(help="Only of customers of this segment.")] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Also of rules on trial, of which nobody is told.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    lang: Annotated[Lang, typer.Option(help="Language of the table.")] = Lang.EN,
    bootstrap: Bootstrap = None,
    topic_prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Show the alerts that are open: the severest first, then by value at risk, then the oldest.

    Those held back (--state suppressed) are shown by value at risk. The second line of each says why.

    Example: kizuna alerts list --severity critical --lang ja
    """
    choice = Choice(customer, rule, severity, state, segment, shadow)
    with reachable(load(bootstrap=bootstrap, topic_prefix=topic_prefix), wake=True) as settings:
        found = choose(read(whose(settings, TOPIC), customer), choice)
    if json:
        output.json_line(_as_json(found, limit, lang.language))
    else:
        _print(found, limit, lang.language)


@alerts.command()
def ack(
    customer: Customer,
    by: By,
    rule: Rule = None,
    reason: Reason = None,
    seq: Seq = None,
    no_wait: NoWait = False,
    wait_s: WaitS = 10.0,
    bootstrap: Bootstrap = None,
    topic_prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Acknowledge an alert: somebody works on it, and it no longer escalates by time.

    Example: kizuna alerts ack cdnow-00001 trust_low --by mika
    """
    said = {"customer_id": customer, "rule_id": rule, "issued_by": by, "reason": reason}
    act(
        {"action": "acknowledge", **said},
        seq=seq,
        wait_s=None if no_wait else wait_s,
        bootstrap=bootstrap,
        topic_prefix=topic_prefix,
        json=json,
    )


@alerts.command()
def assign(
    customer: Customer,
    by: By,
    to: Annotated[str, typer.Option(help="Who owns it from now on.")],
    rule: Rule = None,
    reason: Reason = None,
    seq: Seq = None,
    no_wait: NoWait = False,
    wait_s: WaitS = 10.0,
    bootstrap: Bootstrap = None,
    topic_prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Give an alert another owner.

    Example: kizuna alerts assign cdnow-00001 trust_low --to ana --by mika
    """
    said = {"customer_id": customer, "rule_id": rule, "issued_by": by, "reason": reason, "assignee": to}
    act(
        {"action": "assign", **said},
        seq=seq,
        wait_s=None if no_wait else wait_s,
        bootstrap=bootstrap,
        topic_prefix=topic_prefix,
        json=json,
    )


@alerts.command()
def snooze(
    customer: Customer,
    by: By,
    until: Annotated[str, typer.Option(help="A time, or from now: +7d, +12h, +30m.")],
    reason: Annotated[str, typer.Option(help="Why; kept with the alert.")],
    rule: Rule = None,
    seq: Seq = None,
    no_wait: NoWait = False,
    wait_s: WaitS = 10.0,
    bootstrap: Bootstrap = None,
    topic_prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Let an alert rest until a time; then it is open again, unless it is over.

    Example: kizuna alerts snooze cdnow-00001 trust_low --until +2d --reason "on holiday" --by mika
    """
    wall_ms = now_ms()
    until_ms = parse_end(until, wall_ms)
    if until_ms > wall_ms + MAX_SNOOZE_DAYS * MS_PER_DAY:
        raise ConfigError(
            f"--until {until} is more than {MAX_SNOOZE_DAYS} days ahead",
            hint="name an earlier time; or resolve the alert",
        )
    said = {"customer_id": customer, "rule_id": rule, "issued_by": by, "reason": reason}
    act(
        {"action": "snooze", **said, "until": rfc3339(until_ms)},
        seq=seq,
        wait_s=None if no_wait else wait_s,
        bootstrap=bootstrap,
        topic_prefix=topic_prefix,
        json=json,
    )


@alerts.command()
def resolve(
    customer: Customer,
    by: By,
    rule: Rule = None,
    reason: Reason = None,
    seq: Seq = None,
    no_wait: NoWait = False,
    wait_s: WaitS = 10.0,
    bootstrap: Bootstrap = None,
    topic_prefix: Prefix = None,
    json: Json = False,
) -> None:
    """End an alert; during the rule's cool-down only a higher severity opens it again.

    Example: kizuna alerts resolve cdnow-00001 trust_low --reason "called, all is well" --by mika
    """
    said = {"customer_id": customer, "rule_id": rule, "issued_by": by, "reason": reason}
    act(
        {"action": "resolve", **said},
        seq=seq,
        wait_s=None if no_wait else wait_s,
        bootstrap=bootstrap,
        topic_prefix=topic_prefix,
        json=json,
    )


@alerts.command()
def note(
    customer: Customer,
    by: By,
    reason: Annotated[str, typer.Option(help="What is to be remembered.")],
    rule: Rule = None,
    seq: Seq = None,
    no_wait: NoWait = False,
    wait_s: WaitS = 10.0,
    bootstrap: Bootstrap = None,
    topic_prefix: Prefix = None,
    json: Json = False,
) -> None:
    """Leave a remark with an alert, and change nothing else.

    Example: kizuna alerts note cdnow-00001 trust_low --reason "calls back on Monday" --by mika
    """
    said = {"customer_id": customer, "rule_id": rule, "issued_by": by, "reason": reason}
    act(
        {"action": "note", **said},
        seq=seq,
        wait_s=None if no_wait else wait_s,
        bootstrap=bootstrap,
        topic_prefix=topic_prefix,
        json=json,
    )


def _print(found: Chosen, limit: int, language: Language) -> None:
    few = found.alerts[:limit]
    if few:
        for line in lines(few, now_ms(), language):
            output.say(line)
    output.say(language.say("alerts_shown", shown=len(few), total=len(found.alerts)))
    if len(found.alerts) > limit:
        rest = len(found.alerts) - limit
        output.say(language.say("alerts_more", n=rest, limit=len(found.alerts)))
    if found.held:
        output.say(language.say("alerts_held", n=found.held))
    if found.shadow:
        output.say(language.say("alerts_shadow", n=found.shadow))


def _as_json(found: Chosen, limit: int, language: Language) -> dict[str, Any]:
    few = found.alerts[:limit]
    return {
        "alerts": [_alert_json(alert, language) for alert in few],
        "shown": len(few),
        "total": len(found.alerts),
        "held_back": found.held,
        "shadow": found.shadow,
    }


def _alert_json(alert: AlertV1, language: Language) -> dict[str, Any]:
    """The record as it was published, and why, in words."""
    published: dict[str, Any] = msgspec.to_builtins(alert)
    return published | {"why": why(alert, language)}
