"""Purchase days as an exact set, in the row and beyond it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.state.layout import DAY_SLOTS, ROW
from stream.state.purchases import add_days
from stream.state.tail import Tails

PURCHASES = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 40)), min_size=1, max_size=150) | st.lists(
    st.tuples(st.just(1), st.integers(1, 40)), min_size=30, max_size=60
)


@given(purchases=PURCHASES, run=st.integers(1, 60))
def test_days_are_the_set_of_days(purchases: list[tuple[int, int]], run: int) -> None:
    """Late, repeated, many: count, first day and the days themselves are those of a set."""
    store, tails = np.zeros(3, ROW), Tails()
    for start in range(0, len(purchases), run):
        rows, days = zip(*purchases[start : start + run], strict=True)
        add_days(store, tails, np.array(rows), np.array(days, np.uint16))
    for row in range(3):
        expected = {day for owner, day in purchases if owner == row}
        in_row = [day for day in store["days"][row].tolist() if day]
        in_tail = tails[row].days if row in tails else set()
        assert len(in_row) == len(set(in_row))
        assert in_tail.isdisjoint(in_row)
        assert in_tail | set(in_row) == expected
        assert store["n_days"][row] == len(expected)
        assert store["first_day"][row] == min(expected, default=0)
        assert set(in_row) == set(sorted(expected)[-DAY_SLOTS:])


def test_tail_is_made_only_when_the_row_is_full() -> None:
    """Twelve days fit the row; the thirteenth sends the oldest to the tail."""
    store, tails = np.zeros(1, ROW), Tails()
    for day in range(1, DAY_SLOTS + 1):
        add_days(store, tails, np.zeros(1, np.int64), np.array([day], np.uint16))
    assert tails == {}
    add_days(store, tails, np.zeros(1, np.int64), np.array([DAY_SLOTS + 1], np.uint16))
    assert tails[0].days == {1}
