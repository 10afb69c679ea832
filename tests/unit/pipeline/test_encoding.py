"""Records put together of ready texts are those that the contract's encoder would have made."""

import json
import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from schemas.codec import decode_alert, decode_score, encode
from schemas.score import Reason
from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import FileRecord, Pipeline
from stream.pipeline.reasons import CODES, TopReasons
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


def test_an_alert_says_the_scores_and_reasons_of_the_record_beside_it() -> None:
    """Of every transition of a long history: the score record of the same customer says the same."""
    table, n = PIPELINE.new_table(), 0
    source = records(history(seed=12, n=6_000, customers=300))
    for start in range(0, len(source), 500):
        effects = PIPELINE.step(table, source[start : start + 500], START_MS + start * DAY_MS // 50)
        beside = {key: decode_score(value) for key, value in effects.scores}
        for alert in (decode_alert(value) for _, value in effects.alert_log):
            if alert.subject == "customer":
                score, n = beside[alert.customer_id.encode()], n + 1
                assert alert.reasons == score.reasons
                assert (alert.trust, alert.churn_risk) == (score.trust, score.churn_risk)
                assert alert.uncertainty == score.uncertainty
    assert n > 100


@given(
    npst.arrays(np.float64, (4, 3, 6), elements=st.sampled_from([0.0, -0.0, -0.004, 2.675, 1.00005, np.nan])),
    npst.arrays(np.int64, (4, 6), elements=st.integers(0, len(CODES) - 1)),
    npst.arrays(np.bool_, (4, 6)),
)
def test_reasons_of_many_are_those_of_each_number_by_itself(
    numbers: NDArray[np.float64], which: NDArray[np.int64], told: NDArray[np.bool_]
) -> None:
    """Rounded one by one; no negative zero; null where there is no number; whoever else is asked for."""
    contribution = np.nan_to_num(numbers[:, 0])
    top = TopReasons(told, which, contribution, numbers[:, 1], numbers[:, 2])

    def one(value: float, digits: int = 2) -> float | None:
        return None if np.isnan(value) else float(np.round(value, digits)) + 0.0

    found = top.of(np.array([1, 3]))
    for i in (1, 3):
        expected = [
            (*CODES[which[i, k]], one(contribution[i, k], 2 if k < 3 else 4), *map(one, numbers[i, 1:, k]))
            for k in np.flatnonzero(told[i]).tolist()
        ]
        assert encode(found[i]) == encode([Reason(*each) for each in expected])


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
