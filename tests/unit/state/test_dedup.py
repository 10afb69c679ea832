"""The window of accepted event ids, against a deque that sees one event after the other."""

from collections import defaultdict, deque

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.state.dedup import accept
from stream.state.groups import group
from stream.state.layout import DEDUP_SLOTS, ROW

EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), max_size=120)


def one_by_one(events: list[tuple[int, int]]) -> list[bool]:
    recent: dict[int, deque[int]] = defaultdict(lambda: deque(maxlen=DEDUP_SLOTS))
    accepted = []
    for row, event in events:
        accepted.append(event not in recent[row])
        if accepted[-1]:
            recent[row].append(event)
    return accepted


@given(events=EVENTS, run=st.integers(1, 50))
def test_any_cut_accepts_what_one_after_the_other_accepts(events: list[tuple[int, int]], run: int) -> None:
    """Whatever the runs, an event is new exactly if its id is not among the last accepted of its customer."""
    store = np.zeros(4, ROW)
    accepted: list[bool] = []
    for start in range(0, len(events), run):
        rows, hashes = zip(*events[start : start + run], strict=True)
        accepted += accept(store, group(np.array(rows)), np.array(hashes, np.uint64)).tolist()
    assert accepted == one_by_one(events)
    counts = [sum(new for (row, _), new in zip(events, accepted, strict=True) if row == r) for r in range(4)]
    assert store["events"].tolist() == counts


def test_window_is_as_long_as_declared() -> None:
    """The last id of the window is still known, the one before it no longer."""
    store = np.zeros(1, ROW)
    ids = np.arange(1, DEDUP_SLOTS + 2, dtype=np.uint64)
    assert accept(store, group(np.zeros(len(ids), np.int64)), ids).all()
    again = accept(store, group(np.zeros(2, np.int64)), np.array([2, 1], np.uint64))
    assert again.tolist() == [False, True]


def test_customers_do_not_share_ids() -> None:
    """The same event id of two customers is two events."""
    assert accept(np.zeros(2, ROW), group(np.array([0, 1])), np.array([7, 7], np.uint64)).all()
