"""The table of golden numbers names tests that exist."""

import re

from tests.real_data import ROOT

TABLE = ROOT / "stream" / "model" / "README.md"
NAMED = re.compile(r"`([\w./]*?\.py|\.\.\.)?(?:::(\w+))?`")


def test_every_golden_number_has_its_test() -> None:
    """Each `file::test`, a bare `::test` being of the file before it, is a function below tests/unit."""
    text = TABLE.read_text(encoding="utf-8")
    begin = text.index("## Golden numbers")
    file, n = "", 0
    for found in NAMED.finditer(text, begin, text.index("Without a test:", begin)):
        file = found[1] if found[1] and found[1].endswith(".py") else file
        source = (ROOT / "tests" / "unit" / file).read_text(encoding="utf-8")
        assert found[2] is None or f"def {found[2]}(" in source, f"{file}::{found[2]}"
        n += found[2] is not None
    assert n > 25
