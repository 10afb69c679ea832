"""A file is there whole or not at all."""

from pathlib import Path

import pytest

from stream.errors import DataError
from stream.offline.whole import whole


def test_failure_leaves_what_was_there(tmp_path: Path) -> None:
    """An interruption leaves the old file and nothing else, also no draft."""
    path = tmp_path / "scores.jsonl"
    path.write_text("old")

    def fail() -> None:
        with whole(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_success_replaces_it(tmp_path: Path) -> None:
    """At the end of the block the new content is there."""
    path = tmp_path / "scores.jsonl"
    path.write_text("old")
    with whole(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_directory_is_named(tmp_path: Path) -> None:
    """A typing mistake in the path is said before any work is done."""
    with pytest.raises(DataError, match="nowhere"), whole(tmp_path / "nowhere" / "x"):
        pass
