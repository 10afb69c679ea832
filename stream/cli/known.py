"""What is known of one customer: from a worker's own state in Kafka, or from a file of interactions."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from schemas.codec import DECODE_ERRORS, decode_score
from schemas.score import ScoreV1
from stream.alerts import rules as alert_rules
from stream.cli import output
from stream.cli.times import parse_time, shown
from stream.cli.where import DEMO_APP, DEMO_PREFIX, reachable
from stream.clock import now_ms
from stream.config import Settings, load
from stream.engine.feed import partition_of
from stream.engine.reader import read_pages
from stream.engine.topics import CHANGELOG
from stream.errors import BrokerError, ConfigError, DataError
from stream.model import parameters
from stream.offline import history
from stream.offline.customer import as_file_record, own_records, state_at
from stream.pipeline import FileRecord, Pipeline
from stream.state.table import CustomerTable

__all__ = ["AppId", "At", "Customer", "Events", "Known", "Params", "known"]

Read = TypeVar("Read")
Customer = Annotated[str, typer.Argument(help="Customer id, as in the interactions.")]
At = Annotated[
    str | None, typer.Option(help="Time of the scores.", show_default="now; of a file, its last event")
]
Events = Annotated[
    Path | None, typer.Option(help="Read this file of interactions instead of Kafka, up to the time.")
]
Params = Annotated[
    Path | None, typer.Option(help="Model parameters (TOML).", show_default="the settings', else the shipped")
]
AppId = Annotated[
    str | None, typer.Option(help="Whose state.", show_default="the settings', else the demo's")
]


@dataclass(slots=True)
class Known:
    """One customer at a time.

    Attributes:
        customer: id.
        pipeline: parameters and rules.
        table: holds this customer alone; from a file as of `time_ms`, from Kafka the present state.
        time_ms: of the scores.
        read_records: reads the customer's interactions, event time as `timestamp`, of a file up to `time_ms`.
        read_published: reads the customer's published scores, oldest first; empty for a file.
        n_unreadable: lines of the file that are nobody's.
        read_everybody: replays the whole file up to `time_ms`; None for Kafka's.
    """

    customer: str
    pipeline: Pipeline
    table: CustomerTable
    time_ms: int
    read_records: Callable[[], list[FileRecord]]
    read_published: Callable[[], list[ScoreV1]]
    n_unreadable: int = 0
    read_everybody: Callable[[], CustomerTable] | None = None
    _records: list[FileRecord] | None = field(default=None, repr=False)

    @property
    def key(self) -> bytes:
        """The customer's id as a record's key."""
        return self.customer.encode()

    @property
    def row(self) -> int:
        """The customer's row number."""
        return int(self.table.index[self.key])

    @property
    def records(self) -> list[FileRecord]:
        """The customer's interactions; read once, when first asked for."""
        if self._records is None:
            self._records = self.read_records()
        return self._records


@contextmanager
def known(
    customer: str,
    *,
    at: str | None,
    events: Path | None,
    params: Path | None,
    bootstrap: str | None,
    app_id: str | None,
) -> Iterator[Known]:
    """A customer, with Kafka awake as long as the block lasts if it is Kafka's.

    Raises:
        DataError: nobody of that name is known there.
        BrokerError: Kafka cannot be reached.
        ConfigError: a file is named together with a Kafka.
    """
    if events is not None and (bootstrap is not None or app_id is not None):
        raise ConfigError(
            "--events reads a file and no Kafka", hint="leave out --bootstrap and --app-id, or --events"
        )
    settings = load(bootstrap=bootstrap, app_id=app_id, parameters=params)
    pipeline = Pipeline(parameters.load(settings.parameters), alert_rules.load(settings.rules))
    if events is not None:
        yield _from_file(pipeline, customer, at, events)
        return
    with reachable(settings, wake=True) as reached:
        yield _from_kafka(reached, pipeline, customer, at)


def _from_file(pipeline: Pipeline, customer: str, at: str | None, path: Path) -> Known:
    wall_ms = now_ms()
    with output.progress() as report:
        past = own_records(_told(history.read(path), report), customer.encode(), wall_ms)
    if not past.records:
        raise DataError(
            f"no line of {path} is of customer {customer!r}", hint="ids are case-sensitive, in `customer_id`"
        )
    time_ms = past.last_ms if at is None else parse_time(at)
    table = state_at(pipeline, past.records, time_ms, wall_ms)
    if not len(table):
        raise DataError(
            f"nothing is known of {customer!r} at {shown(time_ms)}: "
            f"{len(past.records)} lines, all of them later or unreadable",
            hint="give a later --at, or look at the lines with `kizuna replay`",
        )
    return Known(
        customer,
        pipeline,
        table,
        time_ms,
        read_records=lambda: [record for record in past.records if record.timestamp <= time_ms],
        read_published=list,
        n_unreadable=past.n_unreadable,
        read_everybody=partial(_everybody, pipeline, path, time_ms, wall_ms),
    )


def _everybody(pipeline: Pipeline, path: Path, time_ms: int, wall_ms: int) -> CustomerTable:
    with output.progress() as report:
        return state_at(pipeline, _told(history.read(path), report), time_ms, wall_ms)


def _told(records: Iterator[FileRecord], report: output.Report) -> Iterator[FileRecord]:
    for n, record in enumerate(records, start=1):
        if n % 5_000 == 0:
            report("Reading events", n, 0)
        yield record


def _from_kafka(settings: Settings, pipeline: Pipeline, customer: str, at: str | None) -> Known:
    """The customer of the named application, else of the settings', else of the demo's."""
    key = customer.encode()
    demo = settings.model_copy(update={"app_id": DEMO_APP, "topic_prefix": DEMO_PREFIX})
    apps = [settings] if "app_id" in settings.model_fields_set else [settings, demo]
    if settings.app_id == DEMO_APP:
        apps = [demo]
    failures: list[BrokerError] = []
    for app in apps:
        try:
            row = asyncio.run(_last_value(app, key))
        except BrokerError as failure:
            failures.append(failure)
            continue
        if row is not None:
            table = pipeline.new_table()
            table.load([key], [row])
            time_ms = now_ms() if at is None else parse_time(at)
            return Known(
                customer,
                pipeline,
                table,
                time_ms,
                read_records=partial(_run, _interactions, app, key),
                read_published=partial(_run, _published, app, key),
            )
    if len(failures) == len(apps):
        raise failures[-1]
    raise DataError(
        f"no customer {customer!r} is known there", hint="ids are case-sensitive; the demo's: cdnow-00001"
    )


def _run(
    read: Callable[[Settings, bytes], Coroutine[Any, Any, Read]], settings: Settings, key: bytes
) -> Read:
    return asyncio.run(read(settings, key))


async def _last_value(settings: Settings, key: bytes) -> bytes | None:
    """The last committed row of a key; None if it has none or was forgotten."""
    found = await _of_key(settings, CHANGELOG, key)
    value: bytes | None = found[-1].value if found else None
    return value


async def _of_key(settings: Settings, topic: str, key: bytes) -> list[FileRecord]:
    """Every committed record of a key in a topic."""
    likely = partition_of(key, settings.partitions)
    with output.progress() as report:
        for partitions in ([likely], None):  # a sender of its own mind may have put it elsewhere
            found, n_read = [], 0
            async for page in read_pages(settings, topic, partitions=partitions):
                n_read += len(page)
                report(f"Reading {settings.topic(topic)}", n_read, 0)
                found += [_plain(record) for record in page if record.key == key]
            if found:
                return found
    return []


def _plain(record: FileRecord) -> FileRecord:
    """A record without what aiokafka holds besides."""
    return FileRecord(
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(record.headers),
    )


async def _interactions(settings: Settings, key: bytes) -> list[FileRecord]:
    wall_ms = now_ms()
    found = []
    for topic in settings.sources:
        found += [as_file_record(record, wall_ms) for record in await _of_key(settings, topic, key)]
    return found


async def _published(settings: Settings, key: bytes) -> list[ScoreV1]:
    found = []
    for record in await _of_key(settings, "scores", key):
        try:
            found.append(decode_score(record.value or b""))
        except DECODE_ERRORS:  # a tombstone: the customer was forgotten here
            found.clear()
    return found
