"""`kizuna explain`: why a customer's scores are what they are, from the worker's own state."""

import asyncio
import math
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import numpy as np
import typer

from stream.alerts import rules as alert_rules
from stream.alerts.evaluate import State, since_ms
from stream.alerts.rules import Rule
from stream.cli import output
from stream.cli.times import parse_time, shown
from stream.cli.where import DEMO_APP, reachable
from stream.cli.words import reason_words
from stream.clock import now_ms
from stream.config import Settings, load
from stream.engine.feed import partition_of
from stream.engine.reader import read_pages
from stream.engine.topics import CHANGELOG
from stream.errors import BrokerError, DataError
from stream.model import parameters
from stream.model.explain import Explanation, Reason
from stream.model.interval import exact_interval
from stream.pipeline import Pipeline
from stream.state.table import CustomerTable

__all__ = ["explain"]


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of one customer at a time; `open_alerts` with the time each opened, epoch ms."""

    customer: str
    time_ms: int
    explanation: Explanation
    low: float
    high: float
    uncertainty: float
    events: int
    horizon_days: int
    open_alerts: list[tuple[Rule, int]]


def explain(
    customer: Annotated[str, typer.Argument(help="Customer id, as in the interactions.")],
    at: Annotated[
        str | None, typer.Option(help="Time of the scores; the state is the present one.", show_default="now")
    ] = None,
    bootstrap: Annotated[
        str | None, typer.Option(help="Kafka's address, host:port.", show_default="the local Kafka")
    ] = None,
    app_id: Annotated[
        str | None, typer.Option(help="Whose state.", show_default="the settings', else the demo's")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")] = False,
) -> None:
    """Print both scores of a customer with every reason; the reasons sum to the score exactly.

    A stopped local Kafka that holds data is started for it and stopped again.

    Example: kizuna explain cdnow-00001
    """
    settings = load(bootstrap=bootstrap, app_id=app_id)
    time_ms = now_ms() if at is None else parse_time(at)
    pipeline = Pipeline(parameters.load(settings.parameters), alert_rules.load(settings.rules))
    table = pipeline.new_table()
    key = customer.encode()
    with reachable(settings, wake=True) as reached:
        row = asyncio.run(_find(reached, key))
    if row is None:
        raise DataError(
            f"no customer {customer!r} is known there", hint="ids are case-sensitive; the demo's: cdnow-00001"
        )
    table.load([key], [row])
    found = _look(pipeline, table, customer, time_ms)
    if json:
        output.json_line(_as_json(found))
    else:
        _print(found)


async def _find(settings: Settings, key: bytes) -> bytes | None:
    """The customer's row: of the named application, else of the settings', else of the demo's."""
    named = "app_id" in settings.model_fields_set
    apps = [settings.app_id] if named else [settings.app_id, DEMO_APP]
    failures: list[BrokerError] = []
    for app in apps:
        try:
            row = await _row(settings.model_copy(update={"app_id": app}), key)
        except BrokerError as failure:
            failures.append(failure)
            continue
        if row is not None:
            return row
    if len(failures) == len(apps):
        raise failures[-1]
    return None


async def _row(settings: Settings, key: bytes) -> bytes | None:
    """The last committed row of a key; None if it has none or was forgotten."""
    likely = partition_of(key, settings.partitions)
    for partitions in ([likely], None):  # a sender of its own mind may have put it elsewhere
        row, seen = None, False
        async for page in read_pages(settings, CHANGELOG, partitions=partitions):
            for record in page:
                if record.key == key:
                    row, seen = record.value, True
        if seen:
            return row
    return None


def _look(pipeline: Pipeline, table: CustomerTable, customer: str, time_ms: int) -> Found:
    key = customer.encode()
    explanation = pipeline.explain(table, key, time_ms)
    assert explanation is not None  # its row was just loaded
    _keys, scores = pipeline.scores(table, time_ms)
    trust = scores.trust
    low, high = exact_interval(trust.alpha, trust.beta, pipeline.parameters.trust.credible_mass)
    row = table.rows[table.index[key]]
    return Found(
        customer=customer,
        time_ms=time_ms,
        explanation=explanation,
        low=float(low[0]),
        high=float(high[0]),
        uncertainty=float(trust.uncertainty[0]),
        events=int(row["events"]),
        horizon_days=pipeline.parameters.churn.horizon_days,
        open_alerts=_open_alerts(pipeline, row),
    )


def _open_alerts(pipeline: Pipeline, row: np.void) -> list[tuple[Rule, int]]:
    """Rules whose slot in the row is open, and since when, epoch ms."""
    rules = {rule.key: rule for rule in pipeline.rules.rule}
    slots = zip(row["alert_rule"], row["alert_state"], since_ms(row), strict=True)
    return [
        (rules[int(key)], int(since))
        for key, state, since in slots
        if state == State.OPEN and int(key) in rules
    ]


def _print(found: Found) -> None:
    why = found.explanation
    output.say(f"{found.customer} at {shown(found.time_ms)}, from {found.events:,} events")
    output.say()
    output.say(
        f"trust       {why.trust:6.2f}   95 % between {found.low:.1f} and {found.high:.1f}, "
        f"uncertainty {found.uncertainty:.2f}"
    )
    output.say(f"  {why.trust_base:+10.4f}  where everybody starts")
    for reason in why.trust_reasons:
        output.say(f"  {reason.contribution:+10.4f}  {_words('trust', reason)} ({reason.dimension})")
    total = math.fsum([why.trust_base, *(reason.contribution for reason in why.trust_reasons)])
    output.say(f"  {total:10.4f}  sum, {_exactly(total, why.trust)}")
    output.say()
    if why.churn_risk is None or why.churn_log_odds is None:
        output.say("churn risk  absent: no purchase and no subscription so far")
    else:
        output.say(f"churn risk  {why.churn_risk:6.4f}   within {found.horizon_days} days; in log-odds:")
        for reason in why.churn_reasons:
            output.say(f"  {reason.contribution:+10.4f}  {_words('churn_risk', reason)}")
        odds = math.fsum(reason.contribution for reason in why.churn_reasons)
        risk = 1.0 / (1.0 + math.exp(-odds))
        output.say(f"  {odds:+10.4f}  sum, a probability of {risk:.4f}, {_exactly(risk, why.churn_risk)}")
    output.say()
    for rule, opened_ms in found.open_alerts:
        output.say(f"open alert  {rule.id} ({rule.severity}) since {shown(opened_ms)}: {rule.action}")
    if not found.open_alerts:
        output.say("open alerts: none")


def _words(score: str, reason: Reason) -> str:
    return reason_words(score, reason.code, reason.contribution, reason.observed, reason.usual)


def _exactly(total: float, score: float) -> str:
    """Whether the reasons explain the score; tested to hold, and looked at again each time."""
    return "exactly the score" if abs(total - score) < 1e-9 * max(1.0, abs(score)) else "NOT THE SCORE"


def _as_json(found: Found) -> dict[str, Any]:
    why = found.explanation
    return {
        "customer_id": found.customer,
        "as_of": shown(found.time_ms),
        "events": found.events,
        "trust": why.trust,
        "trust_base": why.trust_base,
        "trust_low": found.low,
        "trust_high": found.high,
        "uncertainty": found.uncertainty,
        "trust_reasons": [asdict(reason) for reason in why.trust_reasons],
        "churn_risk": why.churn_risk,
        "churn_log_odds": why.churn_log_odds,
        "horizon_days": found.horizon_days,
        "churn_reasons": [asdict(reason) for reason in why.churn_reasons],
        "open_alerts": [
            {"rule_id": rule.id, "severity": rule.severity, "action": rule.action, "since": shown(opened_ms)}
            for rule, opened_ms in found.open_alerts
        ],
    }
