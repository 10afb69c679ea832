"""Marks are part of a row: what is written is read back, and nothing else is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.alerts import rules
from stream.errors import StateError
from stream.model import parameters
from stream.model.override import EXCEPTIONS, Override
from stream.pipeline import Pipeline
from stream.state.layout import ROW
from stream.state.marks import Marks
from tests.strategies import END_MS, Body, bodies, records

PIPELINE = Pipeline(parameters.load(), rules.load())

overrides = st.builds(
    Override,
    st.integers(-(2**40), 2**42),
    st.integers(-(2**40), 2**42),
    st.integers(-1, 4),
    st.text(max_size=128),
    st.text(max_size=1024),
)
marks = st.builds(
    Marks,
    st.dictionaries(st.integers(0, len(EXCEPTIONS) - 1), st.integers(1, 2**32 - 1), min_size=1),
    st.none() | overrides,
    st.integers(0, 255),
)


@given(marks)
def test_marks_survive_their_bytes(found: Marks) -> None:
    """Facts, decision in any script, and what was last published."""
    assert Marks.decode(found.encode()) == found


@given(marks, st.data())
def test_torn_marks_are_refused(found: Marks, data: st.DataObject) -> None:
    """No shorter and no longer bytes pass for marks."""
    whole = found.encode()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    for wrong in (cut, whole + b"\0"):
        with pytest.raises(StateError):
            Marks.decode(wrong)


@given(bodies(max_size=40, customers=2, refs=12), overrides)
def test_a_restored_row_with_marks_is_the_same_row(found: list[Body], decided: Override) -> None:
    """restore(encode(row)) = row, beside days and promises in the same tail; forgetting leaves nothing."""
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(found), END_MS)
    if (row := table.index.get(b"c0")) is not None:
        table.tails.marks(int(row)).decide(decided)
    again = PIPELINE.new_table()
    rows = table.live(0, table.n_rows)
    again.load(table.key_list(rows), table.encode(rows))
    assert again.encode(again.live(0, again.n_rows)) == table.encode(rows)
    assert again.tails.marked == table.tails.marked
    for key in again.key_list(again.live(0, again.n_rows)):
        again.remove(key)
    assert again.tails.marked == set()
    assert not again.tails


def test_a_customer_without_marks_costs_nothing() -> None:
    """Neither a byte nor a tail."""
    table = PIPELINE.new_table()
    body = {
        "type": "review",
        "event_id": "e",
        "customer_id": "c0",
        "rating": 5,
        "occurred_at": "2026-01-01T00:00:00Z",
    }
    PIPELINE.step(table, records([body]), END_MS)
    assert len(table.encode(np.array([0]))[0]) == ROW.itemsize
    assert not table.tails
