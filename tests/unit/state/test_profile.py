"""Attributes of a customer: segment, tier and locale, each the latest that was given."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Pipeline
from tests.strategies import END_MS, START_MS, Body, bodies, iso, record, records

PIPELINE = Pipeline(parameters.load(), rules.load())


def profile(event_id: str, time_ms: int, **own: str) -> Body:
    common = {"type": "profile", "event_id": event_id, "customer_id": "c0", "occurred_at": iso(time_ms)}
    return common | own


def attributes(found: list[Body]) -> tuple[bytes, int, bytes]:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(found), END_MS)
    row = table.rows[table.index[b"c0"]]
    return row["segment"].item(), row["tier"].item(), row["locale"].item()


def test_absent_attribute_says_nothing_new() -> None:
    """A later profile without a segment keeps the segment that is known."""
    first = profile("a", START_MS, segment="retail", locale="de")
    later = profile("b", START_MS + 1000, tier="gold")
    assert attributes([first, later]) == attributes([later, first]) == (b"retail", 3, b"de")


def test_latest_attribute_wins_whenever_it_arrives() -> None:
    """An older value that arrives late changes nothing."""
    old, new = (profile("a", START_MS, segment="old"), profile("b", START_MS + 1000, segment="new"))
    assert attributes([new, old])[0] == attributes([old, new])[0] == b"new"


@given(found=bodies(customers=1, types=["profile"], days=0.0001), order=st.randoms())
def test_ties_in_time_do_not_depend_on_order(found: list[Body], order: Random) -> None:
    """Many profiles within the same seconds end the same in any order."""
    shuffled = list(found)
    order.shuffle(shuffled)
    assert attributes(found) == attributes(shuffled)


def test_segment_of_a_score_is_the_latest() -> None:
    """A published score carries the segment known when it was published."""
    table = PIPELINE.new_table()
    effects = PIPELINE.step(table, [record(profile("a", START_MS, segment="smb"))], START_MS)
    assert b'"segment":"smb"' in effects.scores[0][1]


def test_a_locale_that_is_none_says_nothing() -> None:
    """Eight characters of another script are more bytes than a row holds: left out, never cut."""
    known = profile("a", START_MS, locale="ja-JP")
    assert attributes([known, profile("b", START_MS + 1000, locale="日本語の国")]) == attributes([known])
    assert attributes([profile("c", START_MS, locale="日本")])[2].decode() == "日本"
