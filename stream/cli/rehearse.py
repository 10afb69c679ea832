"""`kizuna rehearse`: what the alerts would have been worth on a history whose truth is known."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from stream.alerts import plays
from stream.alerts import rules as alert_rules
from stream.cli import output
from stream.cli.options import Json
from stream.cli.times import shown
from stream.clock import now_ms
from stream.model import parameters
from stream.offline import history
from stream.offline.rehearse import BUDGETS, FLAP_DAYS, WITHIN_DAYS
from stream.offline.rehearse import rehearse as run
from stream.offline.replay import Replay
from stream.offline.response import answer_line
from stream.offline.team import Team
from stream.offline.truth import read_truth
from stream.pipeline.enrich import Playbook

__all__ = ["rehearse"]

NAMES = {"kizuna": "kizuna", "recency": "recency", "usual_gap": "x usual gap"}


def rehearse(
    events: Annotated[Path, typer.Argument(help="One interaction per line, as `kizuna generate` writes.")],
    truth: Annotated[
        Path | None, typer.Option(help="Who left and when (CSV).", show_default="EVENTS.truth.csv")
    ] = None,
    within_days: Annotated[
        float, typer.Option(min=1, max=3650, help="An alert is right if the customer leaves so soon after.")
    ] = WITHIN_DAYS,
    flap_days: Annotated[
        float, typer.Option(min=0, max=365, help="An alert that is back so soon after its end flaps.")
    ] = FLAP_DAYS,
    team_per_day: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1_000_000,
            help="Invent a team that acknowledges so many alerts at each day's sweep, the severest first.",
            show_default="nobody acknowledges",
        ),
    ] = None,
    params: Annotated[Path | None, typer.Option(help="Model parameters (TOML).")] = None,
    rules: Annotated[Path | None, typer.Option(help="Alert rules (TOML).")] = None,
    json: Json = False,
) -> None:
    """Replay a history through the live code and say how early and how rightly its alerts came.

    Beside it a plain recency rule on the same events, set to raise as many alerts.

    With an invented team also how soon alerts are acknowledged, and how many in time.

    Example: kizuna rehearse events.jsonl --team-per-day 5
    """
    known = read_truth(truth or events.with_name(events.name + ".truth.csv"))
    team = playbook = None
    if team_per_day is not None:  # it chooses by value at risk, and asks for no what-if
        team, playbook = Team(team_per_day), Playbook(plays.load(), {}, max_questions=0)
    with output.progress() as report:
        account, found = run(
            history.read(events),
            known,
            parameters.load(params),
            alert_rules.load(rules),
            now_ms=now_ms(),
            flap_days=flap_days,
            within_days=within_days,
            team=team,
            playbook=playbook,
            on_progress=lambda done: report("Replaying events", done, 0),
        )
    if json:
        output.json_line(
            {
                "events": account.n_records,
                "scored": account.count("scored"),
                "duplicates": account.count("duplicate"),
                "dead_letters": dict(sorted(account.causes.items())),
                "as_of": shown(account.as_of_ms),
            }
            | found
        )
        return
    _tell(account, found)


def _tell(account: Replay, found: dict[str, Any]) -> None:
    output.say(
        f"{account.n_records:,} events: {account.count('scored'):,} scored, "
        f"{account.count('duplicate'):,} duplicates, {account.causes.total():,} dead letters; "
        f"{found['customers']:,} customers, {found['left']:,} of whom left"
    )
    for name, what in (("without_truth", "no truth"), ("without_events", "no event")):
        if found[name]:
            output.say(f"  {found[name]:,} customers have {what} and are left out of what follows")
    _print(_compared(found))
    _print(_causes(found["kizuna"]["by_cause"]))
    if (per_day := found["team_per_day"]) is None:
        output.say(f"Answers: {answer_line(found['response'])}.")
    else:
        output.say(
            f"Answers of an invented team, {per_day:,} a day: {answer_line(found['response'])}. "
            "It works at each day's sweep: an alert that the sweep opened may be taken on within minutes."
        )
    chance = _share(found["chance_precision"])
    stayed = found["kizuna"]["stayed_dissatisfied"]
    output.say(
        f"Of {stayed['customers']:,} who were let down and had not left by the end, {stayed['alerted']:,} "
        "were alerted on."
    )
    output.say(
        f"Lead: from the first alert still open when the customer left. Right: left within "
        f"{found['within_days']:g} days; of alerts at random about customers still there {chance} would be. "
        f"Flap: back within {found['flap_days']:g} days. Both recency rules are set to raise as many alerts."
    )


def _compared(found: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("")
    for title in NAMES.values():
        table.add_column(title, justify="right")
    columns = [found[name] for name in NAMES]

    def row(title: str, *values: str) -> None:
        table.add_row(title, *values)

    row("threshold", "rules", f"{columns[1]['threshold']:.0f} days", f"{columns[2]['threshold']:.1f} gaps")
    row("alerts", *(f"{each['alerts']:,}" for each in columns))
    row("per 1,000 customers and week", *(_number(each["alerts_per_1000_and_week"], 1) for each in columns))
    row("flap rate", *(_share(each["flap_rate"]) for each in columns))
    row("caught before they left", *(_share(each["lead"]["caught"]) for each in columns))
    row("  of the dissatisfied", *(_share(each["lead_dissatisfied"]["caught"]) for each in columns))
    row("lead, median days", *(_number(each["lead"]["median_days"]) for each in columns))
    row("lead, quartiles", *(_quartiles(each["lead"]) for each in columns))
    for days in (14, 30, 60):
        row(f"lead of {days} days or more", *(_share(each["lead"][f"share_{days}d"]) for each in columns))
    row("told only after they left", *(f"{each['lead']['told_after']:,}" for each in columns))
    row("about dissatisfied customers", *(_part(each["precision"], "in_trouble") for each in columns))
    row("about customers going or gone", *(_share(each["precision"]["gone_or_going"]) for each in columns))
    row("precision: they leave later", *(_share(each["precision"]["precision"]) for each in columns))
    for k in BUDGETS:
        title = f"  at {k:g} a week per 1,000"
        row(title, *(_share(each["at_budget"][f"{k:g}"]["precision"]) for each in columns))
    return table


def _causes(causes: dict[str, dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("kizuna, by cause", "left", "caught", "median days", ">= 14 d", "told after", "days after"):
        table.add_column(title, justify="left" if not table.columns else "right")
    for cause, each in causes.items():
        table.add_row(
            cause or "unknown", f"{each['left']:,}", _share(each["caught"]), _number(each["median_days"]),
            _share(each["share_14d"]), f"{each['told_after']:,}", _number(each["median_delay_days"]),
        )  # fmt: skip
    return table


def _print(table: Table) -> None:
    console = Console(highlight=False)
    console.print(table)
    console.print()


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _part(counts: dict[str, Any], name: str) -> str:
    n = sum(counts[each] for each in ("right", "too_late", "wrong", "undecided"))
    return _share(counts[name] / n if n else None)


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _quartiles(lead: dict[str, Any]) -> str:
    return f"{_number(lead['q25_days'])} - {_number(lead['q75_days'])}"
