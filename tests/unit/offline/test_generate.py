"""Invented customers: the same seed, the same bytes; and a truth that the events bear out."""

import hashlib
from collections import Counter, defaultdict
from functools import cache
from itertools import islice
from typing import Literal, get_args, get_origin, get_type_hints

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode_interaction, encode
from schemas.interaction import SCALES, TYPES, Event, Interaction, Purchase, Review, Survey
from stream.alerts import rules
from stream.model import parameters
from stream.offline.generate import UNPLANTED, History, generate
from stream.offline.live import live
from stream.offline.metrics import auc
from stream.offline.replay import replay
from stream.offline.trouble import TROUBLES
from stream.offline.truth import truth_csv
from stream.pipeline import FileRecord, Pipeline

END_MS = 1_767_225_600_000
DIGEST = "533b49"  # of a small history; changes with the script of the lives, and with nothing else

# What only the customer can do. Parcels, replies, incidents, our programme's tiers, the end of a contract and
# charges that fail may come to somebody who has left.
OWN_DEEDS = {
    ("purchase", ""),
    *(("refund", kind) for kind in ("refund", "return", "chargeback")),
    ("survey", ""),
    ("review", ""),
    ("referral", ""),
    *(("engagement", kind) for kind in ("visit", "login", "email_open", "email_click", "feature_use")),
    *(("engagement", kind) for kind in ("unsubscribed", "resubscribed")),
    *(("ticket", status) for status in ("opened", "reopened")),
    *(("subscription", status) for status in ("started", "renewed", "cancel_requested")),
    ("payment", "succeeded"),
    *(("loyalty", kind) for kind in ("joined", "earned", "redeemed", "left")),
}


@pytest.fixture(scope="module")
def history() -> History:
    """What `kizuna generate` writes by default."""
    return generate(1_000, 365, seed=1, end_ms=END_MS)


def _lines(history: History) -> bytes:
    return b"\n".join(map(encode, history.events)) + "".join(truth_csv(history.truth)).encode()


@settings(max_examples=15)
@given(seed=st.integers(-(2**63), 2**63), days=st.floats(1, 900), customers=st.integers(1, 12))
def test_same_arguments_same_bytes(seed: int, days: float, customers: int) -> None:
    """Everything follows from the arguments, the truth included; another seed is another history."""
    first, again = (generate(customers, days, seed, END_MS) for _ in range(2))
    assert _lines(first) == _lines(again)
    assert _lines(generate(customers, days, seed + 1, END_MS)) != _lines(first)


def test_same_seed_same_bytes_on_every_machine() -> None:
    """The bytes are those of the machine on which this was written."""
    assert hashlib.sha256(_lines(generate(40, 200, seed=5, end_ms=END_MS))).hexdigest()[:6] == DIGEST


def test_larger_crowd_begins_with_the_same_customers(history: History) -> None:
    """Each customer is drawn by itself."""
    few = generate(50, 365, seed=1, end_ms=END_MS)
    chosen = {row.customer_id for row in few.truth}
    assert [event for event in history.events if event.customer_id in chosen] == few.events
    assert history.truth[:50] == few.truth


def test_history_is_valid_and_ordered(history: History) -> None:
    """Each event is unique and decodes to itself; times are in order and within the history."""
    assert all(decode_interaction(encode(event)) == event for event in history.events)
    assert len({(e.customer_id, e.event_id) for e in history.events}) == len(history.events)
    times = [event.occurred_at for event in history.events]
    assert times == sorted(times)
    assert times[-1].timestamp() * 1000 <= END_MS


def test_whatever_the_contract_can_say_occurs(history: History) -> None:
    """Every type, and every value of every field that has a list of values, by default."""
    assert {type(event) for event in history.events} == set(TYPES.values())
    said = {
        (type(event), name, getattr(event, name))
        for event in history.events
        for name in _choices(type(event))
    }
    silent = [
        (kind.__name__, name, value)
        for kind in TYPES.values()
        for name, values in _choices(kind).items()
        for value in values
        if (kind, name, value) not in said
    ]
    assert silent == []


def test_every_answer_of_every_scale_occurs(history: History) -> None:
    """Surveys and reviews use their whole scale."""
    answers = {(e.instrument, e.score) for e in history.events if isinstance(e, Survey)}
    assert answers == {
        (name, score) for name, (low, high) in SCALES.items() for score in range(low, high + 1)
    }
    assert {e.rating for e in history.events if isinstance(e, Review)} == {1, 2, 3, 4, 5}


def test_who_has_left_does_nothing_more(history: History) -> None:
    """After `churn_at` there is nothing that only the customer can do, planted churner or not."""
    left = {row.customer_id: row.churn_at for row in history.truth if row.churn_at is not None}
    assert len(left) > 200
    deeds = [
        event
        for event in history.events
        if event.customer_id in left
        and event.occurred_at > left[event.customer_id]
        and (_tag(event), getattr(event, "status", getattr(event, "kind", ""))) in OWN_DEEDS
    ]
    assert deeds == []


def test_who_stays_is_still_there(history: History) -> None:
    """Nearly all who are said to have stayed did something in the last year's half; those who left, less."""
    seen = {event.customer_id: event.occurred_at for event in history.events}
    stayed = [row for row in history.truth if not row.churned]
    assert len(stayed) > 400
    last = [END_MS - seen[row.customer_id].timestamp() * 1000 < 182 * 86_400_000 for row in stayed]
    assert np.mean(last) > 0.95


def test_truth_is_consistent(history: History) -> None:
    """Trouble begins before it drives away; who left has a time and a cause, and some of each kind exist."""
    for row in history.truth:
        assert row.churned == (row.churn_at is not None)
        assert (row.dissatisfied_at is not None) >= (row.cause in TROUBLES)
        assert row.cause in {*TROUBLES, UNPLANTED, ""}
        assert row.cause if row.churned else row.cause != UNPLANTED
        if row.churn_at is not None and row.dissatisfied_at is not None:
            assert row.dissatisfied_at < row.churn_at
    fates = Counter((row.churned, row.cause in TROUBLES) for row in history.truth)
    assert min(fates[churned, unhappy] for churned in (True, False) for unhappy in (True, False)) > 80


def test_trouble_tells_and_does_not_decide() -> None:
    """Of each kind of trouble some leave and some stay."""
    fates = Counter((row.cause, row.churned) for row in generate(2_000, 365, seed=2, end_ms=END_MS).truth)
    assert {(cause, churned) for cause in TROUBLES for churned in (True, False)} <= set(fates)


def test_rhythm_is_the_customers_own(history: History) -> None:
    """Purchase gaps differ far more between customers than chance alone would let them."""
    days = defaultdict(list)
    for event in history.events:
        if isinstance(event, Purchase):
            days[event.customer_id].append(event.occurred_at.timestamp() / 86_400)
    gaps = [np.diff(times) for times in days.values() if len(times) > 8]
    means = np.array([gap.mean() for gap in gaps])
    by_chance = np.array([gap.std() / np.sqrt(len(gap)) for gap in gaps])
    assert means.std() > 2 * by_chance.mean()


def test_trust_tells_customers_in_trouble_from_the_others(history: History) -> None:
    """What was planted can be found, and not by design: ranking is far above chance and below certainty."""
    pipeline = Pipeline(parameters.load(), rules.load(), clock="event")
    account = replay(pipeline, _records(history.events), now_ms=END_MS)
    keys, scores = pipeline.scores(account.table, account.as_of_ms)
    failures = set(TROUBLES) - {"fading_interest"}
    let_down = {row.customer_id.encode() for row in history.truth if row.cause in failures}
    assert 0.65 < auc([key in let_down for key in keys], -np.asarray(scores.trust.trust)) < 0.95


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


def _tag(event: Event) -> str:
    return str(type(event).__struct_config__.tag)


@cache
def _choices(kind: type[Event]) -> dict[str, tuple[str, ...]]:
    """Fields of a struct that hold one of a list of values."""
    found = {}
    for field in msgspec.structs.fields(kind):
        hint = get_type_hints(kind)[field.name]
        for each in (hint, *get_args(hint)):
            if get_origin(each) is Literal:
                found[field.name] = get_args(each)
    return found


def _records(events: list[Interaction]) -> list[FileRecord]:
    return [
        FileRecord("generated", 0, number, END_MS, event.customer_id.encode(), encode(event))
        for number, event in enumerate(events)
    ]
