"""A customer is shown as a keyed hash, with one key for all copies."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from stream.config import load
from stream.errors import ConfigError
from stream.notify.reference import KEY_FILE, customer_ref, installation, reference_key

COPIES = 8


def test_copies_that_start_at_once_use_one_key(tmp_path: Path) -> None:
    """Whoever makes it first, nobody reads half a key, and nothing else is left there."""
    for number in range(50):
        place = tmp_path / str(number)
        barrier = Barrier(COPIES)

        def start(place: Path = place, barrier: Barrier = barrier) -> bytes:
            barrier.wait()
            return reference_key(None, place)

        with ThreadPoolExecutor(COPIES) as pool:
            keys = {each.result() for each in [pool.submit(start) for _ in range(COPIES)]}
        assert keys == {reference_key(None, place)}
        assert [each.name for each in place.iterdir()] == [KEY_FILE]
        assert (place / KEY_FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("content", "words"), [(None, "cannot read the key"), ("short\n", "has 5 bytes")])
def test_a_key_that_is_missing_or_short_is_refused_in_one_wording(
    tmp_path: Path, content: str | None, words: str
) -> None:
    """It could be guessed, and with it every id; the next step names the setting and how to make one."""
    path = tmp_path / "key"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=words) as ours:
        reference_key(path, tmp_path)
    with pytest.raises(ConfigError) as theirs:
        load(command_key_file=path).command_key()
    assert str(ours.value) == str(theirs.value)
    assert "openssl rand" in ours.value.hint
    assert ours.value.hint == theirs.value.hint.replace("command_key_file", "customer_ref_key")


def test_a_key_that_cannot_be_made_is_said_to_be_so(tmp_path: Path) -> None:
    """A file where the directory should be: before anything starts."""
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="cannot make the key"):
        reference_key(None, tmp_path / "data")


def test_the_same_customer_is_the_same_reference_under_one_key() -> None:
    """16 hex digits; another one under another key, and of another customer."""
    assert len(customer_ref(b"k" * 16, "mika")) == 16
    assert int(customer_ref(b"k" * 16, "mika"), 16) >= 0
    assert customer_ref(b"k" * 16, "mika") != customer_ref(b"k" * 16, "ana")
    assert customer_ref(b"k" * 16, "mika") == customer_ref(b"k" * 16, "mika")
    assert customer_ref(b"k" * 16, "mika") != customer_ref(b"q" * 16, "mika")


def test_an_installation_is_known_by_its_key_and_its_topics() -> None:
    """Copies and later runs are the same one; another key or another prefix is another."""
    names = {installation(key, prefix) for key in (b"k" * 16, b"j" * 16) for prefix in ("", "eu-", "us-")}
    assert len(names) == 6
    assert installation(b"k" * 16, "eu-") in names
    assert all(len(each) == 8 and int(each, 16) >= 0 for each in names)
