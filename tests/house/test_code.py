"""Laws of the code that neither ruff nor mypy states."""

import ast
import re

import pytest

from tests.house.tree import claims_of, python

BARE_EXCEPTION_TO_A_RULE = re.compile(r"# (?:type: ignore\[[\w, -]+\]|noqa: [A-Z]+\d+(?:, ?[A-Z]+\d+)*)\s*$")


@pytest.mark.parametrize(("tops", "most"), [(("stream", "schemas"), 400), (("tests",), 500)])
def test_file_fits_in_a_head(tops: tuple[str, ...], most: int) -> None:
    """A file is 50-200 lines; one that passes the law's length holds two things."""
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in python(*tops)}
    assert {path: length for path, length in lengths.items() if length > most} == {}


def test_every_test_says_its_claim_in_one_line() -> None:
    """A test's docstring is one sentence; its name is the law, the docstring is what holds."""
    files = [path for path in python("tests") if path.name.startswith("test_")]
    claims = [(path, test.name, ast.get_docstring(test) or "") for path in files for test in claims_of(path)]
    assert [(path, name) for path, name, claim in claims if not claim or "\n\n" in claim] == []


def test_exception_to_a_rule_says_why() -> None:
    """A `type: ignore` or `noqa` carries its reason on the same line."""
    lines = [
        (path, number, line)
        for path in python("stream", "schemas", "tests")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    ]
    assert [(p, n) for p, n, line in lines if BARE_EXCEPTION_TO_A_RULE.search(line)] == []
