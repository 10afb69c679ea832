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
from schemas.codec import decode_alert
from stream.cli import output
from stream.cli.demo_notify import DemoNotify
from stream.cli.demo_traffic import CUSTOMERS, send_traffic
from stream.cli.demo_worker import DemoWorker, Samples
from stream.config import Settings
from stream.engine.follow import follow
from stream.offline.late_parcel import NAME
from stream.texts.alerts import alert_lines, alert_title, play_words, why

__all__ = ["Watch", "alert_line", "play"]

SEVERITIES: tuple[Severity, ...] = ("critical", "error", "warning", "info")
STYLE = {"critical": "bold red", "error": "red", "warning": "yellow", "info": "blue"}
OVER = ("resolved", "expired")
NEWEST = 8
WORST = 1
"""Reasons in a line; the story has all of them."""
LINE_EVERY_S = 10.0


@dataclass(slots=True)
class Watch:
    """What the viewer sees; filled by the other tasks."""

    open_alerts: dict[str, AlertV1]
    sent: int = 0
    opened: int = 0
    resolved: int = 0
    newest: deque[AlertV1] = field(default_factory=lambda: deque(maxlen=NEWEST))
    parcels: deque[AlertV1] = field(default_factory=lambda: deque(maxlen=NEWEST))
    samples: Samples = field(default_factory=dict)

    def count(self) -> None:
        """One more event was sent."""
        self.sent += 1

    def see(self, alert: AlertV1) -> None:
        """Take in one transition."""
        self.newest.appendleft(alert)
        if alert.customer_id.startswith(NAME):
            self.parcels.appendleft(alert)
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


async def play(settings: Settings, worker: DemoWorker, notify: DemoNotify, watch: Watch, seed: int) -> None:
    """Send invented traffic in real time, follow the alerts and show both. Ends only by being cancelled.

    Raises:
        BrokerError: the worker ended by itself, or Kafka refused records.
    """
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_follow(settings, watch))
        tasks.create_task(send_traffic(settings, seed, watch.count))
        tasks.create_task(_look_after(worker, notify, watch))
        await _show(worker, watch)


async def _follow(settings: Settings, watch: Watch) -> None:
    async for page in follow(settings, "alert-log"):
        for record in page:
            watch.see(decode_alert(record.value))


async def _look_after(worker: DemoWorker, notify: DemoNotify, watch: Watch) -> None:
    while True:
        worker.check()
        notify.check()
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
        for _ in range(round(LINE_EVERY_S)):
            await asyncio.sleep(1.0)
            while watch.parcels:
                for line in _story(watch.parcels.pop()):
                    output.note(line)
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
        f" (customers gen-000001 to gen-{CUSTOMERS:06} and {NAME}..., all invented) · {watch.sent:,} sent"
        f" · {rate:.0f} events/s · lag {_lag(watch.samples):.0f} · worker pid {worker.pid}",
    )
    counts = Text("open alerts: ")
    for severity, n in watch.by_severity().items():
        counts.append(f"{n:,} {severity}  ", STYLE[severity])
    table = Table(box=None, show_header=False, padding=(0, 1), expand=True)
    for ratio in (None, None, None, 1):  # a line each: 24 lines have room for the story and all of them
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=ratio)
    for cells in _rows(watch.newest):
        table.add_row(*cells)
    stories = [Text("\n".join(_story(watch.parcels[0])), style="bold")] if watch.parcels else []
    foot = Text(f"metrics {worker.url}/metrics · log {worker.log} · Ctrl-C ends the demo", style="dim")
    return Group(head, counts, *stories, table, foot)


def _rows(alerts: Iterable[AlertV1]) -> Iterable[tuple[Text, ...]]:
    for alert in alerts:
        style = "green" if alert.state in OVER else STYLE[alert.severity]
        yield (
            Text(alert.state_since.strftime("%H:%M:%S"), style="dim"),
            Text(f"{alert.state} {alert.severity}", style=style),
            Text(alert.customer_id),
            Text(": ".join(part for part in (alert.rule_id, _why_and_what(alert)) if part)),
        )


def _story(alert: AlertV1) -> list[str]:
    """All that an alert says to people: what happened, why, what to do."""
    return [alert_title(alert), *(f"  {line}" for line in alert_lines(alert))]


def alert_line(alert: AlertV1) -> str:
    """One alert in words: how bad, who, why, and what to do."""
    said = _why_and_what(alert)
    return f"{alert.state:10} {alert.severity:8} {alert_title(alert)}" + (f": {said}" if said else "")


def _why_and_what(alert: AlertV1) -> str:
    if alert.state in OVER:
        return ""
    reasons = "; ".join(why(alert)[:WORST])
    code = alert.recommended_action if alert.action is None else alert.action.code
    return f"{reasons}; to do: {play_words(code)}" if reasons else f"to do: {play_words(code)}"
