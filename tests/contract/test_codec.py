"""`classify`: every refusal has a cause to count and a detail that gives nothing away."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.dead_letter import CAUSES

EVENT: dict[str, object] = {
    "type": "purchase", "event_id": "e", "customer_id": "c", "occurred_at": "2026-11-22T10:00:00Z",
    "amount": 1, "currency": "EUR",
}  # fmt: skip


def refusal(value: bytes) -> tuple[str, str]:
    with pytest.raises(codec.DECODE_ERRORS) as failure:
        codec.decode_interaction(value)
    return codec.classify(failure.value, value)


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (b"", "empty_value"),
        (b"{", "invalid_json"),
        (b"not json", "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"\xef\xbb\xbf{}", "invalid_json"),
        (json.dumps(EVENT).encode() + b"x", "invalid_json"),
        (json.dumps(EVENT).encode().replace(b'"c"', b'"\xff"'), "invalid_json"),
        (json.dumps(EVENT).encode().replace(b'"c"', b'"\\ud800"'), "invalid_json"),
        (b'{"type":"purchase","x":' + b"[" * 100_000, "invalid_json"),
        (b"null", "invalid_field"),
        (b"3", "invalid_field"),
        (b"[]", "invalid_field"),
        (b"{}", "invalid_field"),
        (json.dumps({**EVENT, "type": 5}).encode(), "invalid_field"),
        (json.dumps({**EVENT, "type": None}).encode(), "invalid_field"),
        (json.dumps({**EVENT, "type": ""}).encode(), "unknown_type"),
        (json.dumps({**EVENT, "type": "PURCHASE"}).encode(), "unknown_type"),
        (json.dumps({**EVENT, "type": "' - at `$.type`"}).encode(), "unknown_type"),
        (json.dumps({**EVENT, "type": "a\nb"}).encode(), "unknown_type"),
        (json.dumps({**EVENT, "type": "refund", "kind": "' - at `$.type`"}).encode(), "invalid_field"),
        (json.dumps(EVENT).encode()[:-1] + b',"type":"refund"}', "invalid_field"),
    ],
)
def test_cause_follows_from_the_bytes(value: bytes, cause: str) -> None:
    """Bytes that are no JSON, types that are not ours, fields that are wrong: three different mistakes."""
    assert refusal(value)[0] == cause


def test_record_without_a_value_is_empty_whatever_failed() -> None:
    """A tombstone never reaches the decoder as bytes."""
    assert codec.classify(ValueError(), None)[0] == "empty_value"


SECRET = "erika.mustermann@example.com"


@pytest.mark.parametrize(
    "fields",
    [
        {"amount": SECRET},
        {"currency": SECRET},
        {"occurred_at": SECRET},
        {"customer_id": "\0" + SECRET},
        {"customer_id": SECRET * 9},
        {"order_id": [SECRET]},
        {"type": "refund", "kind": SECRET},
        {"type": "survey", "instrument": SECRET, "score": 3},
        {"type": "profile", "segment": SECRET},
        {"type": "profile", "locale": SECRET},
        {"type": "delivery", "delivery_id": SECRET, "status": "promised"},
    ],
)
def test_detail_names_the_field_and_never_its_value(fields: dict[str, object]) -> None:
    """Dead-letter headers and logs may be read by people who must not see customers' data."""
    cause, detail = refusal(json.dumps({**EVENT, **fields}).encode())
    assert cause == "invalid_field"
    assert SECRET[:8] not in detail
    assert any(name in detail for name in [*fields, "promised_at"])


def test_detail_of_an_unknown_type_is_cut() -> None:
    """A type may be as long as a record; its detail is not."""
    cause, detail = refusal(json.dumps({**EVENT, "type": "x" * 5000}).encode())
    assert cause == "unknown_type"
    assert len(detail) < 100


def outcome(value: bytes) -> str:
    try:
        codec.decode_interaction(value)
    except codec.DECODE_ERRORS as failure:
        cause, detail = codec.classify(failure, value)
        return cause if 0 < len(detail) <= 200 else f"detail of {len(detail)} characters"
    return "decoded"


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_classified(value: bytes) -> None:
    """No input raises anything else than what the caller is told to catch."""
    assert outcome(value) in {"decoded", *CAUSES}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(EVENT)), inner, max_size=7)
    ),
)


@given(st.dictionaries(st.sampled_from(sorted(EVENT)), JSON))
def test_any_json_in_any_field_is_decoded_or_classified(fields: dict[str, object]) -> None:
    """The same for records that are nearly right."""
    value = json.dumps({**EVENT, **fields}).encode()
    assert outcome(value) in {"decoded", *CAUSES}
