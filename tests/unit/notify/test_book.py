"""What Alertmanager is shown: identities that hold still, ends that are told for five minutes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.alert import AlertV1, Snoozed
from stream.notify.book import Book
from tests.alerts import BASE, alert

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
NOW = int(NOON.timestamp() * 1000)
KEEP = 300_000
OVER: dict[str, Any] = {"state": "resolved", "transition": "resolved", "resolved_at": NOON}


@pytest.fixture
def book() -> Book:
    """Empty."""

    def label(each: AlertV1) -> dict[str, str]:
        return {"who": each.customer_id, "severity": each.severity, "tier": each.tier or ""}

    made = Book(label, lambda each: {"owner": each.owner or ""}, KEEP)
    made.live = True
    return made


def shown(book: Book, now_ms: int = NOW) -> list[tuple[str, str, bool]]:
    """(severity, tier, over) of all that is shown."""
    return [(e.labels["severity"], e.labels["tier"], e.ends_ms is not None) for e in book.shown(now_ms)]


def test_a_higher_severity_ends_the_old_identity_and_begins_one(book: Book) -> None:
    """Both are shown in one go, the old one as over."""
    book.take(0, alert(), NOW)
    book.take(0, alert(seq=2, severity="critical"), NOW)
    assert shown(book) == [("warning", "gold", True), ("critical", "gold", False)]
    assert len(book) == 1


def test_what_people_change_leaves_the_identity_alone(book: Book) -> None:
    """Another owner is another annotation; another tier waits for the next episode."""
    book.take(0, alert(), NOW)
    book.take(0, alert(seq=2, owner="ana", tier="silver", transition="assigned"), NOW)
    assert shown(book) == [("warning", "gold", False)]
    assert book.shown(NOW)[0].annotations == {"owner": "ana"}
    book.take(0, alert(seq=3, **OVER), NOW)
    book.take(0, alert(seq=4, episode=2, tier="silver"), NOW)
    assert shown(book) == [("warning", "gold", True), ("warning", "silver", False)]


def test_what_is_over_is_shown_as_over_for_five_minutes(book: Book) -> None:
    """With the time at which it was over, never a later one than now."""
    book.take(0, alert(), NOW)
    book.take(0, alert(seq=2, **{**OVER, "resolved_at": NOON + timedelta(hours=1)}), NOW)
    (entry,) = book.shown(NOW + KEEP)
    assert entry.ends_ms == NOW
    assert book.shown(NOW + KEEP + 1) == []


def test_an_end_that_nobody_watched_is_shown_while_it_is_fresh(book: Book) -> None:
    """A process that starts within five minutes of it; later ones time out by themselves."""
    book.take(0, alert(seq=2, **OVER), NOW + KEEP)
    book.take(0, alert("late", seq=2, **OVER), NOW + KEEP + 1)
    book.take(0, alert("never", seq=2, resolve_reason="never_opened", **OVER), NOW)
    book.take(0, alert("shadow", seq=2, mode="shadow", **OVER), NOW)
    assert [e.labels["who"] for e in book.shown(NOW + KEEP)] == ["c-1"]


def test_history_is_not_shown(book: Book) -> None:
    """Reading the log again, what was over long ago was seen then, and a fresh end is still shown."""
    book.live = False
    long_after = NOW + 10 * KEEP
    book.take(0, alert("old"), long_after)
    book.take(0, alert("old", seq=2, **OVER), long_after)
    book.take(0, alert("risen"), long_after)
    book.take(0, alert("risen", seq=2, severity="critical", state_since=NOON), long_after)
    assert shown(book, long_after) == [("critical", "gold", False)]
    book.take(0, alert("fresh"), NOW)
    book.take(0, alert("fresh", seq=2, **OVER), NOW)
    assert ("warning", "gold", True) in shown(book, NOW + KEEP)


def test_what_comes_back_is_not_over(book: Book) -> None:
    """The same identity opened again within the five minutes is shown once, as open."""
    book.take(0, alert(), NOW)
    book.take(0, alert(seq=2, **OVER), NOW)
    book.take(0, alert(seq=3, episode=2), NOW)
    assert shown(book) == [("warning", "gold", False)]


def test_an_older_record_changes_nothing(book: Book) -> None:
    """Lower and equal `seq` are dropped."""
    assert book.take(0, alert(seq=5), NOW)
    assert not book.take(0, alert(seq=5, severity="critical"), NOW)
    assert not book.take(0, alert(seq=4, **OVER), NOW)
    assert shown(book) == [("warning", "gold", False)]


def test_a_deleted_alert_is_over_and_nothing_is_said_of_it(book: Book) -> None:
    """Its annotations are gone with it; a key that nobody knows is nobody's."""
    book.take(0, alert(), NOW)
    book.forget(BASE.dedup_key, NOW)
    book.forget("x|y", NOW)
    (entry,) = book.shown(NOW)
    assert (entry.ends_ms, entry.annotations) == (NOW, {})
    assert len(book) == 0


def test_a_reader_that_has_a_version_is_given_what_came_after(book: Book) -> None:
    """And everything that it would otherwise never learn."""
    book.take(0, alert("a"), NOW)
    version = book.version
    book.take(0, alert("b"), NOW)
    book.take(0, alert("a", seq=2, **OVER), NOW)
    assert sorted(e.labels["who"] for e in book.shown(NOW, version)) == ["a", "b"]
    assert book.shown(NOW, book.version) == []


def test_a_change_of_what_is_snoozed_has_its_version(book: Book) -> None:
    """Also the end of a snooze, whose alert no longer says that there was one."""
    book.take(0, alert("a"), NOW)
    before = book.snoozes
    assert before < book.version
    snooze = Snoozed(NOON + timedelta(hours=1), "ana", None)
    book.take(0, alert("a", seq=2, state="snoozed", snooze=snooze), NOW)
    assert book.snoozes == book.version
    book.take(0, alert("b"), NOW)
    assert book.snoozes < book.version
    book.take(0, alert("a", seq=3), NOW)
    assert book.snoozes == book.version
