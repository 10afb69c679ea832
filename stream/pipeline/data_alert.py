"""The one alert that says: so many customers cross at once that the data are at fault, not they."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from schemas.alert import AlertV1
from schemas.codec import encode
from schemas.command import CommandV1
from stream.alerts.commands import Refused, remember
from stream.alerts.contradictions import RESERVED
from stream.alerts.life import alert_id
from stream.alerts.rules import Storm as Limits
from stream.alerts.storm import BUDGET, MASS_DROP, MINUTE_MS, drops
from stream.pipeline.effects import Effects
from stream.pipeline.encode import rfc3339
from stream.state.alerts import State
from stream.state.table import CustomerTable

__all__ = ["RULE_ID", "told", "watch"]

RULE_ID = RESERVED
ACTION = "check_the_data"
DUE_MS = 3_600_000
SUBJECT = "partition-%d"
SLICE = 4096  # slots looked at at a time


def watch(
    table: CustomerTable,
    limits: Limits,
    seq_before: int,
    now_ms: int,
    horizon_days: int,
    versions: tuple[str, str],
    effects: Effects,
) -> None:
    """Publish that the alert about the data opened, and end it when its customers are back.

    Args:
        table: after the alerts were evaluated; its storm is written to.
        limits: of the rules.
        seq_before: of the storm, before they were evaluated.
        now_ms: time of the transition.
        horizon_days: of the model.
        versions: (rule version, model version).
        effects: receives the records.
    """
    storm = table.storm

    def publish(state: Literal["open", "resolved"], reason: str | None) -> None:
        _publish(table, limits, state, reason, now_ms, horizon_days, versions, effects)

    if storm.seq != seq_before and storm.since_ms:
        publish("open", None)
        effects.opened["critical"] += 1
    if storm.since_ms and not drops(storm, limits, len(table), _away(table, limits)):
        _end(table, lambda: publish("resolved", "recovered"))
        effects.resolved["critical"] += 1


def told(
    table: CustomerTable,
    command: CommandV1,
    limits: Limits,
    now_ms: int,
    horizon_days: int,
    versions: tuple[str, str],
    effects: Effects,
) -> Refused | bool:
    """A person says that the data are right: what was held back comes out, as fast as the budget allows.

    False if the command was done before.
    """
    storm = table.storm
    if command.customer_id != SUBJECT % table.partition:
        return Refused("unknown_alert", f"this is {SUBJECT % table.partition}")
    ids = remember(storm.commands, command.command_id)
    if ids is None:
        return False
    if not storm.since_ms:
        return Refused("not_open", "no alert about the data is open")
    if command.action != "resolve":
        return Refused("unsupported_action", "an alert about the data can only be resolved")
    if command.expected_seq not in (None, storm.seq):
        return Refused("stale_command", f"seq is {storm.seq}, the command expects {command.expected_seq}")

    def publish() -> None:
        _publish(
            table,
            limits,
            "resolved",
            "manual",
            now_ms,
            horizon_days,
            versions,
            effects,
            command.command_id,
        )

    _end(table, publish)
    storm.commands = ids
    effects.resolved["critical"] += 1
    return True


def _away(table: CustomerTable, limits: Limits) -> int:
    """Alerts that are held back because of it, or crossed in the minutes before and still are there.

    Counted no further than `mass_drop_least`: in a storm they are many.
    """
    first_ms = table.storm.since_ms - round(limits.mass_drop_minutes * MINUTE_MS)
    slots, found = table.alerts.slots, 0
    for start in range(0, len(slots), SLICE):
        part = slots[start : start + SLICE]
        state, held = part["state"], part["held"]
        waits = (held == MASS_DROP) | ((held == BUDGET) & (part["since_ms"] >= first_ms))
        live = (state >= State.OPEN) & (state <= State.SNOOZED) & (part["opened_ms"] >= first_ms)
        found += int(np.count_nonzero(((state == State.SUPPRESSED) & waits) | live))
        if found >= limits.mass_drop_least:
            break
    return found


def _end(table: CustomerTable, publish: Callable[[], None]) -> None:
    """The crossings that opened it are forgotten, or the next one would open it again."""
    table.storm.seq += 1
    publish()
    table.storm.since_ms, table.storm.crossed = 0, {}


def _publish(
    table: CustomerTable,
    limits: Limits,
    state: Literal["open", "resolved"],
    reason: str | None,
    now_ms: int,
    horizon_days: int,
    versions: tuple[str, str],
    effects: Effects,
    command_id: str | None = None,
) -> None:
    storm, subject = table.storm, SUBJECT % table.partition
    key = f"\0{subject}|{RULE_ID}"  # as no customer's begins
    record = AlertV1(
        alert_id=alert_id(f"\0{subject}", RULE_ID, storm.episode),
        dedup_key=key,
        episode=storm.episode,
        seq=storm.seq,
        rule_id=RULE_ID,
        rule_version=versions[0],
        model_version=versions[1],
        customer_id=subject,
        segment=None,
        severity="critical",
        state=state,
        state_since=rfc3339(now_ms),
        opened_at=rfc3339(storm.since_ms),
        resolved_at=rfc3339(now_ms) if state == "resolved" else None,
        resolve_reason=reason,
        as_of=rfc3339(now_ms),
        trust=None,
        churn_risk=None,
        horizon_days=horizon_days,
        threshold_open=limits.mass_drop_percent,
        threshold_clear=limits.mass_drop_percent,
        reasons=[],
        recommended_action=ACTION,
        owner=limits.mass_drop_owner,
        due_at=rfc3339(storm.since_ms + DUE_MS),
        subject="data",
        transition="opened" if state == "open" else "resolved",
        value=storm.share,
        notifications=1 if state == "open" else 2,
        command_id=command_id,
    )
    effects.alerts.append((key.encode(), encode(record)))
    effects.alert_log.append((key.encode(), encode(record)))
