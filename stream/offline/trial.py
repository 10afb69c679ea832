"""Rules against a history: how often each would have rung, about how many customers, and how calmly.

The event clock runs as it does live, but sweeps every day of event time: an alert is dated to the day.
Nothing is held back: that is about people's time now. No truth is needed, so nothing is said of rightness;
`rehearse` does that.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace

from schemas.codec import decode_alert
from stream.alerts.rules import Rule, Rules
from stream.errors import DataError
from stream.model.columns import EPOCH_1990_MS
from stream.model.parameters import Parameters
from stream.offline.leadtime import DAY_MS, Episode, episodes, flaps
from stream.offline.replay import Replay, replay
from stream.pipeline import FileRecord, Pipeline
from stream.state.table import CustomerTable

__all__ = ["FLAP_DAYS", "Rung", "Trial", "trial"]

FLAP_DAYS = 30.0
SWEEP_DAYS = 1


@dataclass(frozen=True, slots=True)
class Rung:
    """What one rule would have done.

    Attributes:
        rule: which.
        opened: alerts.
        customers: whom they were about.
        per_1000_and_week: alerts per 1,000 customers and week, each counted from the own first event.
        flaps: alerts that opened within `FLAP_DAYS` of the end of the one before.
        escalated: alerts that became graver than the rule's own severity.
        still_open: at the end of the history.
    """

    rule: Rule
    opened: int
    customers: int
    per_1000_and_week: float
    flaps: int
    escalated: int
    still_open: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What the rules of a file would have done.

    Attributes:
        account: of the replay.
        days: from the first event to the last.
        rungs: one per rule, in the order of the file.
        missing: (rule, segment) of the segments that no customer ever was in.
    """

    account: Replay
    days: float
    rungs: list[Rung]
    missing: list[tuple[str, str]]


def trial(
    records: Iterable[FileRecord],
    parameters: Parameters,
    rules: Rules,
    *,
    now_ms: int,
    on_progress: Callable[[int], None] = lambda _n_records: None,
) -> Trial:
    """Replay a history under some rules and count their alerts; rules in shadow mode like the others.

    Raises:
        DataError: no event of the history could be scored.
    """
    daily = replace(parameters.publication, event_clock_sweep_days=SWEEP_DAYS)
    pipeline = Pipeline(replace(parameters, publication=daily), rules, clock="event")
    log: list[bytes] = []
    unseen = {name for rule in rules.rule for name in rule.segments}

    def look(table: CustomerTable) -> None:
        if unseen:
            segment = table.rows["segment"][: table.n_rows]
            unseen.difference_update([name for name in unseen if np.any(segment == name.encode())])

    account = replay(
        pipeline,
        records,
        now_ms=now_ms,
        on_alerts=lambda alerts: log.extend(value for _key, value in alerts),
        on_time=look,
        on_progress=on_progress,
    )
    table = account.table
    if not len(table):
        causes = ", ".join(f"{n:,} {cause}" for cause, n in account.causes.most_common(3))
        raise DataError(
            f"no event could be scored{f': {causes}' if causes else ''}",
            hint="each line must be one interaction as JSON; `kizuna generate` writes such a file",
        )
    rows = table.live(0, table.n_rows)
    first_ms = (table.rows["first_s"][rows].astype(np.int64) - 1) * 1000 + EPOCH_1990_MS
    known_ms = account.as_of_ms - first_ms
    thousand_weeks = float(known_ms.sum()) / (7.0 * DAY_MS) / 1000.0
    told = episodes(map(decode_alert, log))
    return Trial(
        account,
        float(known_ms.max()) / DAY_MS,
        [_rung(rule, [each for each in told if each.rule == rule.id], thousand_weeks) for rule in rules.rule],
        [(rule.id, name) for rule in rules.rule for name in rule.segments if name in unseen],
    )


def _rung(rule: Rule, log: list[Episode], thousand_weeks: float) -> Rung:
    return Rung(
        rule=rule,
        opened=len(log),
        customers=len({each.customer_id for each in log}),
        per_1000_and_week=len(log) / thousand_weeks if thousand_weeks else 0.0,
        flaps=flaps(log, FLAP_DAYS),
        escalated=sum(each.severity != rule.severity for each in log),
        still_open=sum(each.closed_ms is None for each in log),
    )
