"""Invented customers: the same seed, the same bytes; and a truth that the events bear out."""

from collections import defaultdict
from datetime import datetime
from itertools import islice

import numpy as np
import pytest

from schemas.codec import decode_interaction, encode
from schemas.interaction import TYPES, Interaction
from stream.alerts import rules
from stream.model import parameters
from stream.offline.generate import History, generate, truth_csv
from stream.offline.live import live
from stream.offline.metrics import auc
from stream.offline.replay import replay
from stream.offline.trouble import TROUBLES
from stream.pipeline import FileRecord, Pipeline

END_MS = 1_767_225_600_000


@pytest.fixture(scope="module")
def history() -> History:
    """A thousand customers over a year."""
    return generate(1_000, 365, seed=7, end_ms=END_MS)


def test_same_seed_same_bytes(history: History) -> None:
    """Everything follows from the seed, and another seed is another history."""
    again = generate(1_000, 365, seed=7, end_ms=END_MS)
    assert [encode(event) for event in again.events] == [encode(event) for event in history.events]
    assert list(truth_csv(again.truth)) == list(truth_csv(history.truth))
    assert generate(1_000, 365, seed=8, end_ms=END_MS).events != history.events


def test_larger_crowd_begins_with_the_same_customers(history: History) -> None:
    """Each customer is drawn by itself."""
    few = generate(50, 365, seed=7, end_ms=END_MS)
    chosen = {row.customer_id for row in few.truth}
    assert [event for event in history.events if event.customer_id in chosen] == few.events
    assert history.truth[:50] == few.truth


def test_every_type_of_interaction_occurs_and_is_valid(history: History) -> None:
    """All fourteen, each event unique, in the order of time, within the history."""
    assert {type(event) for event in history.events} == set(TYPES.values())
    assert all(decode_interaction(encode(event)) == event for event in history.events)
    assert len({(e.customer_id, e.event_id) for e in history.events}) == len(history.events)
    times = [event.occurred_at for event in history.events]
    assert times == sorted(times)
    assert times[-1].timestamp() * 1000 <= END_MS


def test_churned_customers_buy_nothing_after_they_left(history: History) -> None:
    """From `churn_at` on there is no purchase, for planted and for natural churners."""
    bought: dict[str, list[datetime]] = defaultdict(list)
    for event in history.events:
        if type(event) is TYPES["purchase"]:
            bought[event.customer_id].append(event.occurred_at)
    gone = [row for row in history.truth if row.churn_at is not None]
    assert len(gone) > 100
    assert [r for r in gone if r.churn_at and any(at > r.churn_at for at in bought[r.customer_id])] == []


def test_every_trouble_is_planted_and_named(history: History) -> None:
    """The truth names each kind of trouble, and about the declared share of customers has one."""
    causes = [row.cause for row in history.truth]
    assert set(causes) == {*TROUBLES, "drifted_away", ""}
    assert 0.10 < sum(cause in TROUBLES for cause in causes) / len(causes) < 0.20
    assert all(row.churned == bool(row.cause) == (row.churn_at is not None) for row in history.truth)


def test_trust_tells_planted_churners_from_the_others(history: History) -> None:
    """What was planted can be found: low trust ranks those whom we let down far above chance."""
    pipeline = Pipeline(parameters.load(), rules.load(), clock="event")
    account = replay(pipeline, _records(history.events), now_ms=END_MS)
    keys, scores = pipeline.scores(account.table, account.as_of_ms)
    cause = {row.customer_id.encode(): row.cause for row in history.truth}
    assert auc([cause[key] in TROUBLES for key in keys], -np.asarray(scores.trust.trust)) > 0.9


def test_live_traffic_is_ordered_valid_and_invented() -> None:
    """Only `gen-` customers, no event id twice, time never backwards; the same seed, the same scenes."""
    events = list(islice(live(3, END_MS, customers=100), 3_000))
    times = [event.occurred_at for event in events]
    assert times == sorted(times)
    assert times[0].timestamp() * 1000 >= END_MS
    assert {event.customer_id[:4] for event in events} == {"gen-"}
    assert len({event.event_id for event in events}) == len(events)
    assert all(decode_interaction(encode(event)) == event for event in events)
    assert events == list(islice(live(3, END_MS, customers=100), 3_000))


def _records(events: list[Interaction]) -> list[FileRecord]:
    return [
        FileRecord("generated", 0, number, END_MS, event.customer_id.encode(), encode(event))
        for number, event in enumerate(events)
    ]
