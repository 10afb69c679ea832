"""CloudEvents 1.0: the interaction is found in binary, structured and plain records alike."""

from __future__ import annotations

import json

import pytest

from schemas import codec
from schemas.cloudevents import payload

EVENT = {
    "type": "referral", "event_id": "e-1", "customer_id": "c-1", "occurred_at": "2026-11-22T10:00:00Z",
}  # fmt: skip
VALUE = json.dumps(EVENT).encode()
ENVELOPE = {
    "specversion": "1.0", "id": "outer", "source": "/shop", "type": "com.example.referral",
    "datacontenttype": "application/json", "data": EVENT,
}  # fmt: skip
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


def test_record_without_headers_is_passed_through_untouched() -> None:
    """The usual case costs nothing: the very same bytes."""
    assert payload(VALUE, None) is VALUE
    assert payload(VALUE, ()) is VALUE


def test_header_without_a_value_says_nothing() -> None:
    """Kafka allows null header values; a null content type is none."""
    assert payload(VALUE, [("content-type", None), ("trace", None)]) is VALUE


def test_binary_mode_is_the_value_itself() -> None:
    """`ce_*` headers and an ordinary content type change nothing."""
    headers = [("ce_specversion", b"1.0"), ("ce_type", b"com.example"), ("content-type", b"application/json")]
    assert payload(VALUE, headers) is VALUE


@pytest.mark.parametrize("name", ["content-type", "Content-Type"])
@pytest.mark.parametrize(
    "content",
    [
        b"application/cloudevents+json",
        b"Application/CloudEvents+JSON;charset=utf-8",
        b" application/cloudevents",
    ],
)
def test_structured_mode_is_the_data_of_the_envelope(name: str, content: bytes) -> None:
    """The interaction's own type and id count, not the envelope's."""
    value = json.dumps(ENVELOPE, indent=1).encode()
    event = codec.decode_interaction(payload(value, [("traceparent", b"00"), (name, content)]))
    assert event == codec.decode_interaction(VALUE)


@pytest.mark.parametrize(
    ("envelope", "cause"),
    [
        ({**ENVELOPE, "data": [EVENT]}, "invalid_field"),
        ({**ENVELOPE, "data": json.dumps(EVENT)}, "invalid_field"),
        ({**ENVELOPE, "data": None}, "invalid_field"),
        ({**ENVELOPE, "specversion": "0.3"}, "invalid_field"),
        ({name: part for name, part in ENVELOPE.items() if name != "data"}, "invalid_field"),
        ({name: part for name, part in ENVELOPE.items() if name != "specversion"}, "invalid_field"),
        ([ENVELOPE], "invalid_field"),
    ],
)
def test_structured_mode_without_an_object_inside_is_refused(envelope: object, cause: str) -> None:
    """Encoded data, batches, other versions and empty envelopes have a cause, not a surprise."""
    value = json.dumps(envelope).encode()
    with pytest.raises(codec.DECODE_ERRORS) as refusal:
        payload(value, STRUCTURED)
    assert codec.classify(refusal.value, value)[0] == cause


@pytest.mark.parametrize("value", [b"{", b"\xff", b'{"specversion":"1.0","data":{"a":'])
def test_structured_mode_that_is_no_json_is_refused_as_such(value: bytes) -> None:
    """A broken envelope is invalid JSON."""
    with pytest.raises(codec.DECODE_ERRORS) as refusal:
        payload(value, STRUCTURED)
    assert codec.classify(refusal.value, value)[0] == "invalid_json"


def test_structured_mode_with_broken_content_inside_fails_when_decoded() -> None:
    """The inner interaction is checked like any other."""
    value = json.dumps({**ENVELOPE, "data": {**EVENT, "type": "telepathy"}}).encode()
    inner = payload(value, STRUCTURED)
    with pytest.raises(codec.DECODE_ERRORS) as refusal:
        codec.decode_interaction(inner)
    assert codec.classify(refusal.value, inner)[0] == "unknown_type"
