"""Every example is what its folder and its name say; every contract is shown by examples."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas import codec
from schemas.dead_letter import CAUSES
from schemas.interaction import TYPES
from schemas.registry import CONTRACTS, ROOT, Contract

DECODE: dict[str, Callable[[bytes], object]] = {
    "Interaction": codec.decode_interaction,
    "ScoreV1": codec.decode_score,
    "AlertV1": codec.decode_alert,
    "CommandV1": codec.decode_command,
}
VALID = [(name, file) for name, c in CONTRACTS.items() for file in sorted((c.examples / "valid").iterdir())]
INVALID = [
    (name, file) for name, c in CONTRACTS.items() for file in sorted((c.examples / "invalid").iterdir())
]

# Refused by the decoder but not by the JSON Schema, which cannot say it or does not try (schemas/README.md).
BEYOND_JSON_SCHEMA = {
    "alert.invalid_field.opened-without-zone",
    "command.invalid_field.assign-without-assignee",
    "command.invalid_field.override-ends-before-it-begins",
    "command.invalid_field.override-without-end",
    "command.invalid_field.note-without-text",
    "command.invalid_field.override-without-reason",
    "command.invalid_field.rule-id-missing",
    "command.invalid_field.snooze-without-until",
    "delivery.invalid_field.promise-without-time",
    "delivery.invalid_field.promise-without-zone",
    "purchase.invalid_field.time-without-zone",
    "review.invalid_field.requested-without-zone",
    "score.invalid_field.as-of-without-zone",
    "subscription.invalid_field.term-end-a-date",
    "survey.invalid_field.ces1-above",
    "survey.invalid_field.ces1-below",
    "survey.invalid_field.ces2-above",
    "survey.invalid_field.ces2-below",
    "survey.invalid_field.csat-above",
    "survey.invalid_field.csat-below",
    "survey.invalid_field.score-8.0",
}


def validator(contract: Contract) -> Draft202012Validator:
    return Draft202012Validator(json.loads(contract.schema_file.read_bytes()))


def ident(value: object) -> str:
    return value.stem if isinstance(value, Path) else str(value)


@pytest.mark.parametrize(("name", "file"), VALID, ids=ident)
def test_valid_example_is_accepted_by_decoder_and_json_schema(name: str, file: Path) -> None:
    """What we show as valid is valid for us and for a sender who checks with the schema."""
    value = file.read_bytes()
    DECODE[name](value)
    validator(CONTRACTS[name]).validate(json.loads(value))


@pytest.mark.parametrize(("name", "file"), INVALID, ids=ident)
def test_invalid_example_is_refused_for_the_cause_in_its_name(name: str, file: Path) -> None:
    """The second part of the file's name is the cause that gets counted."""
    value = file.read_bytes()
    with pytest.raises(codec.DECODE_ERRORS) as refusal:
        DECODE[name](value)
    cause, detail = codec.classify(refusal.value, value)
    assert cause == file.name.split(".")[1], detail
    assert 0 < len(detail) <= 200


@pytest.mark.parametrize(
    ("name", "file"),
    [
        (name, file)
        for name, file in INVALID
        if file.name.split(".")[1] not in {"empty_value", "invalid_json"}
    ],
    ids=ident,
)
def test_invalid_example_is_refused_by_json_schema_unless_listed(name: str, file: Path) -> None:
    """The schema says all that the decoder checks, but for a list that is complete and not too long."""
    accepted = validator(CONTRACTS[name]).is_valid(json.loads(file.read_bytes()))
    assert accepted == (file.stem in BEYOND_JSON_SCHEMA)


def test_list_of_what_json_schema_cannot_say_names_existing_examples() -> None:
    """An entry whose example is gone would excuse nothing."""
    assert {file.stem for _, file in INVALID} >= BEYOND_JSON_SCHEMA


@pytest.mark.parametrize("event_type", TYPES)
def test_interaction_type_has_one_valid_and_two_invalid_examples(event_type: str) -> None:
    """A type without examples is a promise nobody can check."""
    names = Counter(
        (file.parent.name, file.name.split(".")[0]) for name, file in VALID + INVALID if name == "Interaction"
    )
    assert names["valid", event_type] >= 1
    assert names["invalid", event_type] >= 2


@pytest.mark.parametrize(("name", "contract"), CONTRACTS.items(), ids=ident)
def test_contract_has_one_valid_and_two_invalid_examples(name: str, contract: Contract) -> None:
    """Each version of each contract is shown."""
    assert name in DECODE
    assert len(list((contract.examples / "valid").glob("*.json"))) >= 1
    assert len(list((contract.examples / "invalid").glob("*.json"))) >= 2


def test_valid_interaction_example_is_of_the_type_in_its_name() -> None:
    """`survey.nps-lowest.json` shows a survey."""
    for name, file in VALID:
        if name == "Interaction":
            assert type(codec.decode_interaction(file.read_bytes())) is TYPES[file.name.split(".")[0]], (
                file.name
            )


def test_no_example_is_orphaned() -> None:
    """Every file below `examples` is one that the tests above read."""
    found = {file for file in (ROOT / "examples").rglob("*") if file.is_file()}
    assert found == {file for _, file in VALID + INVALID}
    assert {file.suffix for file in found} == {".json"}
    kinds = set(TYPES) | {contract.name for contract in CONTRACTS.values()}
    assert {file.name.split(".")[0] for file in found} <= kinds
    assert {file.name.split(".")[1] for _, file in INVALID} <= set(CAUSES)


def test_json_schema_is_itself_valid() -> None:
    """Each schema file obeys the dialect it names, and has an id of its own."""
    bodies: list[dict[str, Any]] = [json.loads(c.schema_file.read_bytes()) for c in CONTRACTS.values()]
    for body in bodies:
        Draft202012Validator.check_schema(body)
        assert body["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert len({body["$id"] for body in bodies}) == len(bodies)
