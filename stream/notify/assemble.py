"""Settings become the parts of a notifier: book, an Alertmanager per URL, a dispatcher per other sink."""

import math
from collections.abc import Callable
from random import Random

import aiohttp

from stream.alerts import rules
from stream.clock import Clock
from stream.config import Settings
from stream.errors import ConfigError
from stream.notify.alertmanager import Alertmanager
from stream.notify.apprise_ import read_services
from stream.notify.book import Book
from stream.notify.counts import Counts
from stream.notify.dispatch import Dispatcher
from stream.notify.gate import Limits
from stream.notify.outbox import Outbox
from stream.notify.ports import Feed, Journal
from stream.notify.post import checked_url, shown
from stream.notify.process import Notifier
from stream.notify.projection import Projection, Timing
from stream.notify.reference import installation, reference_key
from stream.notify.shape import Shape
from stream.notify.signature import Signer, read_secrets
from stream.notify.sink import SHOWN, Sink
from stream.notify.webhook import Webhook
from stream.texts.languages import LANGUAGES

__all__ = ["KEEP_MS", "assemble", "make_book", "make_dispatchers", "make_shape", "make_sinks"]

KEEP_MS = 300_000
"""Alertmanager's clients show a resolved alert for so long, at least: one that was away learns of it."""


def make_shape(settings: Settings) -> Shape:
    """Labels and texts as the settings say.

    Raises:
        ConfigError: rules or the key cannot be used.
    """
    key = reference_key(settings.customer_ref_key, settings.data_dir)
    return Shape(
        rules.load(settings.rules),
        key,
        LANGUAGES[settings.notify_language],
        installation=installation(key, settings.topic_prefix),
        with_id=settings.notify_customer_id,
    )


def make_book(shape: Shape, resolve_s: float) -> Book:
    """An empty book; what is over is shown until whoever missed it has let it time out (`resolve_s`)."""
    return Book(shape.labels, shape.annotations, max(KEEP_MS, math.ceil(resolve_s * 1000)))


def make_sinks(settings: Settings) -> list[Sink]:
    """Every sink that is told of transitions.

    Raises:
        ConfigError: an address or a secret that cannot be used.
    """
    sinks: list[Sink] = []
    for each in settings.webhooks:
        signer = Signer(read_secrets(each.secret_file))
        limits = Limits(per_s=each.per_s, burst=each.burst)
        sinks.append(Webhook(each.name, checked_url(each.url, f"webhooks.{each.name}.url"), signer, limits))
    if settings.apprise_file is not None:
        language = LANGUAGES[settings.notify_language]
        sinks += read_services(settings.apprise_file, language, with_id=settings.notify_customer_id)
    return sinks


def make_dispatchers(
    settings: Settings, shape: Shape, journal: Journal, counts: Counts, *, clock: Clock, chance: Random
) -> list[Dispatcher]:
    """One for every sink, with an empty outbox.

    Raises:
        ConfigError: an address or a secret that cannot be used.
    """
    return [
        Dispatcher(
            sink,
            Outbox(shape.reference, settings.notify_tries),
            journal,
            clock=clock,
            chance=chance,
            counted=_counted(counts, sink.name),
        )
        for sink in make_sinks(settings)
    ]


def assemble(
    settings: Settings,
    session: aiohttp.ClientSession,
    feed: Feed,
    journal: Journal,
    counts: Counts,
    *,
    clock: Clock,
    chance: Random,
) -> Notifier:
    """A notifier that is ready to run.

    Raises:
        ConfigError: nobody is to be told, or a setting cannot be used.
    """
    shape = make_shape(settings)
    book = make_book(shape, settings.alertmanager_resolve_s)
    dispatchers = make_dispatchers(settings, shape, journal, counts, clock=clock, chance=chance)
    if not dispatchers and not settings.alertmanager_urls:
        raise ConfigError(
            "nobody is to be told: no sink is set",
            hint="name one, for example --alertmanager http://127.0.0.1:9093, or look with --dry-run",
        )
    resolve_s = settings.alertmanager_resolve_s
    timing = Timing(settings.alertmanager_repost_s or resolve_s / 3, resolve_s)
    if timing.repost_s >= resolve_s:
        raise ConfigError(
            f"alertmanager_repost_s is {timing.repost_s:g}, and after alertmanager_resolve_s, {resolve_s:g}, "
            "what is not shown again is over",
            hint="leave alertmanager_repost_s unset: a third of the other",
        )
    projections = []
    for text in settings.alertmanager_urls:
        url = checked_url(text, "alertmanager_urls")
        name = SHOWN + shown(url)
        counted = _counted(counts, name)
        server = Alertmanager(session, str(url))
        projections.append(
            Projection(
                name, server, book, shape, journal, timing, clock=clock, chance=chance, counted=counted
            )
        )
    limit_s = settings.stop_limit_s / 2
    return Notifier(feed, book, projections, dispatchers, journal, counts, clock=clock, stop_limit_s=limit_s)


def _counted(counts: Counts, sink: str) -> Callable[[str, int], None]:
    def counted(outcome: str, number: int) -> None:
        counts.notifications[sink, outcome] += number

    return counted
