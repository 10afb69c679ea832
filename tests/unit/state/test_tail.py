"""Which rows have promises in their tails, and where: told of all of them at once."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream.state.tail import Tails

ROWS = st.integers(0, 300)


@given(
    st.lists(
        st.tuples(st.just("add"), ROWS, st.integers(1, 6))
        | st.tuples(st.just("drop"), ROWS, st.integers(1, 6))
        | st.tuples(st.just("forget"), ROWS, st.just(0)),
        max_size=60,
    )
)
def test_rows_with_promises_are_those_whose_tails_hold_some(steps: list[tuple[str, int, int]]) -> None:
    """Whatever is added, dropped and forgotten, rows beyond all that were ever seen included."""
    tails, held = Tails(), dict[int, list[int]]()
    for what, row, ref in steps:
        here = held.setdefault(row, [])
        if what == "add" and ref not in here:
            tails.add([row], [ref])
            here.append(ref)
        elif what == "drop" and ref in here:
            tails.drop([row], [ref])
            here.remove(ref)
        elif what == "forget":
            tails.forget(row)
            here.clear()
    rows = np.arange(1_000)
    expected = [bool(held.get(row)) for row in rows.tolist()]
    assert tails.with_promises(rows).tolist() == expected
    places = [place for row in held for place in (tails[row].places.values() if row in tails else ())]
    assert len(places) == len(set(places)) == sum(map(len, held.values()))


def test_new_promises_are_empty_wherever_they_lie() -> None:
    """A place that another promise had before, and more of them than there was room for."""
    tails = Tails()
    first = tails.add([3] * 100, list(range(1, 101)))
    dirty = tails.at(first)
    dirty["ref"] = 7
    tails.put(first, dirty)
    tails.forget(3)
    again = tails.add([5] * 150, list(range(1, 151)))
    assert len(set(again.tolist())) == 150
    assert not tails.at(again)["ref"].any()
