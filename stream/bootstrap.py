"""Wiring only: settings become a pipeline, an app, a status server and a running worker."""

import asyncio
import gc
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from random import Random

import aiohttp
import structlog
import uvloop

from stream import __version__
from stream.clock import now_ms
from stream.config import Settings
from stream.engine.app import create_app
from stream.engine.contract import Pipeline as AnyPipeline
from stream.engine.follow import Follower
from stream.engine.journal import open_journal
from stream.engine.memory import keep_giving_back
from stream.engine.repeats import Repeats
from stream.engine.share import Share
from stream.engine.status import StatusServer
from stream.engine.topics import NOTIFY, check_topics
from stream.engine.worker import EXIT_INTERRUPTED, Worker
from stream.metrics import Metrics
from stream.notify.assemble import assemble
from stream.notify.counts import Counts
from stream.notify.dispatch import DEAD_LETTERS, LEDGER
from stream.notify.preview import Preview, preview
from stream.notify.process import ALERTS
from stream.notify.resend import Account, Resent, resend

__all__ = [
    "configure_logging",
    "create_pipeline",
    "preview_notify",
    "resend_notify",
    "run_notify",
    "run_worker",
]

log = structlog.get_logger(__name__)

GC_THRESHOLDS = (200_000, 10, 10)

QUIET = ("aiokafka", "apprise", "asyncio", "faust", "mode", "urllib3")
"""Libraries whose warnings are worth a line and whose progress is not."""


def create_pipeline(settings: Settings) -> AnyPipeline:
    """The pure core with the shipped model, rules and plays, or those the settings name.

    Raises:
        KizunaError: parameters, rules, plays, efforts or a command key that cannot be used.
    """
    from stream.alerts import plays, rules
    from stream.model import parameters
    from stream.pipeline import Pipeline, actions
    from stream.pipeline.enrich import Playbook

    return Pipeline(
        parameters.load(settings.parameters),
        rules.load(settings.rules),
        clock=settings.clock,
        playbook=Playbook(plays.load(settings.plays), actions.load(settings.actions)),
        command_key=settings.command_key(),
    )


def configure_logging(settings: Settings) -> None:
    """One line per event on stderr, for our own loggers and the libraries'; no customer id in any."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.log_format == "json":
        render: list[structlog.typing.Processor] = [
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)  # locals hold customer ids
            ),
            structlog.processors.JSONRenderer(),
        ]
    else:
        render = [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    repeats = Repeats()
    handler.addFilter(lambda record: not record.name.startswith(QUIET) or repeats.filter(record))
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _check_topics(settings: Settings, only: Sequence[str] = ()) -> None:
    """Check, and let the error's one sentence be all that is said of an absent Kafka."""
    library = logging.getLogger("aiokafka")
    library.setLevel(logging.CRITICAL)
    try:
        check_topics(settings, only)
    finally:
        library.setLevel(logging.WARNING)


def _spare_the_garbage_collector() -> None:
    """Look for reference cycles rarely: a step makes thousands of short-lived lists and no cycle.

    With the defaults the collector walked every object of the process several times per step.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def run_worker(settings: Settings, pipeline: AnyPipeline | None = None) -> int:
    """Run a worker until it is stopped.

    Args:
        settings: of the process.
        pipeline: another core than the shipped one.

    Returns:
        exit code: 0 after SIGTERM, 130 after SIGINT, 1 or 2 after a failure that was logged.

    Raises:
        KizunaError: it could not start: configuration, topics, Kafka.
    """
    configure_logging(settings)
    core = pipeline if pipeline is not None else create_pipeline(settings)
    metrics = Metrics(__version__, core.model_version)
    status = StatusServer(metrics, settings.metrics_host, settings.metrics_port)
    _check_topics(settings)
    status.start()
    _spare_the_garbage_collector()
    over = threading.Event()
    keep_giving_back(over)
    try:
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        loop = uvloop.new_event_loop()
        asyncio.set_event_loop(loop)
        app = create_app(settings, core, metrics)
        log.info(
            "worker starts",
            version=__version__,
            bootstrap=settings.bootstrap,
            app_id=settings.app_id,
            status=f"http://{settings.metrics_host}:{status.port}",
        )
        return Worker(app, loop=loop, stop_limit_s=settings.stop_limit_s).run()
    finally:
        over.set()
        status.stop()


def run_notify(settings: Settings) -> int:
    """Tell people of alerts until stopped.

    Args:
        settings: of the process.

    Returns:
        exit code: 0 after SIGTERM, 130 after SIGINT.

    Raises:
        KizunaError: it could not start, or Kafka holds what cannot be read.
    """
    configure_logging(settings)
    _check_topics(settings, NOTIFY)
    counts = Counts(__version__)
    status = StatusServer(counts, settings.metrics_host, settings.notify_port, "notify_port")
    status.start()
    try:
        log.info(
            "notify starts",
            version=__version__,
            bootstrap=settings.bootstrap,
            status=f"http://{settings.metrics_host}:{status.port}",
        )
        return uvloop.run(_notify(settings, counts))
    finally:
        status.stop()


async def _notify(settings: Settings, counts: Counts) -> int:
    stop = asyncio.Event()
    ended_by: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        log.info("stopping", signal=number.name)
        ended_by.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end, number)
    feed = Follower(settings, (LEDGER, ALERTS))
    async with open_journal(settings) as journal, aiohttp.ClientSession() as session:
        notifier = assemble(settings, session, feed, journal, counts, clock=now_ms, chance=Random())
        await notifier.run(Share(settings, ALERTS, "notify", notifier.lost), stop)
    log.info("notify stopped")
    return EXIT_INTERRUPTED if ended_by[:1] == [signal.SIGINT] else 0


async def preview_notify(settings: Settings) -> list[Preview]:
    """What `run_notify` would send now, and nothing is sent.

    Raises:
        KizunaError: Kafka cannot be read, or a setting cannot be used.
    """
    return await preview(settings, Follower(settings, (LEDGER, ALERTS)), now_ms())


def resend_notify(
    settings: Settings, say: Callable[[Resent], None], *, sink: str | None, dry_run: bool
) -> Account:
    """Send the dead letters of `run_notify` again, those that still say what is so.

    Args:
        settings: of the running notify.
        say: told of each.
        sink: only this one's, by its name; None for all.
        dry_run: send nothing.

    Raises:
        KizunaError: Kafka cannot be read, a topic is missing, or a setting cannot be used.
    """
    configure_logging(settings)
    _check_topics(settings, NOTIFY)
    return asyncio.run(_resend(settings, say, sink, dry_run=dry_run))


async def _resend(
    settings: Settings, say: Callable[[Resent], None], sink: str | None, *, dry_run: bool
) -> Account:
    letters, feed = Follower(settings, (DEAD_LETTERS,)), Follower(settings, (LEDGER, ALERTS))
    async with open_journal(settings) as journal:
        return await resend(settings, letters, feed, journal, say, clock=now_ms, only=sink, dry_run=dry_run)
