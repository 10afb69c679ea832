"""`kizuna rules`: look at a file of alert rules before anybody is told by it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from stream.alerts import rules as alert_rules
from stream.alerts.rules import Fault, Rule, Rules
from stream.cli import output
from stream.cli.options import Json
from stream.cli.times import shown
from stream.clock import now_ms
from stream.errors import ConfigError, DataError
from stream.model import parameters
from stream.offline import history
from stream.offline.trial import FLAP_DAYS, Rung, Trial, trial

__all__ = ["rules"]

rules = typer.Typer(no_args_is_help=True)
CHUNK = 1 << 20


@rules.callback()
def _group() -> None:
    """Look at a file of alert rules before anybody is told by it."""


@rules.command()
def check(
    file: Annotated[Path, typer.Argument(help="Alert rules (TOML).")],
    against: Annotated[
        Path | None, typer.Option(help="A history: say how often each rule would have rung.")
    ] = None,
    params: Annotated[Path | None, typer.Option(help="Model parameters (TOML), for --against.")] = None,
    json: Json = False,
) -> None:
    """Name every fault of a rules file with its line and reason; of a sound one, what its rules are.

    With a history, it goes through the live code, as fast as it will, and the alerts are counted.

    Example: kizuna rules check rules.toml --against events.jsonl
    """
    found, faults = alert_rules.examine(alert_rules.read(file))
    if found is None:
        _refuse(file, faults, json=json)
        return
    tried = None if against is None else _try(against, found, params)
    if json:
        output.json_line(_report(file, found, tried))
        return
    output.say(f"{file}: good; {len(found.rule)} rules, version {found.version}")
    if found.rule:
        Console(highlight=False).print(_table(found))
    if tried is not None:
        _tell(tried)


def _refuse(file: Path, faults: list[Fault], *, json: bool) -> None:
    if json:
        told = [{"line": fault.line, "reason": fault.reason} for fault in faults]
        output.json_line({"file": str(file), "good": False, "faults": told})
    else:
        for fault in faults:
            output.say(f"{file}:{fault.line}: {fault.reason}")
    raise ConfigError(
        f"{file} has {len(faults)} fault{'s' * (len(faults) > 1)}",
        hint="compare with the shipped stream/alerts/default.toml",
    )


def _try(events: Path, found: Rules, params: Path | None) -> Trial:
    total = sum(block.count(b"\n") for block in _blocks(events))
    with output.progress() as report:
        return trial(
            history.read(events),
            parameters.load(params),
            found,
            now_ms=now_ms(),
            on_progress=lambda done: report("Replaying events", done, max(done, total)),
        )


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(CHUNK):
                yield block
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}",
            hint="give a file with one interaction per line; `kizuna generate` writes one",
        ) from error


def _table(found: Rules) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("rule", "kind", "open", "clear", "escalates", "scope", "severity", "owner", "mode"):
        number, name = title in ("open", "clear"), title in ("rule", "kind")
        table.add_column(title, justify="right" if number else "left", no_wrap=name, overflow="fold")
    for rule in found.rule:
        table.add_row(
            rule.id, _kind(rule), f"{rule.open:g}", f"{rule.clear:g}", _escalates(rule),
            _scope(rule) or "all", rule.severity, rule.owner, rule.mode,
        )  # fmt: skip
    return table


def _kind(rule: Rule) -> str:
    further = f"{rule.days} days" if rule.days else rule.component or rule.currency
    return f"{rule.kind} ({further})" if further else rule.kind


def _escalates(rule: Rule) -> str:
    if rule.escalate_severity is None:
        return "-"
    when = [] if rule.escalate is None else [f"at {rule.escalate:g}"]
    when += [] if rule.escalate_after_hours is None else [f"after {rule.escalate_after_hours:g} h"]
    whom = f", {rule.escalate_owner}" if rule.escalate_owner else ""
    return f"{' or '.join(when)}: {rule.escalate_severity}{whom}"


def _scope(rule: Rule) -> str:
    words = [*rule.segments, *rule.tiers, *rule.locales, *rule.channels]
    words += [f">= {rule.min_purchase_days} purchase days"] if rule.min_purchase_days else []
    words += [f"uncertainty <= {rule.max_uncertainty:g}"] if rule.max_uncertainty < 1.0 else []
    return ", ".join(words)


def _tell(tried: Trial) -> None:
    account = tried.account
    output.say()
    output.say(
        f"{account.n_records:,} events, {account.causes.total():,} of them dead letters; "
        f"{len(account.table):,} customers until {shown(account.as_of_ms)}"
    )
    for rung in tried.rungs:
        output.say(f"  {rung.rule.id}: {_sentence(rung, tried.days)}")
    output.say(f"Flap: back within {FLAP_DAYS:g} days of its end.")
    for rule, segment in tried.missing:
        output.note(f"warning: no customer of these events is in segment {segment!r} of rule {rule!r}")


def _sentence(rung: Rung, days: float) -> str:
    opened, whom = _many(rung.opened, "alert"), _many(rung.customers, "customer")
    rate = f"{rung.per_1000_and_week:.1f} per 1,000 customers and week"
    parts = [
        f"would have opened {opened} in {days:.0f} days about {whom} ({rate})",
        _many(rung.flaps, "flap"),
        f"{rung.still_open:,} still open",
    ]
    parts += [f"{rung.escalated:,} escalated"] if rung.rule.escalate_severity else []
    parts += ["in shadow mode: nobody would have been told"] if rung.rule.mode == "shadow" else []
    return ", ".join(parts)


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _report(file: Path, found: Rules, tried: Trial | None) -> dict[str, Any]:
    told = [
        {name: getattr(rule, name) for name in ("id", "kind", "open", "clear", "severity", "owner", "mode")}
        | {"escalates": _escalates(rule), "scope": _scope(rule)}
        for rule in found.rule
    ]
    report: dict[str, Any] = {"file": str(file), "good": True, "version": found.version, "faults": []}
    if tried is None:
        return report | {"rules": told}
    names = ("opened", "customers", "per_1000_and_week", "flaps", "escalated", "still_open")
    return report | {
        "rules": [
            row | {name: getattr(rung, name) for name in names}
            for row, rung in zip(told, tried.rungs, strict=True)
        ],
        "events": tried.account.n_records,
        "dead_letters": tried.account.causes.total(),
        "customers": len(tried.account.table),
        "days": tried.days,
        "flap_days": FLAP_DAYS,
        "segments_not_seen": sorted({name for _rule, name in tried.missing}),
    }
