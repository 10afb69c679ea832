"""Which dead letters are sent again: those that still say what is so, each once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import AlertV1
from schemas.codec import encode
from stream.notify import ledger
from stream.notify.book import Book
from stream.notify.letters import Letter, PassedOver, passed_over, read_letter
from stream.notify.outbox import Outbox, Settled
from stream.notify.sink import Refused
from stream.notify.told import OVER
from tests.alerts import alert, at

NOW = 1_800_000_000_000
OPENED = alert("a")
NOTED = alert("a", seq=2, transition="noted")
ESCALATED = alert("a", seq=2, transition="escalated", severity="error")
ENDED = alert("a", seq=3, state="resolved", transition="resolved", resolved_at=at(60))
BACK = alert("a", seq=4, episode=2)


def after(*records: AlertV1, refused: tuple[int, ...], told: tuple[int, ...] = ()) -> tuple[Outbox, Book]:
    """What is known of one sink after these records, of which it refused and was told those of some `seq`."""
    box, book = Outbox(lambda _: "ref", 3), Book(lambda a: {"key": a.dedup_key}, lambda _: {}, 0)
    box.begin(0, 0, ())
    for offset, record in enumerate(records):
        book.take(0, record, NOW)
        box.take(0, offset, record)
        for waiting in box.due({0}, NOW, 1):
            if record.seq in refused:
                settled = box.answered(waiting, Refused("no"), NOW, 0.0)
            elif record.seq in told:
                settled = Settled(waiting)
            else:
                continue
            assert settled is not None
            assert ledger.read_row({"crm": box}, 0, *ledger.mark_row("crm", settled))
    return box, book


def letter(of: AlertV1) -> Letter:
    """As the dispatcher writes it, read back."""
    box = Outbox(lambda _: "ref", 3)
    box.begin(0, 0, ())
    box.take(0, 0, of)
    if of.state in OVER:
        box.take(0, 0, OPENED)
        box.take(0, 1, of)
    waiting = next(w for w in box._waiting[0][of.dedup_key] if w.notification.alert == of)
    found = read_letter(0, encode(of), ledger.letter("crm", Settled(waiting, "refused", "no")))
    assert found is not None
    assert (found.sink, found.notification.key) == ("crm", f"{of.dedup_key}:{of.seq}")
    assert found.notification.alert == of
    return found


@pytest.mark.parametrize(
    ("known", "of", "why"),
    [
        (after(OPENED, refused=(1,)), OPENED, None),
        (after(OPENED, NOTED, refused=(1,)), OPENED, None),
        (after(OPENED, ESCALATED, refused=(1,), told=(2,)), OPENED, "newer"),
        (after(OPENED, ESCALATED, refused=(1,)), OPENED, "newer"),
        (after(OPENED, ESCALATED, refused=(1, 2)), OPENED, "newer"),
        (after(OPENED, ESCALATED, refused=(1, 2)), ESCALATED, None),
        (after(OPENED, ENDED, refused=(3,), told=(1,)), ENDED, None),
        (after(OPENED, ENDED, refused=(1,), told=(3,)), OPENED, "newer"),
        (after(OPENED, ENDED, BACK, refused=(3,), told=(1,)), ENDED, "newer"),
        (after(OPENED, refused=(), told=(1,)), OPENED, "told"),
        (after(refused=()), OPENED, "gone"),
    ],
)
def test_only_the_newest_that_still_holds_is_sent_again(
    known: tuple[Outbox, Book], of: AlertV1, why: PassedOver | None
) -> None:
    """A later word that was told, refused or waits makes a letter old; an end is told, an opening not."""
    assert passed_over(letter(of), *known) == why


def test_what_nobody_sees_any_more_is_not_told_as_open() -> None:
    """Whatever the ledger says: a page about what has ended would wake somebody for nothing."""
    box, book = after(OPENED, refused=(1,))
    for quiet in (ENDED, alert("a", seq=2, mode="shadow"), alert("a", seq=2, state="suppressed")):
        silent = Book(lambda a: {"key": a.dedup_key}, lambda _: {}, 0)
        silent.take(0, quiet, NOW)
        assert passed_over(letter(OPENED), box, silent) == "over"
    assert passed_over(letter(OPENED), box, book) is None


def test_a_letter_is_sent_again_once() -> None:
    """The row in the ledger says so to every later call, until the alert is deleted."""
    box, book = after(OPENED, refused=(1,))
    assert ledger.read_row({"crm": box}, 0, *ledger.again_row("crm", OPENED))
    assert passed_over(letter(OPENED), box, book) == "told"
    box.take(0, 1, ESCALATED)
    (waiting,) = box.due({0}, NOW, 1)
    ledger.read_row({"crm": box}, 0, *ledger.mark_row("crm", Settled(waiting, "refused", "no")))
    assert passed_over(letter(ESCALATED), box, book) is None
    assert box.forget(0, OPENED.dedup_key)
    assert box.again == {}


def test_of_one_seq_taken_beats_refused_whatever_comes_first() -> None:
    """A kill between letter and ledger makes both, and then the sink has it after all."""
    for order in ((True, False), (False, True)):
        box, book = after(OPENED, refused=())
        (waiting,) = box.due({0}, NOW, 1)
        for taken in order:
            settled = Settled(waiting, None if taken else "refused")
            ledger.read_row({"crm": box}, 0, *ledger.mark_row("crm", settled))
        assert passed_over(letter(OPENED), box, book) == "told"


def test_a_sink_that_is_gone_is_sent_nothing() -> None:
    """Its letters stay where they are."""
    assert passed_over(letter(OPENED), None, after(OPENED, refused=(1,))[1]) == "no_sink"


HEADER = st.tuples(
    st.sampled_from(["kizuna.sink", "kizuna.kind", "kizuna.key", "kizuna.cause", "x"]),
    st.none() | st.binary(max_size=8) | st.just(b"opened"),
)


@given(st.none() | st.binary(max_size=20) | st.just(encode(OPENED)), st.lists(HEADER, max_size=6))
def test_what_is_no_letter_is_none(value: bytes | None, headers: list[Any]) -> None:
    """Whoever wrote it: never an exception, and a letter has sink, kind, key and alert."""
    found = read_letter(0, value, headers)
    if found is not None:
        assert (found.sink, found.notification.key, found.notification.kind) > ("", "", "")
        assert found.notification.alert == OPENED
