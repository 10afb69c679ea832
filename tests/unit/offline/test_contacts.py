"""Contacts that hop between channels before a ticket is solved: by hand, and in any order."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.offline.contacts import Contacts, contacts
from stream.pipeline import FileRecord
from tests.strategies import HOUR_MS, START_MS, Body, bodies, iso, record


def step(hour: float, status: str, channel: str | None, ticket: str = "t", **own: Any) -> Body:
    found = {"type": "ticket", "event_id": f"{ticket}{hour}{status}", "customer_id": "c", "ticket_id": ticket}
    at = iso(START_MS + round(hour * HOUR_MS))
    return found | {"occurred_at": at, "status": status, "channel": channel} | own


def of(*found: Body) -> Contacts:
    return contacts([record(body) for body in found])


OPENED = step(0, "opened", "phone")
SOLVED = step(9, "resolved", "chat")


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], (0, 0)),
        ([OPENED, SOLVED], (0, 0)),  # one contact has nothing to hop from; the solution is none
        ([OPENED, step(1, "first_reply", "Phone"), SOLVED], (1, 0)),  # in any case
        ([OPENED, step(1, "first_reply", "email"), step(2, "escalated", "phone"), SOLVED], (2, 2)),
        ([OPENED, step(1, "first_reply", None), step(2, "escalated", "phone"), SOLVED], (1, 0)),
        ([step(0, "opened", "fax"), step(1, "first_reply", "pigeon")], (1, 0)),  # both are "other"
        ([OPENED, step(1, "opened", "web", ticket="u")], (0, 0)),  # two tickets
        ([OPENED, SOLVED, step(10, "escalated", "web")], (0, 0)),  # after it was solved
        ([OPENED, SOLVED, step(10, "reopened", "web")], (1, 1)),  # it was not
        ([OPENED, SOLVED, step(10, "reopened", "web"), step(11, "escalated", "web")], (2, 1)),
        ([OPENED, SOLVED, step(10, "reopened", None), step(11, "escalated", "web")], (1, 1)),
        ([OPENED, SOLVED, step(10, "reopened", "web"), step(12, "resolved", None)], (1, 1)),
        ([OPENED, step(1, "first_reply", "email"), step(1, "first_reply", "email")], (1, 1)),  # twice sent
    ],
)
def test_contacts_count_until_the_ticket_is_solved(found: list[Body], expected: tuple[int, int]) -> None:
    """Each with a channel against the one before it, of the same ticket, up to the last solution."""
    assert of(*found) == expected


def test_share_is_of_those_that_could_hop() -> None:
    """Half of two; of none there is no share."""
    assert of(OPENED, step(1, "first_reply", "email"), step(2, "escalated", "email")).share == 0.5
    assert of(OPENED).share is None


@given(found=bodies(max_size=40, customers=1, types=["ticket"], refs=2), data=st.data())
def test_order_and_duplicates_of_the_records_change_nothing(found: list[Body], data: st.DataObject) -> None:
    """Sorted by time here, whatever the order in which they arrived; and never more hops than chances."""
    expected = of(*found)
    mixed = data.draw(st.permutations([*found, *found[:5]]))
    assert of(*mixed) == expected
    assert 0 <= expected.hopped <= expected.could_hop < max(len(found), 1)


def test_what_is_no_interaction_is_left_out() -> None:
    """A bad line among good ones costs itself alone."""
    bad = FileRecord("interactions", 0, 0, START_MS, b"c", json.dumps(OPENED).encode()[:-9])
    good = [record(body) for body in (OPENED, step(1, "first_reply", "email"))]
    assert contacts([bad, *good]) == (1, 1)
