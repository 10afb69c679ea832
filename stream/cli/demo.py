"""`kizuna demo`: real purchases through a real Kafka into scores and alerts, then invented traffic, live."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Annotated, Any

import typer

from schemas.codec import encode
from stream.alerts import rules as alert_rules
from stream.cli import output
from stream.cli.demo_account import take_account
from stream.cli.demo_live import Watch, play
from stream.cli.demo_notify import DemoNotify
from stream.cli.demo_summary import Summary, as_json, judge, tell
from stream.cli.demo_worker import DemoWorker
from stream.cli.kafka import local_kafka
from stream.cli.output import Report
from stream.cli.where import DEMO_APP, DEMO_PREFIX
from stream.clock import now_ms
from stream.config import Settings, load
from stream.engine.committed import open_committed
from stream.engine.feed import open_feed
from stream.engine.topics import create_topics, delete_topics
from stream.errors import BrokerError
from stream.local.filelock import exclusive
from stream.local.process import deferred_signals
from stream.model import parameters
from stream.offline import cdnow
from stream.offline.evaluate import cdnow_39_39, fitted_on_cdnow
from stream.offline.late_parcel import ARRIVES_S, NAME
from stream.pipeline import Pipeline

__all__ = ["demo"]

MAX_UNCOMMITTED = 1_000
"""Each week of history re-scores every customer: a transaction of more records would hold too many scores."""

NEVER_S = 86_400.0  # history is swept by its own clock, so that every run of the demo opens the same alerts
LIVE_SWEEP_S = 5.0
STALL_S = 120.0
INTERRUPTED = 130
WITHOUT_ALERTMANAGER = (
    "not installed (Debian: apt-get install prometheus-alertmanager); "
    "`kizuna notify --dry-run` prints what it would be shown"
)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the real input, with the summary.")] = False,
    bootstrap: Annotated[
        str | None, typer.Option(help="A Kafka of yours, host:port.", show_default="a local one")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the invented traffic.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="The summary as one JSON object, last line.")] = False,
) -> None:
    """Feed 69,659 real purchases to a worker on a Kafka of its own, then invented traffic until Ctrl-C.

    The purchases are CDNOW's, 1997-98, moved so that the last is now. The customers of the invented traffic
    are called gen-..., and demo-late-...: every two minutes one of these misses a parcel. Alerts are shown to
    an Alertmanager of the demo's own, where one is installed. Each run begins with empty topics: those of an
    earlier run, demo-..., are deleted.
    Ctrl-C leaves nothing running.

    Example: kizuna demo --once --json
    """
    began = monotonic()
    flags: dict[str, Any] = {"app_id": DEMO_APP, "topic_prefix": DEMO_PREFIX, "clock": "event"}
    settings = load(bootstrap=bootstrap, max_uncommitted=MAX_UNCOMMITTED, **flags)
    sales = [(sale.customer_id.encode(), encode(sale)) for sale in cdnow.interactions(now_ms())]
    directory = settings.data_dir / "demo"
    with exclusive(directory / "lock", patience_s=0.0), _kafka(settings) as (settings, version):
        worker, notify = DemoWorker(settings, directory), DemoNotify(settings, directory)
        notified = None
        try:
            with output.progress() as report:
                notify.end_leftover()
                worker.end_leftover()
                _clean_topics(settings, report)
                worker.start(sweep_interval_s=NEVER_S, report=report)
                summary = _real_input(settings, worker, sales, version, began, report)
            if not json:
                tell(summary, worker.log)
            if not once and not summary.account.faults:
                _live(settings, worker, notify, summary, seed)
                notified = notify.shown()
        finally:
            with deferred_signals():
                notify.stop()
                worker.stop()
    if json:
        output.json_line(as_json(summary, notified))
    judge(summary, worker.log)
    if not once:
        raise typer.Exit(INTERRUPTED)


@contextmanager
def _kafka(settings: Settings) -> Iterator[tuple[Settings, str | None]]:
    """The Kafka to use and its version; one that was started here is stopped here."""
    if "bootstrap" in settings.model_fields_set:
        yield settings, None
        return
    with output.progress() as report:
        kafka = local_kafka(settings, progress=report)
        kafka.start()
    try:
        yield settings.model_copy(update={"bootstrap": kafka.bootstrap}), kafka.status().kafka_version
    finally:
        if kafka.is_owner:
            with deferred_signals():
                kafka.stop()


def _clean_topics(settings: Settings, report: Report) -> None:
    report("Making empty topics", 0, 0)
    delete_topics(settings)
    # Compaction would thin out the chains of scores that are checked at the end.
    create_topics(settings, {"scores": {"min.compaction.lag.ms": "86400000"}})


def _real_input(
    settings: Settings,
    worker: DemoWorker,
    sales: list[tuple[bytes, bytes]],
    kafka_version: str | None,
    began: float,
    report: Report,
) -> Summary:
    """Send the purchases, wait until all are committed, and read back what became of them."""
    first, last = asyncio.run(_feed(settings, worker, sales, report))
    worker.stop()  # so that nothing is written while it is read
    pipeline = Pipeline(parameters.load(settings.parameters), alert_rules.load(settings.rules), clock="event")
    account = asyncio.run(take_account(settings, pipeline, len(sales), len(set(sales)), report))
    report("Comparing churn risk with what came true", 0, 0)
    shipped = cdnow_39_39(pipeline.parameters, pipeline.rules)
    churn = cdnow_39_39(fitted_on_cdnow(pipeline.parameters), pipeline.rules)
    return Summary(
        account=account,
        churn=churn,
        shipped=shipped,
        kafka_version=kafka_version,
        events_per_second=len(sales) / (last - first),
        seconds=monotonic() - began,
        n_restarts=worker.n_restarts,
    )


async def _feed(
    settings: Settings, worker: DemoWorker, sales: list[tuple[bytes, bytes]], report: Report
) -> tuple[float, float]:
    """Send all and wait for them; monotonic seconds of the first acknowledgement and of the last commit."""
    first = 0.0

    def acknowledged(_n_records: int) -> None:
        nonlocal first
        first = first or monotonic()

    async with open_feed(settings, on_acknowledged=acknowledged) as feed:
        for number, (key, value) in enumerate(sales, start=1):
            await feed.send(key, value)
            if number % 1_000 == 0:
                report("Sending real purchases", feed.acknowledged, len(sales))
    n_done, moved = 0, monotonic()
    async with open_committed(settings) as committed:
        while True:
            worker.check()
            before, (n_done, n_total) = n_done, await committed.done()
            now = monotonic()
            report("Scoring real purchases", n_done, n_total, f"{n_done / (now - first):,.0f} events/s")
            if n_done >= n_total:
                return first, now
            moved = now if n_done > before else moved
            if now - moved > STALL_S:
                raise BrokerError(f"no progress for {STALL_S:.0f} s", hint=f"the worker's log: {worker.log}")
            await asyncio.sleep(0.2)


def _live(settings: Settings, worker: DemoWorker, notify: DemoNotify, summary: Summary, seed: int) -> None:
    """Invented traffic on top of the real state, until Ctrl-C."""
    with output.progress() as report:
        worker.start(sweep_interval_s=LIVE_SWEEP_S, report=report)
        report("Starting Alertmanager and notify", 0, 0)
        notify.start()
    output.note(f"Live: invented customers from here on, called gen-... and {NAME}... Ctrl-C ends the demo.")
    output.note(f"  metrics       {worker.url}/metrics")
    output.note(f"  log           {worker.log}")
    output.note(f"  Alertmanager  {notify.url or WITHOUT_ALERTMANAGER}")
    output.note(
        f"Now {NAME}1 misses a parcel, which comes {ARRIVES_S / 60:.0f} minutes later. In a second terminal:"
    )
    output.note(f"  kizuna alerts list --customer {NAME}1")
    output.note(f"  kizuna alerts ack {NAME}1 --by YOU")
    watch = Watch(summary.account.open_alerts)
    try:
        asyncio.run(play(settings, worker, notify, watch, seed))
    except KeyboardInterrupt:
        output.note(
            f"Ended: {watch.sent:,} invented events sent, {watch.opened:,} alerts opened, "
            f"{watch.resolved:,} resolved"
        )
