"""`kizuna notify`: tell people of alerts, until stopped; or send dead letters again."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from schemas.codec import encode
from stream.cli import output
from stream.cli.options import Bootstrap
from stream.errors import ConfigError, RefusedError

if TYPE_CHECKING:
    from stream.config import Settings
    from stream.notify.resend import Resent

__all__ = ["notify"]


def notify(
    alertmanager: Annotated[
        list[str] | None,
        typer.Option(help="Address of an Alertmanager, http://host:9093; may be given several times."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent now, a line each; send nothing.")
    ] = False,
    resend: Annotated[
        bool,
        typer.Option("--resend", help="Send dead letters again to sinks that were mended, and end."),
    ] = False,
    sink: Annotated[
        str | None, typer.Option(help="With --resend: only the letters of the sink of this name.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="With --dry-run or --resend: each line is a JSON object.")
    ] = False,
    bootstrap: Bootstrap = None,
    app_id: Annotated[str | None, typer.Option(help="The group is called after it.")] = None,
    topic_prefix: Annotated[str | None, typer.Option(help="Put before every topic's name.")] = None,
    partitions: Annotated[int | None, typer.Option(help="Partitions of every customer topic.")] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Alert rules (TOML): whose owners are the teams.")
    ] = None,
    language: Annotated[str | None, typer.Option("--lang", help="Of the texts: en or ja.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Whose local Kafka is meant.", show_default=".kizuna")
    ] = None,
    metrics_host: Annotated[str | None, typer.Option(help="Where /metrics, /livez, /readyz listen.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="0: any free port.", show_default="9109")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
) -> None:
    """Tell people of alerts as they open, escalate and resolve. Stop with Ctrl-C or SIGTERM.

    Alertmanager is shown every open alert again and again, and routes it on to mail, chat or a pager. A
    snoozed alert is a silence there. Webhooks, named in kizuna.toml, are told of each transition once.

    Never told of: rules in shadow mode, alerts that are held back. Nothing is lost while a receiver is away.

    What a receiver refused or never took lies in `notify-dead-letters`. Mend it, then --resend, beside the
    running notify: of each alert the newest letter goes out with its old idempotency key, if it still says
    what is so. What has ended is never told as open; its end is told. What was taken is not sent again.
    With --sink NAME only one sink is told: its `name` in kizuna.toml, `kizuna.sink` of its letters.

    Example: kizuna notify --alertmanager http://127.0.0.1:9093
    Example: kizuna notify --dry-run
    Example: kizuna notify --resend --dry-run
    Example: kizuna notify --resend --sink crm
    """
    from stream.cli.where import reachable, whose
    from stream.config import load

    if sink is not None and not resend:
        raise ConfigError(
            "--sink names whose letters are sent again", hint="say --resend too, or leave it out"
        )
    named = load(
        alertmanager_urls=tuple(alertmanager) if alertmanager else None,
        bootstrap=bootstrap,
        app_id=app_id,
        topic_prefix=topic_prefix,
        partitions=partitions,
        rules=rules,
        notify_language=language,
        data_dir=data_dir,
        metrics_host=metrics_host,
        notify_port=metrics_port,
        log_level=log_level,
        log_format=log_format,
    )
    with reachable(named) as settings:
        from stream.bootstrap import preview_notify, run_notify  # Faust: seconds, after what fails fast

        if resend:
            _resend(whose(settings, "alerts"), sink, dry_run=dry_run, json=json)
            return
        if not dry_run:
            raise typer.Exit(run_notify(settings))
        for line in asyncio.run(preview_notify(whose(settings, "alerts"))):
            output.say(encode(line).decode() if json else str(line))


def _resend(settings: "Settings", sink: str | None, *, dry_run: bool, json: bool) -> None:
    from stream.bootstrap import resend_notify

    def say(line: "Resent") -> None:
        output.say(encode(line).decode() if json else str(line))

    account = resend_notify(settings, say, sink=sink, dry_run=dry_run)
    if json:
        output.json_line({"outcomes": account.outcomes, "passed_over": account.passed_over})
    else:
        for name, counted in (("letters", account.outcomes), ("passed over", account.passed_over)):
            said = ", ".join(f"{n} {what}" for what, n in sorted(counted.items()))
            output.say(f"{name}: {said or 'none'}")
    missed = sum(account.outcomes[each] for each in ("refused", "failed", "left"))
    if missed:
        raise RefusedError(
            f"{missed} of {account.outcomes.total()} letters were not taken",
            hint="mend what the reasons name, then run the same command: what was taken is not sent again",
        )
