"""`kizuna send`: a file of interactions to Kafka."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer

from stream.cli import output
from stream.cli.options import Bootstrap, Json
from stream.cli.output import Report
from stream.cli.where import reachable
from stream.clock import now_ms
from stream.config import Settings, load
from stream.engine.feed import open_feed
from stream.errors import DataError
from stream.offline import history
from stream.offline.history import NO_TIME
from stream.offline.shift import last_time, shifted
from stream.pipeline import FileRecord

__all__ = ["send"]

TICK_S = 0.05  # a rate is kept by sending so much at a time


def send(
    events: Annotated[Path, typer.Argument(help="One interaction per line, as JSON.")],
    rate: Annotated[
        float | None, typer.Option(min=0.1, help="Events per second.", show_default="as fast as Kafka takes")
    ] = None,
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="Move all times so that the last event is now.")
    ] = False,
    bootstrap: Bootstrap = None,
    topic_prefix: Annotated[str | None, typer.Option(help="Put before the topic's name.")] = None,
    json: Json = False,
) -> None:
    """Send every line to the topic `interactions`, keyed by its customer.

    Lines are sent as they are, also those that nobody can read: the worker makes them dead letters with their
    cause. Sending a file again does no harm: the worker knows its events by their ids.

    Example: kizuna send events.jsonl --rate 500 --shift-to-now --bootstrap 127.0.0.1:9092
    """
    settings = load(bootstrap=bootstrap, topic_prefix=topic_prefix)
    by_ms = _shift(events) if shift_to_now else 0
    records = history.read(events)
    if by_ms:
        records = (shifted(record, by_ms) for record in records)
    began = monotonic()
    acknowledged = 0

    def count(n_records: int) -> None:
        nonlocal acknowledged
        acknowledged += n_records

    with reachable(settings) as reached, output.progress() as report:
        try:
            n_sent = asyncio.run(_send(reached, records, rate, count, report))
        except KeyboardInterrupt:
            output.note(f"{acknowledged:,} events were acknowledged before the interruption")
            raise
    seconds = monotonic() - began
    if json:
        output.json_line(
            {
                "sent": n_sent,
                "acknowledged": acknowledged,
                "topic": settings.topic("interactions"),
                "seconds": round(seconds, 3),
            }
        )
    else:
        output.say(
            f"{acknowledged:,} events acknowledged by {settings.topic('interactions')}, {seconds:.1f} s"
        )


async def _send(
    settings: Settings,
    records: Iterator[FileRecord],
    rate: float | None,
    count: Callable[[int], None],
    report: Report,
) -> int:
    n_sent = 0
    async with open_feed(settings, on_acknowledged=count) as feed:
        began = monotonic()
        for record in records:
            await feed.send(record.key, record.value)
            n_sent += 1
            if rate is not None and (ahead_s := n_sent / rate - (monotonic() - began)) > TICK_S:
                await feed.post()
                await asyncio.sleep(ahead_s)
            if n_sent % 500 == 0 or rate is not None:
                report("Sending events", feed.acknowledged, 0, "acknowledged")
        await feed.flush()
    return n_sent


def _shift(events: Path) -> int:
    last_ms = last_time(history.read(events))
    if last_ms == NO_TIME:
        raise DataError(f"{events} holds no event with a time", hint="leave --shift-to-now away")
    return now_ms() - last_ms
