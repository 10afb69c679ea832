"""What we write: complete, in a fixed order, and read back as it was written."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given

from schemas import codec
from schemas.alert import AlertV1
from schemas.command import CommandV1
from schemas.score import Reason, ScoreV1
from tests.contract.strategies import struct

ORDER = {
    ScoreV1: """
        customer_id seq as_of events trust trust_low trust_high uncertainty churn_risk churn_absent
        horizon_days trust_change churn_change segment reasons model_version schema
        band forced_by override""",
    AlertV1: """
        alert_id dedup_key episode seq rule_id rule_version model_version customer_id segment severity state
        state_since opened_at resolved_at resolve_reason as_of trust churn_risk horizon_days threshold_open
        threshold_clear reasons recommended_action owner due_at schema
        subject mode transition suppressed_by value previous_value trend uncertainty value_at_risk currency
        tier locale action ack snooze note notifications command_id event_id traceparent kind""",
    CommandV1: """
        command_id customer_id rule_id action expected_seq issued_at issued_by reason until assignee
        schema band""",
    Reason: "score code contribution observed usual",
}


@pytest.mark.parametrize(("cls", "order"), ORDER.items())
def test_fields_are_written_in_the_declared_order(cls: type[msgspec.Struct], order: str) -> None:
    """Writers may build structs by position; new fields come last."""
    assert list(cls.__struct_fields__) == order.split()


@given(struct(ScoreV1))
def test_score_survives_the_wire(score: ScoreV1) -> None:
    """Decoding what we encode gives the same score."""
    assert codec.decode_score(codec.encode(score)) == score


@given(struct(AlertV1))
def test_alert_survives_the_wire(alert: AlertV1) -> None:
    """Decoding what we encode gives the same alert."""
    assert codec.decode_alert(codec.encode(alert)) == alert


@given(struct(CommandV1))
def test_command_survives_the_wire(command: CommandV1) -> None:
    """Decoding what we encode gives the same command."""
    assert codec.decode_command(codec.encode(command)) == command


@given(struct(ScoreV1))
def test_score_carries_every_key_even_when_null(score: ScoreV1) -> None:
    """A reader never has to tell a missing key from a null."""
    assert list(json.loads(codec.encode(score))) == list(ScoreV1.__struct_fields__)


@pytest.mark.parametrize(
    ("cls", "later"),
    [
        (ScoreV1, ["band", "forced_by", "override"]),
        (AlertV1, ORDER[AlertV1].split("schema")[1].split()),
    ],
    ids=["score", "alert"],
)
def test_output_has_no_default_that_could_hide_a_forgotten_field(
    cls: type[msgspec.Struct], later: list[str]
) -> None:
    """Only the schema's own name has one, and what was added later, so that older records decode."""
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)
    assert [field.name for field in info.fields if not field.required] == ["schema", *later]


def example() -> dict[str, Any]:
    return {
        "customer_id": "c", "seq": 1, "as_of": "2026-11-22T10:00:00Z", "events": 1, "trust": 50,
        "trust_low": 40, "trust_high": 60, "uncertainty": 0.5, "churn_risk": 0.5, "churn_absent": None,
        "horizon_days": 90, "trust_change": None, "churn_change": None, "segment": None,
        "reasons": [], "model_version": "v",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("trust", 0, 100),
        ("trust_low", 0, 100),
        ("trust_high", 0, 100),
        ("uncertainty", 0, 1),
        ("churn_risk", 0, 1),
        ("horizon_days", 1, 3650),
        ("trust_change", -100, 100),
        ("churn_change", -1, 1),
        ("seq", 0, 2**53),
    ],
)
def test_score_is_held_to_its_scale(name: str, low: int, high: int) -> None:
    """Both ends are allowed, a step beyond is refused: 0-100 for trust, 0-1 for churn risk."""
    for inside in (low, high):
        decoded = codec.decode_score(json.dumps({**example(), name: inside}).encode())
        assert getattr(decoded, name) == inside
    for outside in (low - 1, high + 1):
        with pytest.raises(msgspec.ValidationError, match=name):
            codec.decode_score(json.dumps({**example(), name: outside}).encode())


def test_not_a_number_cannot_pass_as_a_score() -> None:
    """A NaN that slips into a score is written as null, and no reader takes it."""
    score = codec.decode_score(json.dumps(example()).encode())
    broken = msgspec.structs.replace(score, trust=float("nan"))
    with pytest.raises(msgspec.ValidationError, match="trust"):
        codec.decode_score(codec.encode(broken))
