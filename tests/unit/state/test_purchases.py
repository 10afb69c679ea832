"""Purchase days as an exact set, in the row and beyond it; amounts by currency."""

from collections import defaultdict
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.state.layout import DAY_SLOTS, ROW
from stream.state.purchases import add_amounts, add_days, amounts
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


PAID = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10**13), st.integers(1, 4)), max_size=40)


@given(paid=PAID, order=st.randoms(), run=st.integers(1, 40))
def test_each_currency_has_its_own_sum(paid: list[tuple[int, int, int]], order: Random, run: int) -> None:
    """Whatever came first and however it was cut: sums by currency, their bare total, the same bytes."""
    shuffled = list(paid)
    order.shuffle(shuffled)
    found = []
    for source, size in ((paid, len(paid) or 1), (shuffled, run)):
        store, tails = np.zeros(3, ROW), Tails()
        for start in range(0, len(source), size):
            rows, amount, currency = np.array(source[start : start + size], np.int64).T
            add_amounts(store, tails, rows, amount, currency)
        found.append(store.tobytes() + b"".join(tails.encode(sorted(tails))))
        for row in range(3):
            expected: defaultdict[int, int] = defaultdict(int)
            for owner, value, number in source:
                expected[number] += value * (owner == row)
            has = {number for owner, _, number in source if owner == row}
            assert amounts(store, tails, row) == {number: expected[number] for number in has}
            assert store["amount_e4"][row] == sum(expected.values())
    assert found[0] == found[1]
