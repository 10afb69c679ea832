"""Slots beside the rows: found, claimed, forgotten, due, and as they are written."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import StateError
from stream.state.alerts import NO_ALERTS, SLOT, AlertSlots, Kept, State
from stream.state.people import People, Said, Snooze
from stream.state.table import CustomerTable

RULES = (11, 22, 33)
PEOPLE = People(Said("eva", 5), Snooze("eva", 6, "away"), Said("bo", 7, "note"), "bo", [1, 2**63])


def test_a_slot_is_two_words_per_time_and_no_more() -> None:
    """Whole words, so that slots are copied as such."""
    assert SLOT.itemsize == 56


def test_claim_finds_what_is_there_and_makes_the_rest() -> None:
    """Rows have a slot per rule at most."""
    alerts = AlertSlots(9)
    first = alerts.claim(np.array([2, 5]), 11)
    again = alerts.claim(np.array([5, 7, 2]), 11)
    other = alerts.claim(np.array([2]), 22)
    assert again[[2, 0]].tolist() == first.tolist()
    assert len(alerts) == 4
    assert alerts.find(np.array([7, 1, 2]), 11).tolist() == [again[1], -1, first[0]]
    assert alerts.of(2) == [*other.tolist(), first[0]]
    owner, place = alerts.places(np.array([1, 2, 7]))
    assert sorted(zip(owner.tolist(), place.tolist(), strict=True)) == sorted(
        [(1, first[0]), (1, other[0]), (2, again[1])]
    )


def test_forgotten_slots_are_used_again_as_new_ones() -> None:
    """Nothing of a customer who was erased is left to the next, people's words included."""
    alerts = AlertSlots(9)
    [place] = alerts.claim(np.array([2]), 11).tolist()
    alerts.slots["seq"][place], alerts.people[place] = 9, PEOPLE
    alerts.set_due(np.array([place]), np.array([5]))
    alerts.forget(2)
    alerts.forget(2)
    assert (len(alerts), alerts.of(2), alerts.due(9, 9).tolist()) == (0, [], [])
    assert alerts.claim(np.array([3]), 22).tolist() == [place]
    assert (alerts.slots["seq"][place], alerts.people) == (0, {})


def test_due_gives_those_first_that_wait_longest() -> None:
    """Rows are distinct, nothing is due before its time, and what was moved on is not due any more."""
    alerts = AlertSlots(200)
    rows = np.arange(100, 200)
    alerts.set_due(alerts.claim(rows, 11), 1_000 + rows)
    alerts.set_due(alerts.claim(rows[:50], 22), np.full(50, 2_000))
    assert alerts.due(1_099, 9).tolist() == []
    assert alerts.due(1_103, 9).tolist() == [100, 101, 102, 103]
    assert alerts.due(9_999, 3).tolist() == [100, 101, 102]
    assert alerts.due(9_999, 999).tolist() == rows.tolist()
    alerts.set_due(alerts.claim(rows, 11), np.zeros(100, np.int64))
    assert alerts.due(1_999, 999).tolist() == []
    assert alerts.due(2_000, 999).tolist() == rows[:50].tolist()


def test_rows_grow_under_their_alerts() -> None:
    """A table of many customers has a head for each."""
    table = CustomerTable("0" * 8)
    rows = table.rows_of([b"%d" % i for i in range(5_000)])
    table.alerts.claim(rows, 11)
    assert len(table.alerts) == 5_000
    assert len(table.alerts.heads) == len(table.rows)


LIVES = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from(RULES),
        st.sampled_from(State),
        st.integers(1, 2**32 - 1),
        st.booleans(),
    ),
    max_size=20,
)


def _told(lives: list[tuple[int, int, State, int, bool]]) -> CustomerTable:
    table = CustomerTable("0" * 8)
    rows = table.rows_of([b"%d" % i for i in range(5)])
    for who, rule, state, number, said in lives:
        [place] = table.alerts.claim(rows[[who]], rule).tolist()
        slot = table.alerts.slots[place]
        slot["state"], slot["seq"], slot["opened_ms"], slot["due_ms"] = state, number, number, number
        if said:
            table.alerts.people[place] = PEOPLE
    return table


@given(lives=LIVES, order=st.permutations(range(5)))
def test_loaded_is_what_was_written(lives: list[tuple[int, int, State, int, bool]], order: list[int]) -> None:
    """To the byte, whatever the order of the rows and of the slots; loading twice is loading once."""
    table = _told(lives)
    keys = [b"%d" % i for i in order]
    values = table.encode(np.array([table.index[key] for key in keys]))
    again = CustomerTable("0" * 8)
    again.load(keys, values)
    again.load(keys * 2, values * 2)
    assert again.encode(np.array([again.index[key] for key in keys])) == values
    assert len(again.alerts) == len(table.alerts)
    assert len(again.alerts.people) == len(table.alerts.people)
    again.load(keys, [None] * 5)
    assert (len(again.alerts), again.alerts.people) == (0, {})


def test_later_row_without_alerts_wins() -> None:
    """Not what happens to a customer, but what the log says is what is."""
    table = _told([(0, 11, State.OPEN, 1, False)])
    row = np.array([table.index[b"0"]])
    [value] = table.encode(row)
    table.load([b"0", b"0"], [value, value[: table.rows.itemsize]])
    assert len(table.alerts) == 0


def test_held_back_is_looked_at_at_once_after_a_restart() -> None:
    """When it was to ask again is not written, for it depends on when it asked last."""
    table = _told([(0, 11, State.SUPPRESSED, 7_000_000, False), (1, 11, State.OPEN, 7_000_000, False)])
    rows = np.array([table.index[b"0"], table.index[b"1"]])
    again = CustomerTable("0" * 8)
    again.load([b"0", b"1"], table.encode(rows))
    assert again.alerts.due(6_999_999, 9).tolist() == [again.index[b"0"]]
    assert len(again.alerts.due(7_000_000, 9)) == 2


@pytest.mark.parametrize(
    "kept",
    [
        Kept(1, np.zeros(1, SLOT).tobytes(), b""),
        Kept(1, _told([(0, 11, State.OPEN, 1, True)]).alerts.encode(np.array([0]))[0].slots, b"\xc1"),
        Kept(
            1,
            _told([(0, 11, State.OPEN, 1, False)]).alerts.encode(np.array([0]))[0].slots,
            _told([(0, 22, State.OPEN, 1, True)]).alerts.encode(np.array([0]))[0].people,
        ),
        Kept(1, b"\x0b" + b"\x09" * 55, b""),
    ],
    ids=["free slot", "torn words", "words of another rule", "unknown state"],
)
def test_bytes_of_no_alert_are_refused(kept: Kept) -> None:
    """Foreign or torn bytes stop the restore, with a sentence."""
    with pytest.raises(StateError, match="alert"):
        AlertSlots(1).load({0: kept})


def test_nothing_is_written_of_nothing() -> None:
    """A row without alerts has no bytes for them."""
    assert AlertSlots(3).encode(np.arange(3)) == [NO_ALERTS] * 3
