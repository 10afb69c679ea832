"""Laws of what is written down: it reads the same on every machine."""

import re

import pytest

from tests.house.tree import ROOT, texts

# In pieces, so that this file keeps its own law.
MACHINE = re.compile(r"(?<![\w./-])/(?:" + "|".join(["wor" + "k", "roo" + "t", "tm" + "p/w"]) + r")(?![\w-])")
HOSTS = ["pypi" + ".org", "files.python" + "hosted", "repo." + "maven", "repo1." + "maven"]
LISTS = ["requirements.txt", "requirements-dev.txt", "requirements-data.txt", "requirements-peers.txt"]


def test_no_path_of_one_machine() -> None:
    """Nothing names a directory that only one developer has."""
    assert [path for path, text in texts() if MACHINE.search(text)] == []


def test_no_package_host() -> None:
    """Where packages come from is the reader's own setting: no registry's host is written down."""
    assert [(path, host) for path, text in texts() for host in HOSTS if host in text] == []


@pytest.mark.parametrize("name", LISTS)
def test_requirements_are_pinned_to_the_hash(name: str) -> None:
    """Each package is one exact version with at least one sha256, and no line says where to get it."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    loose = [line for line in lines if not re.match(r"^[\w.-]+==[^\s;]+( ; [^-]+)?\s+--hash=sha256:", line)]
    assert lines
    assert loose == []


def test_development_installs_what_users_run() -> None:
    """The development list pins each runtime package to the very line of the runtime list."""
    pins = [
        re.findall(r"^\S+==\S+", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
        for name in LISTS[:2]
    ]
    assert set(pins[0]) - set(pins[1]) == set()


def test_readme_begins_with_the_two_commands() -> None:
    """The first thing on the page is what to type."""
    block = re.match(r"```\w*\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    typed = [line.split("#")[0].strip() for line in block[1].splitlines()]
    assert typed == ["make demo", "make test"]


def test_changelog_has_a_place_for_what_comes() -> None:
    """CHANGELOG.md keeps an Unreleased section at its top, as Keep a Changelog asks."""
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
