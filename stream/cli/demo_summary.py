"""What the demo prints about its real input."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stream.cli import output
from stream.cli.demo_account import Account
from stream.cli.demo_live import alert_line
from stream.errors import KizunaError
from stream.offline.evaluate import ChurnTest

__all__ = ["Summary", "as_json", "judge", "tell"]

TOP_ALERTS = 5
SEVERITY_ORDER = {"critical": 0, "error": 1, "warning": 2, "info": 3}


@dataclass(frozen=True, slots=True)
class Summary:
    """What the real input came to.

    Attributes:
        account: where the events went.
        churn: how good the churn risk is on the same purchases, fitted on the first half of the time.
        shipped: the same by the parameters that the worker ran with.
        kafka_version: None for a cluster that is not ours.
        events_per_second: from the first acknowledgement to the last commit.
        seconds: from the start of the command, downloads included.
        n_restarts: of a killed worker.
    """

    account: Account
    churn: ChurnTest
    shipped: ChurnTest
    kafka_version: str | None
    events_per_second: float
    seconds: float
    n_restarts: int


def judge(summary: Summary, log: Path) -> None:
    """A demo whose account does not add up has failed, whatever else it printed.

    Raises:
        KizunaError: not exactly once.
    """
    if summary.account.faults:
        raise KizunaError(
            f"not exactly once: {'; '.join(summary.account.faults)}", hint=f"see the worker's log: {log}"
        )


def as_json(summary: Summary, notified: int | None = None) -> dict[str, Any]:
    """The keys that scripts read; `notified`: alerts that Alertmanager held at the end, None without one."""
    account, churn = summary.account, summary.churn
    return {
        "events": account.sent,
        "scored": account.scored,
        "duplicates": account.duplicates,
        "dead_letters": account.dead_letters,
        "customers": account.customers,
        "scores": account.scores,
        "alerts_opened": account.opened,
        "alerts_resolved": account.resolved,
        "alerts_notified": notified,
        "events_per_second": round(summary.events_per_second, 1),
        "kafka_version": summary.kafka_version,
        "exactly_once": not account.faults,
        "faults": account.faults,
        "worker_restarts": summary.n_restarts,
        "churn_auc": {
            "kizuna": round(churn.kizuna, 4),
            "recency": round(churn.recency, 4),
            "brier": round(churn.brier, 4),
            "kizuna_unfitted": round(summary.shipped.kizuna, 4),
            "brier_unfitted": round(summary.shipped.brier, 4),
            "churn_rate": round(churn.churn_rate, 4),
            "n": churn.n,
        },
        "seconds": round(summary.seconds, 1),
    }


def tell(summary: Summary, log: Path) -> None:
    """The same for people, with the worst open alerts in words and where to look next.

    Args:
        summary: what to tell.
        log: the worker's.
    """
    account, churn = summary.account, summary.churn
    say = output.say
    say("Real purchases (CDNOW, 1997-98, moved to now)")
    say(
        f"  {account.sent:,} sent = {account.scored:,} scored + {account.duplicates:,} duplicates "
        f"+ {account.dead_letters:,} dead letters"
    )
    say(
        f"  {account.customers:,} customers, {account.scores:,} scores published: silence is scored too, "
        "not only what happens"
    )
    say(
        f"  {account.opened:,} alerts opened, {account.resolved:,} resolved, "
        f"{len(account.open_alerts):,} open"
    )
    say(f"  {summary.events_per_second:,.0f} events/s, {summary.seconds:.0f} s in all")
    if account.faults:
        say("  NOT exactly once:")
        for fault in account.faults:
            say(f"    {fault}")
    else:
        again = f", though the worker was killed {summary.n_restarts} times" if summary.n_restarts else ""
        say(f"  exactly once{again}: every customer's scores read back, numbered without gap or repeat")
    say()
    say(f"Churn risk against what came true (39 weeks to learn, 39 to judge, {churn.n:,} customers)")
    say(
        f"  AUC {churn.kizuna:.3f}, recency alone {churn.recency:.3f}; Brier {churn.brier:.3f}: "
        "`kizuna fit` on the first half"
    )
    shipped = summary.shipped
    say(f"  AUC {shipped.kizuna:.3f}; Brier {shipped.brier:.3f}: the parameters that ship, as the worker ran")
    say()
    say("Open alerts, worst first")
    worst = sorted(
        account.open_alerts.values(),
        key=lambda alert: (SEVERITY_ORDER[alert.severity], -(alert.churn_risk or 0.0), alert.trust),
    )
    for alert in worst[:TOP_ALERTS]:
        say(f"  {alert_line(alert)}")
    say()
    if worst:
        say(f"Why one of them:       kizuna explain {worst[0].customer_id}")
    say(f"What the worker said:  {log}")
