"""Which state a worker may go on from."""

import pytest

from stream.engine.restore import Restored, check_position
from stream.errors import StateError
from stream.state.layout import LAYOUT_VERSION
from stream.state.position import Position


def held(**other: object) -> Restored:
    fields: dict[str, object] = {
        "offsets": {"interactions": 5},
        "watermark_ms": 0,
        "statistics": "mine",
        "layout": LAYOUT_VERSION,
        "worker": "0.0.9",
    }
    return Restored(n_rows=3, position=Position(**(fields | other)))  # type: ignore[arg-type] # by name, on purpose


def test_a_new_changelog_and_our_own_are_accepted() -> None:
    """Nothing at all, or rows and a position of the same layout and statistics."""
    check_position(0, Restored(), "mine")
    check_position(0, held(), "mine")


@pytest.mark.parametrize(
    ("restored", "said"),
    [
        (Restored(n_rows=1), "no position"),
        (held(layout=LAYOUT_VERSION + 1), f"layout {LAYOUT_VERSION + 1}"),
        (held(statistics="theirs"), "theirs"),
    ],
)
def test_anything_else_is_refused_with_the_next_step(restored: Restored, said: str) -> None:
    """Rows without a position, another layout, other statistics."""
    with pytest.raises(StateError, match=said) as caught:
        check_position(3, restored, "mine")
    assert "partition 3" in str(caught.value)
    assert "KIZUNA_APP_ID" in caught.value.hint
