"""Numbers and dates that cannot be: each is a dead letter with its cause, or a stated behaviour."""

import json
from typing import Any

import numpy as np
import pytest

from stream.alerts import rules
from stream.model import parameters
from stream.model.columns import CHANNELS, channel_bit, currency_code, currency_number
from stream.model.derived import NO_VALUE
from stream.pipeline import FileRecord, Pipeline
from stream.pipeline.derive import derive
from tests.strategies import DAY_MS, END_MS, START_MS, iso

PIPELINE = Pipeline(parameters.load(), rules.load())
PURCHASE: dict[str, Any] = {"type": "purchase", "amount": 5, "currency": "EUR"}
SURVEY: dict[str, Any] = {"type": "survey", "instrument": "nps", "score": 5}


def record(body: dict[str, Any], number: int = 0, raw: str | None = None) -> FileRecord:
    common = {"event_id": f"e{number}", "customer_id": "c", "occurred_at": iso(START_MS)}
    text = json.dumps(common | body) if raw is None else json.dumps(common | body).replace('"RAW"', raw)
    return FileRecord("interactions", 0, number, START_MS, b"c", text.encode())


# what: (body, text in place of "RAW", cause)
REFUSED: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "an amount that is not a number": (PURCHASE | {"amount": "RAW"}, "NaN", "invalid_json"),
    "an infinite amount": (PURCHASE | {"amount": "RAW"}, "Infinity", "invalid_json"),
    "an amount beyond any float": (PURCHASE | {"amount": "RAW"}, "1e999", "invalid_field"),
    "a negative amount": (PURCHASE | {"amount": -0.01}, None, "invalid_field"),
    "a negative refund": ({"type": "refund", "amount": -5, "currency": "EUR"}, None, "invalid_field"),
    "more money than there is": (PURCHASE | {"amount": 2e9}, None, "invalid_field"),
    "no currency": ({"type": "purchase", "amount": 5}, None, "invalid_field"),
    "a currency of four letters": (PURCHASE | {"currency": "EURO"}, None, "invalid_field"),
    "nps 11": (SURVEY | {"score": 11}, None, "invalid_field"),
    "nps -1": (SURVEY | {"score": -1}, None, "invalid_field"),
    "csat 0": (SURVEY | {"instrument": "csat", "score": 0}, None, "invalid_field"),
    "csat 6": (SURVEY | {"instrument": "csat", "score": 6}, None, "invalid_field"),
    "ces 1.0 6": (SURVEY | {"instrument": "ces1", "score": 6}, None, "invalid_field"),
    "ces 2.0 8": (SURVEY | {"instrument": "ces2", "score": 8}, None, "invalid_field"),
    "half an answer": (SURVEY | {"score": 7.5}, None, "invalid_field"),
    "an unknown instrument": (SURVEY | {"instrument": "ces"}, None, "invalid_field"),
    "six stars": ({"type": "review", "rating": 6}, None, "invalid_field"),
    "before 1970": (PURCHASE | {"occurred_at": "1969-12-31T23:59:59Z"}, None, "too_old"),
    "before 1990": (PURCHASE | {"occurred_at": "1989-12-31T23:59:59Z"}, None, "too_old"),
    "two days ahead": (PURCHASE | {"occurred_at": iso(END_MS + 2 * DAY_MS)}, None, "too_future"),
    "far in the future": (PURCHASE | {"occurred_at": "9999-01-01T00:00:00Z"}, None, "too_future"),
    "a time without a zone": (PURCHASE | {"occurred_at": "2026-01-01T00:00:00"}, None, "invalid_field"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_is_a_dead_letter_with_its_cause(what: str) -> None:
    """Counted under its cause, and the good record beside it is scored as if it had come alone."""
    body, raw, cause = REFUSED[what]
    both, alone = PIPELINE.new_table(), PIPELINE.new_table()
    good = record(PURCHASE, 1)
    effects = PIPELINE.step(both, [record(body, 0, raw), good], END_MS)
    assert dict(effects.causes) == {cause: 1}
    assert len(effects.dead_letters) == 1
    PIPELINE.step(alone, [good], END_MS)
    assert both.encode(both.live(0, 9)) == alone.encode(alone.live(0, 9))


def test_a_due_time_beyond_2100_says_nothing() -> None:
    """A promise for the year 2150, or 1950, is none: nothing is overdue by it, and nothing is refused."""
    for year in (1950, 2150):
        due = f"{year}-01-01T00:00:00Z"
        body = {"type": "delivery", "delivery_id": "d", "status": "promised", "promised_at": due}
        table = PIPELINE.new_table()
        assert not PIPELINE.step(table, [record(body)], END_MS).dead_letters
        assert PIPELINE.scores(table, END_MS)[1].trust.trust[0] == 50.0


def test_mixed_currencies_are_kept_apart() -> None:
    """Two currencies of one customer: no value is made of them, and churn risk is that of the days."""
    buys = [PURCHASE | {"currency": currency} for currency in ("EUR", "eur", "JPY", "1.5")]
    table, single = PIPELINE.new_table(), PIPELINE.new_table()
    PIPELINE.step(table, [record(body, i) for i, body in enumerate(buys)], END_MS)
    PIPELINE.step(single, [record(PURCHASE, i) for i in range(4)], END_MS)
    its = derive(table, np.array([0]), END_MS, PIPELINE.parameters)
    assert NO_VALUE[its.no_value[0]] == "several_currencies"
    assert np.isnan(its.value[0])
    risks = [PIPELINE.scores(each, END_MS)[1].risk.churn_risk[0] for each in (table, single)]
    assert risks[0] == risks[1]
    same = derive(single, np.array([0]), END_MS, PIPELINE.parameters)
    assert same.value[0] > 0.0


def test_names_of_currencies_and_channels_survive() -> None:
    """Three letters in any case come back; what is no currency is told apart; other channels are "other"."""
    assert [
        currency_code(currency_number(code)) for code in ("EUR", "jpy", "AAA", "ZZZ", "1.5", "€€€", "ßab")
    ] == [
        *("EUR", "JPY", "AAA", "ZZZ"),
        *("???",) * 3,
    ]
    bits = [channel_bit(name) for name in (*CHANNELS, "WEB", "fax", None)]
    assert bits == [*(1 << k for k in range(8)), 1, 128, 0]


def test_an_empty_run_and_an_empty_table_are_fine() -> None:
    """No records: nothing is written, nothing is scored, nothing is raised."""
    table = PIPELINE.new_table()
    effects = PIPELINE.step(table, [], END_MS)
    assert (effects.scores, effects.changelog, len(table)) == ([], [], 0)
    assert PIPELINE.sweep(table, 0, 9, END_MS).scores == []
    assert len(derive(table, table.live(0, 0), END_MS, PIPELINE.parameters)) == 0


def test_identical_customers_have_identical_figures() -> None:
    """A thousand customers with one history each, all the same: the same scores, value and percentile."""
    table = PIPELINE.new_table()
    bodies = [PURCHASE | {"customer_id": f"c{i}"} for i in range(1000)]
    source = [record(body, i)._replace(key=body["customer_id"].encode()) for i, body in enumerate(bodies)]
    PIPELINE.step(table, source, END_MS)
    its = derive(table, table.live(0, 1000), END_MS, PIPELINE.parameters)
    for values in (its.scores.trust.trust, its.scores.risk.churn_risk, its.value, its.p_active):
        assert len(np.unique(values)) == 1
