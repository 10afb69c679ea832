"""Secrets of webhooks: which are taken, and that none is ever shown."""

import base64
from pathlib import Path

import pytest

from stream.errors import ConfigError
from stream.notify.signature import Signer, read_secrets


def secret(length: int) -> str:
    return f"whsec_{base64.b64encode(bytes(length)).decode()}"


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_of_the_specified_length_is_taken(length: int) -> None:
    """24 to 64 bytes."""
    assert "webhook-signature" in Signer([secret(length)]).headers("msg_1", b"{}", 0)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "whsec_",
        secret(23),
        secret(65),
        secret(32)[6:],
        secret(32)[:-1],
        "whsec_" + "!" * 44,
        "whsec_" + "é" * 44,
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_repeated(bad: str) -> None:
    """Too short, too long, without its prefix, or no Base64: said before anything is sent."""
    with pytest.raises(ConfigError, match="a webhook secret is not whsec_") as caught:
        Signer([secret(32), bad])
    assert len(bad) < 7 or bad not in str(caught.value) + caught.value.hint


def test_no_secret_at_all_is_refused() -> None:
    """An unsigned webhook is not sent."""
    with pytest.raises(ConfigError, match="no secret"):
        Signer([])


def test_a_file_of_secrets_is_read_line_by_line(tmp_path: Path) -> None:
    """The new one and the old one while they are exchanged; remarks and empty lines are passed over."""
    path = tmp_path / "secrets"
    path.write_text(f"# new\n{secret(32)}\r\n\n  {secret(24)}  \n", encoding="utf-8")
    assert read_secrets(path) == [secret(32), secret(24)]


def test_a_file_of_secrets_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Its path, nothing of its content, and no traceback that quotes it."""
    binary = tmp_path / "binary"
    binary.write_bytes(b"whsec_\xff\xfe")
    for path in (tmp_path / "absent", binary):
        with pytest.raises(ConfigError, match="cannot read the webhook's secrets") as caught:
            read_secrets(path)
        assert str(path) in str(caught.value)
        assert caught.value.__suppress_context__
