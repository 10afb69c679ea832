"""Laws of the layout. Import direction itself is import-linter's (`make check`)."""

import re

from stream.cli.main import COMMANDS
from tests.house.tree import ROOT, files, layers, python, rooms

NO_ROOM = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "shared", "util", "utils"}
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def test_every_room_says_what_lives_in_it() -> None:
    """Each directory of code, and each top-level directory, has a README."""
    packages = {path.parent for path in python("stream") if path.name == "__init__.py"}
    tops = {ROOT / path.relative_to(ROOT).parts[0] for path in files() if path.parent != ROOT}
    expected = {place for place in packages | tops if not place.name.startswith(".")}
    assert sorted(place for place in expected if not (place / "README.md").is_file()) == []


def test_map_names_every_room() -> None:
    """A newcomer finds each room of `stream` in stream/README.md's table."""
    page = (ROOT / "stream/README.md").read_text(encoding="utf-8")
    table = "".join(line for line in page.splitlines() if line.startswith("|"))
    places = {name for name in rooms() if (ROOT / "stream" / name).is_dir()}
    assert sorted(name for name in places if f"stream/{name}" not in table) == []


def test_every_file_of_a_room_is_in_its_readme() -> None:
    """A room's README names each of its files; the commands of `cli` are named by `COMMANDS`."""
    commands = {ROOT / "stream/cli" / f"{command.module}.py" for command in COMMANDS}
    placed = [path for path in python("stream") if path.parent != ROOT / "stream"]
    unnamed = [
        path
        for path in placed
        if path.name != "__init__.py"
        and path not in commands
        and f"`{path.name}`" not in (path.parent / "README.md").read_text(encoding="utf-8")
    ]
    assert unnamed == []


def test_layer_in_brackets_is_a_room_not_built_yet() -> None:
    """A room that exists is a firm layer: import-linter then fails if it disappears."""
    waiting = {name.strip("()") for name in layers() if name.startswith("(")} - {"__main__"}
    assert sorted(waiting & rooms()) == []


def test_no_file_is_named_after_nothing() -> None:
    """A file is named after what it holds; `utils` and its kin hold whatever comes along."""
    named = [path for path in python("stream", "schemas", "tests") if path.stem in NO_ROOM]
    named += [path for path in files() if NO_ROOM & set(path.relative_to(ROOT).parts[:-1])]
    assert named == []


def test_links_lead_somewhere() -> None:
    """Every relative link of every Markdown page points at something that is there."""
    pages = [path for path in files() if path.suffix == ".md"]
    links = [(page, link) for page in pages for link in LINK.findall(page.read_text(encoding="utf-8"))]
    assert [(page, link) for page, link in links if not (page.parent / link).exists()] == []


def test_kinds_of_tests_are_the_ones_described() -> None:
    """Each directory of tests/ has its line in tests/README.md."""
    page = (ROOT / "tests/README.md").read_text(encoding="utf-8")
    kinds = {path.relative_to(ROOT).parts[1] for path in python("tests") if path.parent != ROOT / "tests"}
    assert sorted(kind for kind in kinds if f"`{kind}`" not in page) == []
