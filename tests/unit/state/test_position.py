"""The position row."""

import pytest

from stream.errors import StateError
from stream.state.position import POSITION_KEY, Position
from tests.strategies import START_MS

POSITION = Position({"interactions": 7}, START_MS, "0123abcd", 1, "0.1.0")


def test_position_comes_back() -> None:
    """Decoding gives what was encoded."""
    assert Position.decode(POSITION.encode()) == POSITION


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"\xff", b'{"offsets":{"\xff":1}}', POSITION.encode()[:-1], b'{"offsets":{"a":"b"}}'],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    """Whatever is no position row is a StateError with a next step."""
    with pytest.raises(StateError) as refused:
        Position.decode(data)
    assert refused.value.hint


def test_position_key_is_no_customers() -> None:
    """No customer id can begin like the bookkeeping key."""
    assert POSITION_KEY < b" "
