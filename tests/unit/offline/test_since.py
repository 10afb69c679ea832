"""One customer's past, made again out of records, is the past that was."""

from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_score
from schemas.score import ScoreV1
from stream.alerts import rules
from stream.errors import DataError
from stream.model import parameters
from stream.model.change import Changes
from stream.offline.customer import as_file_record, own_records, state_at
from stream.offline.history import NO_TIME
from stream.offline.replay import replay
from stream.offline.since import between_publications, since_publication, since_time
from stream.pipeline import FileRecord, Pipeline
from stream.state.layout import ROW
from stream.state.table import CustomerTable
from tests.strategies import DAY_MS, END_MS, START_MS, Body, bodies, history, iso, record

PIPELINE = Pipeline(parameters.load(), rules.load())
EVENT = Pipeline(parameters.load(), rules.load(), clock="event")
OF_PUBLICATION = ("seq", "trust_centi", "risk_e4", "checkpoint_day", "checkpoint_risk")
"""What depends on when somebody was scored, not on what is known."""
KEY = b"c0"


def dated(found: list[Body]) -> list[FileRecord]:
    times = [round(datetime.fromisoformat(body["occurred_at"]).timestamp() * 1000) for body in found]
    return [record(body, i, timestamp=time) for i, (body, time) in enumerate(zip(found, times, strict=True))]


def facts_of(table: CustomerTable, key: bytes) -> bytes:
    row = np.array([table.index[key]])
    table.alerts.forget(int(row[0]))
    value = bytearray(table.encode(row)[0])
    for name in ROW.names or ():
        if name in OF_PUBLICATION:
            assert ROW.fields is not None
            kind, offset, *_ = ROW.fields[name]
            value[offset : offset + kind.itemsize] = bytes(kind.itemsize)
    return bytes(value)


@given(bodies(max_size=40, customers=3, refs=12), st.integers(0, 130))
def test_own_records_alone_make_the_row_that_everybody_s_make(found: list[Body], days: int) -> None:
    """To the bit, at any time: nobody else's events matter to a customer's scores."""
    until_ms = START_MS + days * DAY_MS
    everybody = replay(EVENT, dated(found), now_ms=END_MS, until_ms=until_ms).table
    past = own_records(dated(found), KEY, END_MS)
    alone = state_at(PIPELINE, past.records, until_ms, END_MS)
    assert (KEY in everybody.index) == (KEY in alone.index)
    if KEY in alone.index:
        assert facts_of(alone, KEY) == facts_of(everybody, KEY)


def test_lines_that_are_nobody_s_are_counted() -> None:
    """A line without a customer or a time moves no clock, belongs to nobody, and is told."""
    found = dated(history(1, 5, customers=1))
    bad = FileRecord("f", 0, 9, NO_TIME, b"", b"{")
    ahead = found[0]._replace(timestamp=END_MS + 2 * DAY_MS)
    past = own_records([bad, *found, ahead], KEY, END_MS)
    assert past.n_unreadable == 1
    assert past.last_ms == max(each.timestamp for each in found)
    assert past.records == [*found, ahead]


def test_a_record_of_kafka_is_dated_by_its_event() -> None:
    """The broker's time is not the event's; what would be a dead letter has none."""
    body = history(1, 1, customers=1)[0]
    made = as_file_record(record(body, timestamp=END_MS), END_MS)
    assert made.timestamp == dated([body])[0].timestamp
    assert as_file_record(record(body, value=b"{"), END_MS).timestamp == NO_TIME


def live(found: list[Body], cuts: list[int]) -> tuple[CustomerTable, list[ScoreV1], int]:
    """A worker's life: runs of records a day apart; its table, what it published, and when it ended."""
    table, published, now_ms = PIPELINE.new_table(), [], START_MS + 130 * DAY_MS
    edges = [0, *sorted(cuts), len(found)]
    for start, stop in pairwise(edges):
        effects = PIPELINE.step(table, dated(found[start:stop]), now_ms)
        published += [decode_score(value) for key, value in effects.scores if key == KEY]
        now_ms += DAY_MS
    return table, published, now_ms


def sums_up(moved: Changes) -> bool:
    trust = sum(change.contribution for change in moved.trust)
    return abs(trust - (moved.after.trust - moved.before.trust)) < 1e-9


@given(bodies(max_size=40, customers=1), st.lists(st.integers(0, 40), max_size=4))
def test_a_publication_s_own_change_is_explained_exactly(found: list[Body], cuts: list[int]) -> None:
    """Between two published scores the reasons sum to the published change, late and repeated events too."""
    found = found + found[-3:]  # repeated deliveries
    table, published, now_ms = live(found, [min(cut, len(found)) for cut in cuts])
    last = published[-1]
    moved = since_publication(PIPELINE, table, KEY, now_ms, last)
    assert sums_up(moved)
    assert round(moved.before.trust, 2) == pytest.approx(last.trust, abs=0.0051)
    if len(published) < 2:
        return
    moved = between_publications(PIPELINE, KEY, published[-2], last, dated(found), now_ms)
    assert sums_up(moved)
    assert last.trust_change is not None
    assert moved.after.trust - moved.before.trust == pytest.approx(last.trust_change, abs=0.0101)


@given(bodies(max_size=40, customers=1), st.integers(0, 130))
def test_change_since_a_time_leads_to_the_present_scores(found: list[Body], days: int) -> None:
    """It begins where a replay to that time ends, and ends at the scores of the worker's own state."""
    table, _, now_ms = live(found, [len(found) // 2])
    since_ms = START_MS + days * DAY_MS
    moved = since_time(PIPELINE, table, KEY, now_ms, since_ms, dated(found), now_ms)
    assert sums_up(moved)
    assert moved.after == PIPELINE.explain(table, KEY, now_ms)
    then = replay(EVENT, dated(found), now_ms=now_ms, until_ms=since_ms).table
    assert moved.before.trust == pytest.approx(_trust_at(then, since_ms), abs=1e-9)


def _trust_at(table: CustomerTable, time_ms: int) -> float:
    found = EVENT.explain(table, KEY, time_ms)
    return 50.0 if found is None else found.trust


def test_a_history_with_a_hole_explains_nothing() -> None:
    """A topic that has forgotten events would make another past: refused, with the count of both."""
    found = [
        {"type": "review", "event_id": f"e{i}", "customer_id": "c0", "rating": 1}
        | {"occurred_at": iso(START_MS + i * DAY_MS)}
        for i in range(6)
    ]
    table, published, now_ms = live(found, [3])
    with pytest.raises(DataError, match=r"4 different ones.* has seen 6"):
        since_time(PIPELINE, table, KEY, now_ms, START_MS + DAY_MS, dated(found[2:]), now_ms)
    with pytest.raises(DataError, match="3 of its 3 events"):  # three others
        between_publications(PIPELINE, KEY, published[0], published[1], dated(found[2:]), now_ms)
    with pytest.raises(DataError, match="scored again"):
        since_publication(PIPELINE, table, KEY, now_ms, published[0])


def test_the_same_number_of_other_events_is_noticed() -> None:
    """Not the count alone is compared: the scores that the records make must be the state's."""
    rating = {"type": "review", "event_id": "e", "customer_id": "c0", "occurred_at": iso(START_MS)}
    table, _, now_ms = live([rating | {"rating": 1}], [])
    with pytest.raises(DataError, match="do not make the customer's state"):
        since_time(PIPELINE, table, KEY, now_ms, START_MS, dated([rating | {"rating": 5}]), now_ms)
