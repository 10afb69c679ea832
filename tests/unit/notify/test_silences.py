"""A snooze is a silence: made once, changed with it, expired with it, and people's own are left alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import AlertV1, Snoozed
from stream.notify.alertmanager import Matcher, Silence, Status
from stream.notify.silences import plan
from tests.alerts import alert

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW = int(NOON.timestamp() * 1000)
HERE = "0a1b2c3d"


def snoozed(customer: str, minutes: int, reason: str | None = "later") -> AlertV1:
    """Snoozed by ana until so many minutes from now."""
    snooze = Snoozed(NOON + timedelta(minutes=minutes), "ana", reason)
    return alert(customer, state="snoozed", snooze=snooze)


def made(body: dict[str, Any], name: str) -> Silence:
    """What Alertmanager lists after `body` was posted."""
    matchers = [Matcher(each["name"], each["value"], each["isRegex"]) for each in body["matchers"]]
    return Silence(name, matchers, body["endsAt"], body["comment"], body["createdBy"], Status("active"))


def test_a_silence_is_about_the_customer_and_the_rule() -> None:
    """By whom, why and until when are the person's."""
    found = plan([(snoozed("c-1", 60), "ref1")], [], HERE, NOW)
    (body,) = found.make
    assert [(each["name"], each["value"]) for each in body["matchers"]] == [
        ("customer_ref", "ref1"),
        ("rule", "trust_low"),
    ]
    assert (body["createdBy"], body["endsAt"]) == ("ana", (NOON + timedelta(hours=1)).isoformat())
    assert body["comment"].startswith("later (kizuna ")
    assert found.expire == []


def test_a_snooze_without_a_reason_has_a_comment_and_one_that_is_over_no_silence() -> None:
    """Alertmanager refuses empty comments, and ends that lie in the past."""
    found = plan([(snoozed("c-1", 60, None), "r"), (snoozed("c-2", 0), "r")], [], HERE, NOW)
    assert [body["comment"].split(" (")[0] for body in found.make] == ["snoozed"]


def test_another_end_changes_the_silence_that_is_there() -> None:
    """By its id, so that there are never two."""
    (body,) = plan([(snoozed("c-1", 60), "r")], [], HERE, NOW).make
    found = plan([(snoozed("c-1", 90), "r")], [made(body, "s1")], HERE, NOW)
    assert [each["id"] for each in found.make] == ["s1"]
    assert found.expire == []


def test_another_key_of_references_changes_the_silence_that_is_there() -> None:
    """Else the alert would fire under its new reference although it is snoozed."""
    (body,) = plan([(snoozed("c-1", 60), "old")], [], HERE, NOW).make
    found = plan([(snoozed("c-1", 60), "new")], [made(body, "s1")], HERE, NOW)
    assert [(each["id"], each["matchers"][0]["value"]) for each in found.make] == [("s1", "new")]
    assert found.expire == []


@pytest.mark.parametrize(
    "comment", ["by hand", "(kizuna)", "later (kizuna 0a1b2c3d)", f"see (kizuna {HERE} {'0' * 36}), ben"]
)
def test_silences_of_people_are_never_touched(comment: str) -> None:
    """Whatever they are about, and also if they speak of us."""
    theirs = Silence("s1", [], NOON.isoformat(), comment, "ben", Status("active"))
    assert plan([], [theirs], HERE, NOW).expire == []


def test_silences_of_another_installation_are_never_touched() -> None:
    """Not ended where nothing is snoozed, not changed where the same alert is: each has its own."""
    (there,) = plan([(snoozed("c-1", 60), "r")], [], "99999999", NOW).make
    theirs = made(there, "s1")
    assert plan([], [theirs], HERE, NOW).expire == []
    found = plan([(snoozed("c-1", 90), "r2")], [theirs], HERE, NOW)
    (ours,) = found.make
    assert "id" not in ours
    assert found.expire == []
    both = [theirs, made(ours, "s2")]
    assert plan([], both, HERE, NOW).expire == ["s2"]
    assert plan([], both, "99999999", NOW).expire == ["s1"]


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(-5, 90)),
    st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 90)),
    st.lists(st.sampled_from("abcdef"), max_size=3),
)
def test_after_the_plan_there_is_nothing_left_to_do(
    now: dict[str, int], before: dict[str, int], twice: list[str]
) -> None:
    """From any silences, doubles too, to any snoozes: one for each that is not over, and no other."""
    there: dict[str, Silence] = {}
    for number, (customer, minutes) in enumerate([*before.items(), *((each, 30) for each in twice)]):
        (body,) = plan([(snoozed(customer, minutes), customer)], [], HERE, NOW).make
        there[f"s{number}"] = made(body, f"s{number}")
    wanted = [(snoozed(customer, minutes), customer) for customer, minutes in now.items()]
    asked = plan(wanted, list(there.values()), HERE, NOW)
    for gone in asked.expire:
        del there[gone]
    for number, body in enumerate(asked.make):
        name = body.get("id", f"new{number}")
        there[name] = made(body, name)
    again = plan(wanted, list(there.values()), HERE, NOW)
    assert (again.make, again.expire) == ([], [])
    assert len(there) == sum(minutes > 0 for minutes in now.values())
