"""The parameter file: every domain is guarded, the two hashes change with what they stand for."""

import re
from pathlib import Path

import msgspec
import pytest

from stream.errors import ModelError
from stream.model import parameters

TEXT = parameters.SHIPPED.read_text(encoding="utf-8")
LEAVES = re.findall(r"^(\w[\w.]*) = (-?[\d.]+)", TEXT, re.MULTILINE)
STATISTICS = {"statistics", "promises"}


def changed(name: str, value: str) -> str:
    text, count = re.subn(rf"^({re.escape(name)} = )-?[\d.]+", rf"\g<1>{value}", TEXT, flags=re.MULTILINE)
    assert count == 1
    return text


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e9", "-1e9", '"1"', "true"])
@pytest.mark.parametrize("name", [name for name, _ in LEAVES])
def test_value_outside_its_domain_is_refused_with_its_path(name: str, value: str) -> None:
    """No constant accepts a value without meaning; the message names it."""
    with pytest.raises(ModelError, match=re.escape("`$.")) as refused:
        parameters.parse(changed(name, value))
    assert name in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("weight.survey = 1.0", "weight.survay = 1.0"),
        ("weight.survey = 1.0", ""),
        ("half_life_days.survey = 180.0", "half_life_days.survey = 29.9"),
        ("mbg = { r = 0.525", "mbg = { r = 0.0"),
        ("urgent = 1.0", "urgent = 0.0"),
        ("base_rate = 0.5", "base_rate = 1.0"),
        ("[trust]", "[trust"),
    ],
)
def test_fault_in_the_file_is_refused(before: str, after: str) -> None:
    """A misspelt, missing or broken line stops the start."""
    assert before in TEXT
    with pytest.raises(ModelError):
        parameters.parse(TEXT.replace(before, after, 1))


def test_every_change_is_another_model() -> None:
    """The model's version depends on every constant; the statistics' hash on those that shape stored sums."""
    shipped = parameters.load()
    for name, value in LEAVES:
        moved = str(float(value) * 1.01) if "." in value else str(int(value) + 1)
        other = parameters.parse(changed(name, moved))
        assert other.model_version != shipped.model_version, name
        shapes_sums = section_of(name) in STATISTICS
        assert (other.statistics_hash != shipped.statistics_hash) == shapes_sums, name


def section_of(name: str) -> str:
    before, _ = re.split(rf"^{re.escape(name)} = ", TEXT, maxsplit=1, flags=re.MULTILINE)
    return str(re.findall(r"^\[(\w+)\]", before, re.MULTILINE)[-1])


def test_versions_are_short_hex() -> None:
    """12 and 8 hex digits, the same on every machine."""
    shipped = parameters.load()
    assert re.fullmatch(r"[0-9a-f]{12}", shipped.model_version)
    assert re.fullmatch(r"[0-9a-f]{8}", shipped.statistics_hash)
    assert parameters.parse(TEXT + "\n# a comment").model_version == shipped.model_version
    assert msgspec.convert(msgspec.to_builtins(shipped), parameters.Parameters) == shipped


def test_unreadable_file_is_said_so(tmp_path: Path) -> None:
    """A missing file and one that is not text are refused with the next step."""
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    for name in ("absent.toml", "binary.toml"):
        with pytest.raises(ModelError, match=name) as refused:
            parameters.load(tmp_path / name)
        assert refused.value.hint
