"""The committed JSON Schema is what the structs say."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from schemas import generate, registry
from schemas.registry import CONTRACTS, ROOT, Contract


def test_released_schema_files_are_what_the_code_generates() -> None:
    """Nobody edits a struct without publishing it, or a schema by hand."""
    assert [contract.name for contract in generate.stale()] == []
    assert generate.main(["--check"]) == 0


def test_no_schema_file_is_orphaned() -> None:
    """Every file in `json` belongs to a contract."""
    assert set((ROOT / "json").iterdir()) == {contract.schema_file for contract in CONTRACTS.values()}


def test_stale_schema_file_fails_the_check_and_is_mended_by_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` names the file and the next step, and writes nothing; a plain run writes it."""
    monkeypatch.setattr(registry, "ROOT", tmp_path)
    (tmp_path / "json").mkdir()
    assert generate.main(["--check"]) == 1
    said = capsys.readouterr().out
    assert "stale: score.v1.schema.json" in said
    assert "python -m schemas.generate" in said
    assert list((tmp_path / "json").iterdir()) == []
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_rendered_text_does_not_depend_on_the_indentation_of_docstrings() -> None:
    """Python 3.13 strips docstrings when compiling, 3.11 does not: the file must be the same."""

    class Indented(msgspec.Struct):
        __doc__ = "First line.\n\n        Second.\n            Deeper.\n        "

    class Stripped(msgspec.Struct):
        __doc__ = "First line.\n\nSecond.\n    Deeper.\n"

    one, other = (
        json.loads(generate.render(Contract("x", 1, cls)))["$defs"][cls.__name__]["description"]
        for cls in (Indented, Stripped)
    )
    assert one == other == "First line.\n\nSecond.\n    Deeper."
