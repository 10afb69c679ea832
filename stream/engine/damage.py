"""A changelog that is not what workers wrote, found before anything is written, and named.

    a record that cannot be read         by topic, partition, offset and a hash of its key: never the customer
    a log whose first records are gone   its start is not 0; compaction never moves it, only deletion does
    fewer customers than were written    the position row counts them
    no position though work was done     the group's offsets remember it, by `MARK`
    a position in other sources          another prefix or other sources over the same changelog
    a log shorter than it was            deleted and created anew under a running worker (`shape.py`)
    a source that ends before our work   created anew, or its tail was lost: other records under known offsets

All of it stops the worker. What is missing cannot be guessed, and going on would publish wrong scores and
overwrite what a backup could still be compared with.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from stream.config import Settings
from stream.engine.contract import Table
from stream.engine.reader import read_pages
from stream.engine.topics import CHANGELOG
from stream.errors import StateError
from stream.state.position import POSITION_KEY, Position

__all__ = ["MARK", "check_counted", "check_origin", "check_start", "located", "named", "our_work", "rewound"]

MARK = "kizuna"
"""Metadata of a group offset that a position row stands behind."""

REBUILD = (
    "nothing was overwritten: put a backup of the topic back, or rebuild from the sources under another"
    " KIZUNA_APP_ID"
)


def located(records: Sequence[Any], table: Table) -> StateError | None:
    """The reason for which the first of these records cannot be restored, with its place; None if all can.

    Args:
        records: of one partition, in log order.
        table: any; it is not usable afterwards.
    """
    for record in records:
        try:
            if record.key == POSITION_KEY:
                Position.decode(record.value)
            else:
                table.load([record.key], [record.value])
        except StateError as reason:
            digest = sha256(record.key).hexdigest()[:12]
            return StateError(
                f"{record.topic}, partition {record.partition}, offset {record.offset}"
                f" (sha256 of its key: {digest}...): {reason}",
                hint=reason.hint,
            )
    return None


async def named(
    settings: Settings, numbers: Collection[int], new_table: Callable[[], Table], error: StateError
) -> StateError:
    """What a restore failed for, with the place of the record, found by reading once more.

    Args:
        settings: of the process.
        numbers: partitions that were restored.
        new_table: makes an empty one.
        error: of the restore; returned as it is if no record alone causes it.
    """
    async for page in read_pages(settings, CHANGELOG, partitions=list(numbers)):
        rows = [record for record in page if record.key != POSITION_KEY]
        suspects = [record for record in page if record.key == POSITION_KEY]
        try:  # at once; row by row only where it fails
            new_table().load([row.key for row in rows], [row.value for row in rows])
        except StateError:
            suspects = page
        found = located(suspects, new_table())
        if found is not None:
            return found
    return error


def check_start(topic: str, starts: Mapping[int, int]) -> None:
    """Refuse a changelog whose first records were deleted.

    Args:
        topic: the changelog.
        starts: first offset of each partition.

    Raises:
        StateError: with the partitions.
    """
    cut = {number: start for number, start in sorted(starts.items()) if start > 0}
    if cut:
        places = ", ".join(f"partition {number} before offset {start}" for number, start in cut.items())
        raise StateError(
            f"records of {topic} were deleted: {places}; customers are missing from it", hint=REBUILD
        )


def check_counted(topic: str, number: int, position: Position | None, n_customers: int) -> None:
    """Refuse a changelog that holds another number of customers than its last transaction counted.

    Raises:
        StateError: rows went missing or came from elsewhere.
    """
    if position is not None and position.customers not in (None, n_customers):
        raise StateError(
            f"{topic}, partition {number} holds {n_customers} customers, its position row counted"
            f" {position.customers}",
            hint=REBUILD,
        )


def check_origin(
    topic: str, number: int, position: Position | None, sources: Collection[str], marked: Collection[str]
) -> None:
    """Refuse a changelog that is not the one these sources were worked into.

    Args:
        topic: the changelog.
        number: its partition.
        position: its position row.
        sources: as configured.
        marked: sources for which the group remembers committed work in this partition.

    Raises:
        StateError: no position though there was one, or one in other sources only.
    """
    if position is None and marked:
        raise StateError(
            f"{topic}, partition {number} has no position, though the group's offsets say that it had one:"
            " its rows are gone",
            hint=f"{REBUILD}, or delete the group's offsets too (kafka-consumer-groups --delete)",
        )
    if position is not None and position.offsets and not set(position.offsets) & set(sources):
        raise StateError(
            f"{topic}, partition {number} was made from {', '.join(sorted(position.offsets))},"
            f" not from {', '.join(sorted(sources))}",
            hint="start with the sources that made it (KIZUNA_SOURCES, KIZUNA_TOPIC_PREFIX), or rebuild under"
            " another KIZUNA_APP_ID",
        )


def rewound(topic: str, number: int, position: int, found: int) -> StateError:
    """The reason to stop when a source has other records than those that were worked in.

    Args:
        topic: the source.
        number: its partition.
        position: offset up to which its records are in the state.
        found: where it ends, or a new record's offset, before that.
    """
    return StateError(
        f"{topic}, partition {number} goes on at offset {found}, it was read up to {position}: it was created"
        " anew or lost records; counting them again would be wrong",
        hint="put the topic back, or start on the new one under another KIZUNA_APP_ID",
    )


async def our_work(settings: Settings) -> dict[tuple[str, int], tuple[int, bool]]:
    """The group's offset of each (topic, partition) that has one, and whether it is marked."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap)
    try:
        await admin.start()
        offsets = await admin.list_consumer_group_offsets(settings.app_id)
    finally:
        await admin.close()
    return {
        (part.topic, part.partition): (meta.offset, meta.metadata == MARK)
        for part, meta in offsets.items()
        if meta.offset >= 0
    }
