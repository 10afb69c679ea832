"""What would be sent now, and nothing is sent: for `--dry-run`."""

from collections.abc import Sequence
from random import Random

from msgspec import Struct

from stream.config import Settings
from stream.notify.assemble import make_book, make_dispatchers, make_shape
from stream.notify.counts import Counts
from stream.notify.ports import Feed, Row
from stream.notify.process import ALERTS, Notifier

__all__ = ["Preview", "Silent", "preview"]

ALL = 1_000_000


class Preview(Struct, frozen=True):
    """One alert for one sink.

    Attributes:
        sink: its name; `alertmanager` for all of them, set or not.
        kind: of the notification; for Alertmanager `firing`, `resolved` or `silenced`.
        severity: of the alert.
        rule: of the alert.
        team: that it is routed to; empty where the sink does not know teams.
        customer_ref: instead of the customer's id.
        text: its title.
    """

    sink: str
    kind: str
    severity: str
    rule: str
    team: str
    customer_ref: str
    text: str

    def __str__(self) -> str:
        return f"{self.sink}  {self.kind:9} {self.severity:8} {self.rule}  {self.team}  {self.text}"


class Silent:
    """A journal that writes nothing."""

    async def write(self, topic: str, rows: Sequence[Row]) -> None:
        """Nothing."""


async def preview(settings: Settings, feed: Feed, now_ms: int) -> list[Preview]:
    """Lines by sink, in the order of the log.

    Raises:
        KizunaError: Kafka cannot be read, or a setting cannot be used.
    """
    shape = make_shape(settings)
    book = make_book(shape, settings.alertmanager_resolve_s)
    clock, counts = lambda: now_ms, Counts("")
    dispatchers = make_dispatchers(settings, shape, Silent(), counts, clock=clock, chance=Random(0))
    notifier = Notifier(feed, book, (), dispatchers, Silent(), counts, clock=clock, stop_limit_s=0.0)
    await notifier.catch_up()
    lines = [
        Preview(
            "alertmanager",
            "resolved" if each.ends_ms else "silenced" if each.alert.snooze else "firing",
            each.labels["severity"],
            each.labels["rule"],
            each.labels["team"],
            each.labels["customer_ref"],
            each.annotations.get("summary", ""),
        )
        for each in book.shown(now_ms)
    ]
    for each in dispatchers:
        for number in range(settings.partitions):
            if number not in each.outbox.baselines:
                each.outbox.begin(number, feed.positions[ALERTS, number], book.alerts(number))
        for waiting in each.outbox.due(range(settings.partitions), now_ms, ALL):
            told = waiting.notification
            alert = told.alert
            text = shape.annotations(alert)["summary"]
            lines.append(
                Preview(each.sink.name, told.kind, alert.severity, alert.rule_id, "", told.customer_ref, text)
            )
        await each.sink.close()
    return lines
