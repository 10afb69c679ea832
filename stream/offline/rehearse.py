"""A history with its truth through the live code: what the alerts would have been worth.

The event clock runs as it does live, but sweeps every day of event time: an alert is dated to the day.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from schemas.codec import decode_alert
from stream.alerts.rules import Rules
from stream.errors import DataError
from stream.model.parameters import Parameters
from stream.offline.leadtime import (
    DAY_MS,
    FLAP_DAYS,
    Episode,
    Lead,
    chance_precision,
    episodes,
    flaps,
    lead_summary,
    lead_times,
    precision,
)
from stream.offline.recency import PaidDays, rule
from stream.offline.replay import Replay, replay
from stream.offline.response import response_summary, responses
from stream.offline.team import Team
from stream.offline.truth import Truth
from stream.pipeline import FileRecord, Pipeline
from stream.pipeline.decode import MAX_AHEAD_MS
from stream.pipeline.enrich import Playbook

__all__ = ["BUDGETS", "FLAP_DAYS", "WITHIN_DAYS", "rehearse"]

BUDGETS = (1.0, 2.0, 5.0, 10.0)  # alerts per 1,000 customers and week
WITHIN_DAYS = 90.0
SWEEP_DAYS = 1


def rehearse(
    records: Iterable[FileRecord],
    truth: Sequence[Truth],
    parameters: Parameters,
    rules: Rules,
    *,
    now_ms: int,
    flap_days: float = FLAP_DAYS,
    within_days: float = WITHIN_DAYS,
    team: Team | None = None,
    playbook: Playbook | None = None,
    on_progress: Callable[[int], None] = lambda _n_records: None,
) -> tuple[Replay, dict[str, Any]]:
    """Replay a history and judge its alerts by the truth.

    Args:
        records: of the history, in the order of arrival.
        truth: of its customers. Who has no truth is scored and judged by no number, and who has a truth and
            no event is left out; both are counted.
        parameters: of the model.
        rules: whose alerts are judged.
        now_ms: wall time, for the limit on events ahead of it.
        flap_days: an alert that opens so soon after the end of the one before is a flap.
        within_days: an alert is right if the customer leaves so soon after it.
        team: acknowledges alerts each day; None: nobody does.
        playbook: says by when, and what is at risk, as it does live; None: by the rule's time alone.
        on_progress: called with the number of records so far.

    Returns:
        (account of the replay, report): the report holds only numbers, texts, lists and dictionaries.

    Raises:
        DataError: no customer of the truth occurs in the history.
    """
    daily = replace(parameters.publication, event_clock_sweep_days=SWEEP_DAYS)
    pipeline = Pipeline(replace(parameters, publication=daily), rules, "event", playbook)
    paid = PaidDays(now_ms + MAX_AHEAD_MS)
    log: list[bytes] = []

    def keep(alerts: Sequence[tuple[bytes, bytes]]) -> None:
        log.extend(value for _key, value in alerts)
        if team is not None:
            team.read(decode_alert(value) for _key, value in alerts)

    account = replay(
        pipeline,
        paid.see(records),
        now_ms=now_ms,
        on_alerts=keep,
        on_progress=on_progress,
        people=None if team is None else team.take,
    )
    met = set(map(bytes.decode, account.table.index))
    fates = [row for row in truth if row.customer_id in met]
    if not fates:
        raise DataError(
            "no customer of the truth occurs in the events",
            hint="give the truth that `kizuna generate` wrote beside these events",
        )
    known = {row.customer_id for row in fates}
    alerts = [each for each in map(decode_alert, log) if each.customer_id in known]
    ours = episodes(alerts)
    end_ms = account.as_of_ms
    stays = [(paid.first_ms[row.customer_id.encode()], row.churn_ms) for row in fates]
    weeks = sum((end_ms - first_ms) / (7.0 * DAY_MS) for first_ms, _ in stays) / len(stays)
    judge = _Judge(fates, end_ms, weeks, flap_days, within_days)
    gaps = paid.gaps((row.customer_id for row in fates), end_ms)
    report: dict[str, Any] = {
        "customers": len(fates),
        "without_truth": len(met) - len(fates),
        "without_events": len(truth) - len(fates),
        "left": sum(row.churned for row in fates),
        "weeks": weeks,
        "chance_precision": chance_precision(stays, end_ms=end_ms, within_days=within_days),
        "flap_days": flap_days,
        "within_days": within_days,
        "kizuna": judge.judge(ours),
        "team_per_day": None if team is None else team.per_day,
        "response": response_summary(responses(alerts), end_ms),
    }
    for name, of_usual in (("recency", False), ("usual_gap", True)):
        threshold, log_ = rule(gaps, len(ours), of_usual=of_usual)
        report[name] = {"threshold": threshold} | judge.judge(log_)
    return account, report


class _Judge:
    """The same questions to every alert log."""

    def __init__(
        self,
        truth: Sequence[Truth],
        end_ms: int,
        weeks: float,
        flap_days: float,
        within_days: float,
    ) -> None:
        self._truth = truth
        self._end_ms = end_ms
        self._thousands = len(truth) / 1000.0
        self._weeks = weeks
        self._flap_days = flap_days
        self._within_days = within_days

    def judge(self, log: Sequence[Episode]) -> dict[str, Any]:
        """Everything about one alert log."""
        leads = lead_times(log, self._truth)
        causes: dict[str, list[Lead]] = defaultdict(list)
        for lead in leads:
            causes[lead.cause].append(lead)
        rules = sorted({each.rule for each in log})
        n_flaps = flaps(log, self._flap_days)
        return {
            "alerts": len(log),
            "alerts_per_1000_and_week": len(log) / (self._thousands * self._weeks) if self._weeks else None,
            "flaps": n_flaps,
            "flap_rate": n_flaps / len(log) if log else None,
            "lead": lead_summary(leads),
            "lead_dissatisfied": lead_summary([lead for lead in leads if lead.dissatisfied]),
            "by_cause": {cause: lead_summary(causes[cause]) for cause in sorted(causes)},
            "stayed_dissatisfied": self._stayed(log),
            "precision": self._precision(log, None),
            "at_budget": {f"{k:g}": self._precision(log, k) for k in BUDGETS},
            "by_rule": {
                name: {
                    "alerts": sum(each.rule == name for each in log),
                    "flaps": flaps([each for each in log if each.rule == name], self._flap_days),
                }
                | self._precision([each for each in log if each.rule == name], None)
                for name in rules
            },
        }

    def _precision(self, log: Sequence[Episode], budget: float | None) -> dict[str, Any]:
        weekly = None if budget is None else budget * self._thousands
        return precision(
            log, self._truth, end_ms=self._end_ms, within_days=self._within_days, weekly_budget=weekly
        )

    def _stayed(self, log: Sequence[Episode]) -> dict[str, int]:
        """Of those who were let down and stayed: how many were alerted on while it lasted or after."""
        began = {
            row.customer_id: row.dissatisfied_at.timestamp() * 1000.0
            for row in self._truth
            if row.dissatisfied_at is not None and not row.churned
        }
        told = {each.customer_id for each in log if each.opened_ms >= began.get(each.customer_id, 2**62)}
        return {"customers": len(began), "alerted": len(told)}
