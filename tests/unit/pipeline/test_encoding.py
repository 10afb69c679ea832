"""Records put together of ready texts are those that the contract's encoder would have made."""

import json
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_alert, decode_score, encode
from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import FileRecord, Pipeline
from stream.pipeline.texts import Numbers, id_texts
from tests.strategies import DAY_MS, END_MS, START_MS, history, iso, records

PIPELINE = Pipeline(parameters.load(), rules.load())


def test_scores_and_alerts_have_the_bytes_of_their_structs() -> None:
    """Decoded and encoded again, every record of a long history is the same bytes."""
    table = PIPELINE.new_table()
    source = records(history(seed=11, n=6_000, customers=40))
    published: list[bytes] = []
    for start in range(0, len(source), 500):
        effects = PIPELINE.step(table, source[start : start + 500], START_MS + start * DAY_MS // 50)
        published += [value for _, value in effects.scores]
        assert all(encode(decode_alert(value)) == value for _, value in effects.alerts)
    published += [value for _, value in PIPELINE.sweep(table, 0, table.n_rows, END_MS + 900 * DAY_MS).scores]
    assert len(published) > 400
    for value in published:
        assert encode(decode_score(value)) == value
    assert not any(re.search(rb":-0\.0[,}]", value) for value in published)


@given(st.lists(st.text(min_size=1, max_size=20).filter(lambda text: text >= " "), min_size=1, max_size=5))
def test_any_customer_id_is_written_as_json_has_it(ids: list[str]) -> None:
    """Quotes, backslashes, control characters and every script: the record reads back to the same id."""
    keys = [text.encode() for text in ids]
    assert [json.loads(b'"' + text + b'"') for text in id_texts(keys)] == ids
    body = {"type": "purchase", "occurred_at": iso(START_MS), "amount": 1, "currency": "EUR"}
    source = [
        FileRecord(
            "t", 0, i, START_MS, key, json.dumps(body | {"event_id": f"{i}", "customer_id": who}).encode()
        )
        for i, (who, key) in enumerate(zip(ids, keys, strict=True))
    ]
    scores = PIPELINE.step(PIPELINE.new_table(), source, START_MS).scores
    assert {decode_score(value).customer_id for _, value in scores} == set(ids)
    assert all(encode(decode_score(value)) == value for _, value in scores)


def test_a_number_has_one_text_whether_it_was_ready_or_not() -> None:
    """Inside and outside the ready range, null and nothing; the text is that of the JSON encoder."""
    numbers = Numbers(b'"x":', 2, -10, 1_000, after=b"}")
    values = np.array([0.0, -0.0, -0.1, 10.0, 12.345, -7.0, 1e6, np.nan, 3.0])
    told = np.array([True] * 8 + [False])
    expected = [b"0.0", b"0.0", b"-0.1", b"10.0", b"12.34", b"-7.0", b"1000000.0", b"null"]
    for _ in range(2):
        assert numbers.of_floats(values, told) == [*(b'"x":' + text + b"}" for text in expected), b""]
