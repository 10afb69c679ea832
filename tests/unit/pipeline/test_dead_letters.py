"""What is refused, why, and that nothing of it is lost or left behind."""

import json
from typing import Any

import pytest

from schemas.dead_letter import CAUSES
from schemas.interaction import MAX_RECORD_BYTES
from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import FileRecord, Pipeline
from stream.pipeline.decode import MAX_AHEAD_MS
from tests.oracles import Oracle
from tests.strategies import DAY_MS, START_MS, history, iso, record, records
from tests.unit.pipeline.test_override import BAD_COMMANDS
from tests.unit.pipeline.test_people import BAD as BAD_WORDS
from tests.unit.pipeline.test_people import OF_WHAT_IS_OVER

PIPELINE = Pipeline(parameters.load(), rules.load())
NOW_MS = START_MS + 200 * DAY_MS
GOOD = {
    "type": "purchase",
    "event_id": "e",
    "customer_id": "c",
    "occurred_at": iso(START_MS),
    "amount": 5,
    "currency": "EUR",
}


def of(
    value: bytes | None, key: bytes | None = b"c", headers: tuple[tuple[str, bytes], ...] = ()
) -> FileRecord:
    return FileRecord("interactions", 3, 41, START_MS + 7, key, value, headers)


def body(**changes: Any) -> bytes:
    return json.dumps(GOOD | changes).encode()


def enveloped(**changes: Any) -> bytes:
    envelope = {"specversion": "1.0", "id": "1", "source": "shop", "type": "x", "data": GOOD}
    return json.dumps(envelope | changes).encode()


STRUCTURED = (("trace", b"1"), ("Content-Type", b"application/cloudevents+json; charset=utf-8"))
JSON = (("content-type", b"application/json"),)

BAD: dict[str, tuple[str, FileRecord]] = {
    "no value": ("empty_value", of(None)),
    "no bytes": ("empty_value", of(b"")),
    "torn": ("invalid_json", of(body()[:-1])),
    "two values": ("invalid_json", of(body() * 2)),
    "not UTF-8": ("invalid_json", of(body().replace(b'"EUR"', b'"E\xffR"'))),
    "lone surrogate": ("invalid_json", of(body(customer_id="\ud800"))),
    "nan": ("invalid_json", of(body(amount=float("nan")))),
    "nested too deeply": ("invalid_json", of(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
    "unknown type": ("unknown_type", of(body(type="telepathy"))),
    "no type": ("invalid_field", of(b"{}")),
    "a list": ("invalid_field", of(b"[]")),
    "negative amount": ("invalid_field", of(body(amount=-1))),
    "infinite amount": ("invalid_field", of(body().replace(b'"amount": 5', b'"amount": 1e999'))),
    "text for a number": ("invalid_field", of(body(amount="5"))),
    "time without a zone": ("invalid_field", of(body(occurred_at="2026-01-01T00:00:00"))),
    "reserved customer": ("invalid_field", of(body(customer_id="\0position"), key=b"\0position")),
    "no key": ("key_missing", of(body(), key=None)),
    "another's key": ("key_mismatch", of(body(), key=b"d")),
    "key not UTF-8": ("key_mismatch", of(body(), key=b"\xff")),
    "too large": ("too_large", of(b" " * MAX_RECORD_BYTES + body())),
    "1970": ("too_old", of(body(occurred_at="1970-01-01T00:00:00Z"))),
    "year 1": ("too_old", of(body(occurred_at="0001-01-01T00:00:00+14:00"))),
    "a moment before 1990": ("too_old", of(body(occurred_at="1989-12-31T23:59:59.999Z"))),
    "2100": ("too_future", of(body(occurred_at="2100-01-01T00:00:00Z"))),
    "year 9999": ("too_future", of(body(occurred_at="9999-12-31T23:59:59-12:00"))),
    "ahead of the clock": ("too_future", of(body(occurred_at=iso(NOW_MS + MAX_AHEAD_MS + 1)))),
    "envelope without data": ("invalid_field", of(b'{"specversion":"1.0"}', headers=STRUCTURED)),
    "envelope of another version": ("invalid_field", of(enveloped(specversion="0.3"), headers=STRUCTURED)),
    "envelope around a text": ("invalid_field", of(enveloped(data="x"), headers=STRUCTURED)),
    "envelope as plain JSON": ("unknown_type", of(enveloped(), headers=JSON)),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_record_becomes_a_dead_letter_with_its_cause(name: str) -> None:
    """Original key, value and headers, then cause and origin; and not a trace of it in the table."""
    cause, bad = BAD[name]
    table = PIPELINE.new_table()
    effects = PIPELINE.step(table, [bad], NOW_MS)
    [letter] = effects.dead_letters
    headers = dict(letter.headers)
    assert (letter.key, letter.value) == (bad.key, bad.value)
    assert letter.headers[: len(bad.headers)] == list(bad.headers)
    assert headers["kizuna.cause"] == cause.encode()
    assert headers["kizuna.detail"]
    origin = [headers[f"kizuna.{part}"] for part in ("topic", "partition", "offset", "timestamp_ms")]
    assert origin == [b"interactions", b"3", b"41", str(START_MS + 7).encode()]
    assert effects.causes == {cause: 1}
    assert sum(effects.outcomes.values()) == effects.n_records == 1
    assert len(table) == 0
    assert effects.changelog == effects.scores == effects.alerts == effects.alert_log == []


@pytest.mark.parametrize("name", BAD)
def test_oracle_refuses_it_for_the_same_cause(name: str) -> None:
    """The second opinion, from the documents, agrees on every cause."""
    cause, bad = BAD[name]
    assert Oracle(PIPELINE.parameters, PIPELINE.rules).feed(bad, NOW_MS) == cause


def test_every_cause_is_tested() -> None:
    """The contract names no cause that cannot happen; those of commands alone are tried where these are."""
    causes = {cause for cause, _ in (*BAD.values(), *BAD_COMMANDS.values(), *BAD_WORDS.values())}
    of_the_data = "unsupported_action"  # tried in test_alerting.py
    assert causes | {OF_WHAT_IS_OVER, of_the_data} == set(CAUSES)


GOOD_FORMS = {
    "as it is": of(body()),
    "with a field nobody knows": of(body(colour="red")),
    "cloud event, binary mode": of(body(), headers=(("ce_specversion", b"1.0"), *JSON)),
    "cloud event, structured mode": of(enveloped(), headers=STRUCTURED),
    "as large as allowed": of(b" " * (MAX_RECORD_BYTES - len(body())) + body()),
    "a day ahead": of(body(occurred_at=iso(NOW_MS + MAX_AHEAD_MS))),
    "the first moment of 1990": of(body(occurred_at="1990-01-01T00:00:00Z")),
    "another zone": of(body(occurred_at="2026-01-01T09:00:00+09:00")),
}


@pytest.mark.parametrize("name", GOOD_FORMS)
def test_good_record_is_scored(name: str) -> None:
    """Every permitted form and every limit itself are accepted."""
    effects = PIPELINE.step(PIPELINE.new_table(), [GOOD_FORMS[name]], NOW_MS)
    assert effects.outcomes == {("purchase", "scored"): 1}
    assert len(effects.scores) == len(effects.changelog) == 1


def test_last_instant_is_that_before_2100() -> None:
    """`LATEST` itself is refused however late the clock is; the millisecond before is not."""
    end_ms = 4_102_444_800_000
    last, first_refused = (of(body(occurred_at=iso(end_ms - early))) for early in (1, 0))
    effects = PIPELINE.step(PIPELINE.new_table(), [last, first_refused], end_ms)
    assert effects.outcomes == {("purchase", "scored"): 1, ("purchase", "invalid"): 1}


def test_counts_add_up() -> None:
    """Scored + duplicate + invalid = records, whatever comes together."""
    good = records(history(1, 200))
    mixed = [*good[:150], *(bad for _, bad in BAD.values()), *good[100:]]
    effects = PIPELINE.step(PIPELINE.new_table(), mixed, NOW_MS)
    by_outcome = {outcome: 0 for _, outcome in effects.outcomes}
    for (_, outcome), count in effects.outcomes.items():
        by_outcome[outcome] += count
    assert sum(by_outcome.values()) == effects.n_records == len(mixed)
    assert by_outcome["invalid"] == len(effects.dead_letters) == sum(effects.causes.values()) == len(BAD)
    assert by_outcome["duplicate"] > 0


def test_bad_records_change_nothing_for_the_good_ones() -> None:
    """Scores, alerts and rows are the same with and without dead letters in between."""
    good = [record(each, 5 * i) for i, each in enumerate(history(2, 60))]
    mixed = [each for pair in zip(good, [bad for _, bad in BAD.values()] * 2, strict=True) for each in pair]
    clean, dirty = (PIPELINE.step(PIPELINE.new_table(), run, NOW_MS) for run in (good, mixed))
    assert dirty.dead_letters
    for topic in ("scores", "alerts", "alert_log", "changelog"):
        assert getattr(dirty, topic) == getattr(clean, topic)
