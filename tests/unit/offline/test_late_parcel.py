"""Parcels that are late, and then come."""

from itertools import groupby, islice

import pytest

from schemas.codec import decode_alert, encode
from schemas.interaction import Interaction
from stream.alerts import rules
from stream.model import parameters
from stream.offline.late_parcel import ARRIVES_S, EVERY_S, NAME, late_parcels
from stream.pipeline import FileRecord, Pipeline

START_MS = 1_790_000_000_000
N = 200


@pytest.mark.parametrize(("every_s", "arrives_s"), [(EVERY_S, ARRIVES_S), (600.0, 30.0), (1.0, 60.0)])
def test_everything_is_sent_in_the_order_of_time_and_nothing_before_it_happens(
    every_s: float, arrives_s: float
) -> None:
    """However the stories overlap; each id is sent once."""
    sent = list(islice(late_parcels(START_MS, every_s=every_s, arrives_s=arrives_s), N))
    times = [at_ms for at_ms, _event in sent]
    assert times == sorted(times)
    assert all(event.occurred_at.timestamp() * 1000 <= at_ms for at_ms, event in sent)
    assert len({event.event_id for _at_ms, event in sent}) == N


def test_the_shipped_rules_open_one_alert_for_each_and_its_cause_goes() -> None:
    """Opened when the customer asks, resolved when the parcel is there; no other rule rings."""
    pipeline = Pipeline(parameters.load(), rules.load(), clock="event")
    table = pipeline.new_table()
    found: dict[str, list[tuple[str, str | None, int]]] = {}
    stories = islice(late_parcels(START_MS), N)
    for offset, (at_ms, events) in enumerate(groupby(stories, key=lambda each: each[0])):
        records = [_record(event, offset, at_ms) for _at_ms, event in events]
        for _key, value in pipeline.step(table, records, at_ms).alert_log:
            alert = decode_alert(value)
            found.setdefault(alert.customer_id, []).append((alert.rule_id, alert.transition, at_ms))
    for number in range(1, 4):
        turn_ms = START_MS + round((number - 1) * EVERY_S * 1000)
        assert found[f"{NAME}{number}"] == [
            ("promise_late", "opened", turn_ms),
            ("promise_late", "resolved", turn_ms + round(ARRIVES_S * 1000)),
        ]


def _record(event: Interaction, offset: int, at_ms: int) -> FileRecord:
    return FileRecord("interactions", 0, offset, at_ms, event.customer_id.encode(), encode(event))
