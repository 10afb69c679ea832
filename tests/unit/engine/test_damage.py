"""What is refused of a changelog, and how it is named; on the real rows of the real table."""

from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiokafka.structs import TopicPartition

from stream.alerts import rules
from stream.engine.damage import check_counted, check_origin, check_start, located
from stream.engine.recovery import _co_partitioned
from stream.errors import BrokerError, StateError
from stream.model import parameters
from stream.pipeline import Pipeline
from stream.state.layout import LAYOUT_VERSION, ROW
from stream.state.position import POSITION_KEY, Position
from tests.strategies import END_MS, history, records

PIPELINE = Pipeline(parameters.load(), rules.load())
GOOD = Position({"interactions": 5}, 0, PIPELINE.statistics, LAYOUT_VERSION, "v", customers=3)


def page() -> list[Any]:
    """Rows of a few customers, the first with a tail, and a position row, as read from a changelog."""
    table = PIPELINE.new_table()
    source = records(history(5, 600, customers=4, refs=40))
    PIPELINE.step(table, source, END_MS)
    order = np.array(sorted(range(len(table)), key=lambda row: row not in table.tails))
    rows = list(zip(table.key_list(order), table.encode(order), strict=True))
    assert len(rows[0][1]) > ROW.itemsize
    return [
        SimpleNamespace(topic="log", partition=3, offset=70 + i, key=key, value=value)
        for i, (key, value) in enumerate([*rows, (POSITION_KEY, GOOD.encode())])
    ]


def other_layout(row: bytes) -> bytes:
    changed = np.frombuffer(row[: ROW.itemsize], ROW).copy()
    changed["layout"] += 1
    return changed.tobytes()


DAMAGE: dict[str, Any] = {
    "torn row": lambda row: row[: ROW.itemsize - 1],
    "torn tail": lambda row: row[:-1],
    "tail's header torn": lambda row: row[: ROW.itemsize + 3],
    "too long": lambda row: row + b"\0",
    "garbage": lambda row: b"\xa5" * len(row),
    "empty": lambda _row: b"",
    "another layout": other_layout,
}


@pytest.mark.parametrize("kind", DAMAGE)
@pytest.mark.parametrize("place", [0, 1])
def test_a_damaged_row_among_good_ones_is_the_one_that_is_named(kind: str, place: int) -> None:
    """Place and a hash of the key; the customer's id is nowhere in the message."""
    records_ = page()
    damaged = records_[place]
    damaged.value = DAMAGE[kind](records_[0].value)
    reason = located(records_, PIPELINE.new_table())
    said = str(reason)
    assert f"log, partition 3, offset {70 + place}" in said
    assert sha256(damaged.key).hexdigest()[:12] in said
    assert damaged.key.decode() not in said
    assert reason is not None
    assert reason.hint


@pytest.mark.parametrize(
    "value", [None, b"", b"{", GOOD.encode()[:-9], b"\xff" * 40, b'{"offsets":{"a":"b"}}']
)
def test_a_torn_position_row_is_named(value: bytes | None) -> None:
    """Whatever is left of it."""
    records_ = page()
    records_[-1].value = value
    said = str(located(records_, PIPELINE.new_table()))
    assert f"offset {records_[-1].offset} " in said
    assert "position row cannot be read" in said


def test_a_log_that_begins_at_zero_everywhere_is_whole() -> None:
    """And one that begins later is not."""
    check_start("log", {0: 0, 1: 0})
    with pytest.raises(StateError, match="log were deleted: partition 1 before offset 7;"):
        check_start("log", {0: 0, 1: 7})


def test_customers_are_as_many_as_were_counted() -> None:
    """Rows of a worker that did not count yet are taken as they are."""
    check_counted("log", 0, GOOD, 3)
    check_counted("log", 0, None, 3)
    check_counted("log", 0, Position({}, 0, "s", 5, "v"), 99)
    with pytest.raises(StateError, match="partition 0 holds 2 customers, its position row counted 3"):
        check_counted("log", 0, GOOD, 2)


def test_state_belongs_to_its_sources() -> None:
    """A new source beside an old one is welcome; other sources alone, or a lost position, are not."""
    check_origin("log", 0, GOOD, ["interactions", "tickets"], ["interactions"])
    check_origin("log", 0, None, ["interactions"], [])
    with pytest.raises(StateError, match="made from interactions, not from tickets"):
        check_origin("log", 0, GOOD, ["tickets"], [])
    with pytest.raises(StateError, match="has no position"):
        check_origin("log", 0, None, ["interactions"], ["interactions"])


def test_a_partition_without_all_sources_or_beyond_the_declared_ones_is_refused() -> None:
    """What an assignment must be before anything is opened."""
    whole = {TopicPartition(topic, number) for topic in ("a", "b") for number in (0, 2)}
    assert _co_partitioned(whole, {"a", "b"}, 4) == [0, 2]
    with pytest.raises(BrokerError, match=r"without all of their sources: \{2: \['b'\]\}"):
        _co_partitioned(whole - {TopicPartition("b", 2)}, {"a", "b"}, 4)
    with pytest.raises(BrokerError, match=r"partitions were added: a has 3, not 2; b has 3, not 2"):
        _co_partitioned(whole, {"a", "b"}, 2)
