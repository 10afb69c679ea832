"""Remembered feedback: an order-free set with two bounds, beside a list that is sorted and cut."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.model.feedback import KEPT_DAYS, MEANINGS
from stream.state.feedback import MAX_FEEDBACK, UNIT_S, add, remembered
from stream.state.layout import FEEDBACK_SLOTS, ROW
from stream.state.tail import Tails

DAY_S = 86_400
START_S = 1_000_000_000
Entries = list[tuple[int, int, int]]  # row, second, code

ENTRIES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(START_S, START_S + 200 * DAY_S), st.integers(1, len(MEANINGS))),
    max_size=40,
)


def kept(entries: Entries, rows: int = 3) -> list[list[tuple[int, int]]]:
    """What each row should remember: (64 s since 1990, code), latest first."""
    found = []
    for row in range(rows):
        mine = sorted(((time // UNIT_S, code) for r, time, code in entries if r == row), reverse=True)
        young = [each for each in mine if mine[0][0] - each[0] <= KEPT_DAYS * DAY_S // UNIT_S]
        found.append(young[: FEEDBACK_SLOTS + MAX_FEEDBACK])
    return found


def stored(entries: Entries, cuts: list[int], rows: int = 3) -> tuple[list[list[tuple[int, int]]], bytes]:
    """What is remembered after adding in these runs, and every byte that holds it."""
    store, tails = np.zeros(rows, ROW), Tails()
    for start, stop in zip([0, *cuts], [*cuts, len(entries)], strict=True):
        row, time, code = np.array(entries[start:stop], np.int64).reshape(-1, 3).T
        if len(row):
            add(store, tails, row, time.astype(np.uint32), code)
    memory = remembered(store["feedback"], tails, np.arange(rows))
    unit = (memory.time_ms - 631_152_000_000 + 1000) // 1000 // UNIT_S
    lists = [
        list(zip(unit[memory.owner == i].tolist(), memory.code[memory.owner == i].tolist(), strict=True))
        for i in range(rows)
    ]
    return lists, store.tobytes() + b"".join(tails.encode(sorted(tails)))


@given(entries=ENTRIES, order=st.randoms(), cut=st.integers(0, 40))
def test_any_order_and_any_cut_remember_the_same_bytes(entries: Entries, order: Random, cut: int) -> None:
    """The latest 92 days of feedback, whatever came first, to the byte."""
    shuffled = list(entries)
    order.shuffle(shuffled)
    here, bits = stored(entries, [])
    there, same = stored(shuffled, [min(cut, len(entries))])
    assert here == there == kept(entries)
    assert bits == same


@pytest.mark.parametrize("seed", range(3))
def test_the_bound_on_the_number_is_order_free(seed: int) -> None:
    """Six hundred answers within 92 days, then one a year later: the latest 254, then one, in any order."""
    chance = Random(seed)
    crowd = [(0, START_S + chance.randrange(80 * DAY_S), chance.randint(1, 48)) for _ in range(600)]
    for entries in (crowd, [*crowd, (0, START_S + 400 * DAY_S, 1)]):
        shuffled = list(entries)
        chance.shuffle(shuffled)
        assert stored(entries, [100, 300], 1) == stored(shuffled, [250], 1)
        assert stored(entries, [], 1)[0] == kept(entries, 1)


def test_what_was_dropped_is_known_to_be_missing() -> None:
    """Too many answers: `since_ms` says from when on the memory is whole."""
    store, tails = np.zeros(1, ROW), Tails()
    time = START_S + np.arange(600) * UNIT_S
    add(store, tails, np.zeros(600, np.int64), time.astype(np.uint32), np.ones(600, np.int64))
    memory = remembered(store["feedback"][:1], tails, np.zeros(1, np.int64))
    assert len(memory.time_ms) == FEEDBACK_SLOTS + MAX_FEEDBACK
    assert memory.since_ms[0] == memory.time_ms.min()
