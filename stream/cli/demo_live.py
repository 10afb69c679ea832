"""The demo's second half: invented customers in real time, until Ctrl-C."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from schemas.alert import AlertV1, Severity
from schemas.codec import decode_alert, encode
from schemas.interaction import Interaction
from stream.cli import output
from stream.cli.demo_worker import DemoWorker, Samples
from stream.clock import now_ms
from stream.config import Settings
from stream.engine.feed import open_feed
from stream.engine.follow import follow
from stream.offline.generate import generate
from stream.offline.live import live
from stream.texts.sentences import reasons_words

__all__ = ["Watch", "alert_line", "play"]

SEVERITIES: tuple[Severity, ...] = ("critical", "error", "warning", "info")
STYLE = {"critical": "bold red", "error": "red", "warning": "yellow", "info": "blue"}
OVER = ("resolved", "expired")
CUSTOMERS = 500
DAYS = 180
NEWEST = 8
LINE_EVERY_S = 10.0


@dataclass(slots=True)
class Watch:
    """What the viewer sees; filled by the other tasks."""

    open_alerts: dict[str, AlertV1]
    sent: int = 0
    opened: int = 0
    resolved: int = 0
    newest: deque[AlertV1] = field(default_factory=lambda: deque(maxlen=NEWEST))
    samples: Samples = field(default_factory=dict)

    def see(self, alert: AlertV1) -> None:
        """Take in one transition."""
        self.newest.appendleft(alert)
        if alert.state in OVER:
            self.resolved += 1
            self.open_alerts.pop(alert.dedup_key, None)
        elif alert.state != "suppressed":
            self.opened += alert.transition in ("opened", "released")
            self.open_alerts[alert.dedup_key] = alert

    def by_severity(self) -> dict[str, int]:
        """Open alerts."""
        counts = Counter(alert.severity for alert in self.open_alerts.values())
        return {severity: counts[severity] for severity in SEVERITIES if counts[severity]}


async def play(settings: Settings, worker: DemoWorker, watch: Watch, seed: int) -> None:
    """Send invented traffic in real time, follow the alerts and show both. Ends only by being cancelled.

    Raises:
        BrokerError: the worker ended by itself, or Kafka refused records.
    """
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_follow(settings, watch))
        tasks.create_task(_feed(settings, watch, seed))
        tasks.create_task(_look_after(worker, watch))
        await _show(worker, watch)


async def _feed(settings: Settings, watch: Watch, seed: int) -> None:
    start_ms = now_ms()
    async with open_feed(settings) as feed:

        async def send(event: Interaction) -> None:
            await feed.send(event.customer_id.encode(), encode(event))
            watch.sent += 1

        history = await asyncio.to_thread(generate, CUSTOMERS, DAYS, seed, start_ms)
        for event in history.events:
            await send(event)
        await feed.flush()
        for event in live(seed, start_ms, customers=CUSTOMERS):
            ahead_s = event.occurred_at.timestamp() - now_ms() / 1000
            if ahead_s > 0:
                await feed.post()
                await asyncio.sleep(ahead_s)
            await send(event)


async def _follow(settings: Settings, watch: Watch) -> None:
    async for page in follow(settings, "alert-log"):
        for record in page:
            watch.see(decode_alert(record.value))


async def _look_after(worker: DemoWorker, watch: Watch) -> None:
    while True:
        worker.check()
        watch.samples = await asyncio.to_thread(worker.samples)
        await asyncio.sleep(1.0)


async def _show(worker: DemoWorker, watch: Watch) -> None:
    console = Console(stderr=True)
    rate = _Rate()
    if console.is_terminal:
        with Live(console=console, refresh_per_second=4, transient=True) as screen:
            while True:
                screen.update(_picture(worker, watch, rate.of(watch.samples)))
                await asyncio.sleep(1.0)
    while True:
        await asyncio.sleep(LINE_EVERY_S)
        counts = ", ".join(f"{n} {severity}" for severity, n in watch.by_severity().items()) or "none"
        output.note(
            f"generated traffic: {watch.sent:,} sent, {rate.of(watch.samples):.0f} events/s, "
            f"lag {_lag(watch.samples):.0f}; open alerts: {counts}"
        )
        for alert in list(watch.newest)[:2]:
            output.note("  " + alert_line(alert))


class _Rate:
    """Events per second between two looks at a worker's counters."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None

    def of(self, samples: Samples) -> float:
        n = sum(value for (name, _outcome), value in samples.items() if name == "kizuna_events_total")
        now = monotonic()
        before, self._before = self._before, (now, n)
        if before is None or n < before[1]:  # its first look, or another process
            return 0.0
        return (n - before[1]) / max(0.001, now - before[0])


def _lag(samples: Samples) -> float:
    return sum(value for (name, _partition), value in samples.items() if name == "kizuna_lag_records")


def _picture(worker: DemoWorker, watch: Watch, rate: float) -> Group:
    head = Text.assemble(
        ("generated traffic", "bold"),
        f" (customers gen-000001 to gen-{CUSTOMERS:06}, all invented) · {watch.sent:,} sent"
        f" · {rate:.0f} events/s · lag {_lag(watch.samples):.0f} · worker pid {worker.pid}",
    )
    counts = Text("open alerts: ")
    for severity, n in watch.by_severity().items():
        counts.append(f"{n:,} {severity}  ", STYLE[severity])
    table = Table(box=None, show_header=False, padding=(0, 1))
    for cells in _rows(watch.newest):
        table.add_row(*cells)
    foot = Text(f"metrics {worker.url}/metrics · log {worker.log} · Ctrl-C ends the demo", style="dim")
    return Group(head, counts, table, foot)


def _rows(alerts: Iterable[AlertV1]) -> Iterable[tuple[Text, ...]]:
    for alert in alerts:
        style = "green" if alert.state in OVER else STYLE[alert.severity]
        yield (
            Text(alert.state_since.strftime("%H:%M:%S"), style="dim"),
            Text(f"{alert.state} {alert.severity}", style=style),
            Text(alert.customer_id),
            Text(_what(alert)),
        )


def alert_line(alert: AlertV1) -> str:
    """One alert in words: who, how bad, and why."""
    return f"{alert.state:10} {alert.severity:8} {alert.customer_id:12} {_what(alert)}"


def _what(alert: AlertV1) -> str:
    about = "churn_risk" if alert.rule_id.startswith("churn") else "trust"
    value = f"trust {alert.trust:.1f}"
    if about == "churn_risk" and alert.churn_risk is not None:
        value = f"churn risk {alert.churn_risk:.2f}"
    reasons = [(reason.score, reason.code, reason.contribution) for reason in alert.reasons]
    why = reasons_words(reasons, about)
    return f"{value}: {why}" if why and alert.state not in OVER else value
