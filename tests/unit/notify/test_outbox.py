"""What one sink is told: in order, each transition once as far as the ledger knows, whatever restarts."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alert import AlertV1
from stream.notify import ledger
from stream.notify.outbox import Outbox, Settled, Waiting
from stream.notify.sink import Delivered, Refused, Retry
from stream.notify.told import OVER, is_shown, kind_of
from tests.alerts import alert, at

NOW = 1_800_000_000_000
LIFE: tuple[dict[str, Any], ...] = (
    {"state": "open", "transition": "opened"},
    {"state": "open", "transition": "noted"},
    {"state": "acknowledged", "transition": "acknowledged"},
    {"state": "open", "transition": "escalated", "severity": "error"},
    {"state": "recovering", "transition": "recovering", "severity": "error"},
    {"state": "resolved", "transition": "resolved", "severity": "error"},
)
"""One episode; people are told of four of these six."""


def outbox(tries: int = 3) -> Outbox:
    """Empty; the customer's id stands for its reference."""
    return Outbox(lambda each: each.customer_id, tries)


def begun(tries: int = 3) -> Outbox:
    """Of a sink that began when the topic was empty."""
    made = outbox(tries)
    made.begin(0, 0, ())
    return made


def life(customer: str, episode: int = 1, length: int = len(LIFE)) -> list[AlertV1]:
    """The first transitions of an episode."""
    seq = (episode - 1) * len(LIFE)
    return [
        alert(customer, seq=seq + number, episode=episode, **changed)
        for number, changed in enumerate(LIFE[:length], start=1)
    ]


def tell(box: Outbox) -> list[tuple[str, str]]:
    """Deliver all that is due, as the dispatcher does; (idempotency key, kind) in order."""
    told: list[tuple[str, str]] = []
    while batch := box.due({0}, NOW, 2):
        for waiting in batch:
            settled = box.answered(waiting, Delivered(), NOW, 1.0)
            assert settled is not None
            told.append((waiting.notification.key, waiting.notification.kind))
            box.learn(0, waiting.notification.alert.dedup_key, waiting.mark)
    return told


def test_a_life_is_told_in_order_and_once() -> None:
    """What people need not know is left out; what was told is not told again."""
    box = begun()
    for offset, each in enumerate(life("a")):
        box.take(0, offset, each)
    assert [kind for _, kind in tell(box)] == ["opened", "acknowledged", "escalated", "resolved"]
    assert len(box) == 0


def test_a_first_start_tells_what_is_open_and_nothing_else() -> None:
    """Whatever happened before; and from then on everything."""
    box = outbox()
    for offset, each in enumerate([*life("over"), *life("open", length=4)]):
        box.take(0, offset, each)
    assert tell(box) == []
    box.begin(0, 10, [life("open", length=4)[-1]])
    assert tell(box) == [("open|trust_low:4", "opened")]
    box.take(0, 10, life("open")[-1])
    assert tell(box) == [("open|trust_low:6", "resolved")]


def test_a_kill_while_a_first_start_tells_tells_the_rest_at_the_next() -> None:
    """History before the baseline is still history."""
    records = [*life("over"), *life("a", length=1), *life("b", length=1)]
    first = outbox()
    first.begin(0, len(records), [records[-2], records[-1]])
    (waiting,) = first.due({0}, NOW, 1)
    again = outbox()
    again.begin(0, len(records), ())
    again.learn(0, waiting.notification.alert.dedup_key, waiting.mark)
    for offset, each in enumerate(records):
        again.take(0, offset, each)
    assert tell(again) == [("b|trust_low:1", "opened")]


def test_a_failure_holds_up_its_own_alert_alone() -> None:
    """The next transition of the same alert waits behind it; others have their turn."""
    box = begun()
    for offset, each in enumerate([*life("a", length=3), *life("b", length=1)]):
        box.take(0, offset, each)
    first = box.due({0}, NOW, 1)[0]
    assert box.answered(first, Retry(0.0, "busy"), NOW, 1.0) is None
    assert [each.notification.key for each in box.due({0}, NOW, 9)] == ["b|trust_low:1"]
    assert [each.notification.key for each in box.due({0}, first.after_ms, 9)] == [
        "b|trust_low:1",
        "a|trust_low:1",
    ]


def test_a_storm_in_one_partition_holds_up_no_other() -> None:
    """Whatever its number, and however many partitions there are: within two batches the other is tried."""
    box, partitions = outbox(), set(range(40))
    for number in partitions:
        box.begin(number, 0, ())
        for customer in range(100 if number != 33 else 1):
            box.take(number, customer, alert(f"{number}-{customer}"))
    seen: list[int] = []
    for _ in range(2 * len(partitions)):
        batch = box.due(partitions, NOW, 8)
        assert len(batch) == 8
        seen += [each.partition for each in batch]
    assert {seen.count(number) for number in partitions} == {16}


def test_a_wait_is_at_least_what_the_receiver_asks_for_and_grows() -> None:
    """With the whole of the back-off's ceiling as chance has it."""
    box = begun(tries=9)
    box.take(0, 0, life("a")[0])
    (waiting,) = box.due({0}, NOW, 1)
    waits = []
    for _ in range(4):
        box.answered(waiting, Retry(0.0, "busy"), NOW, 1.0)
        waits.append(waiting.after_ms - NOW)
    assert waits == [1_000, 2_000, 4_000, 8_000]
    box.answered(waiting, Retry(60.0, "asked"), NOW, 1.0)
    assert waiting.after_ms - NOW == 60_000


@pytest.mark.parametrize(("counts", "given_up"), [(True, 3), (False, None)])
def test_only_tries_are_counted(counts: bool, given_up: int | None) -> None:
    """Waiting for a limit or a breaker never makes a dead letter."""
    box = begun(tries=3)
    box.take(0, 0, life("a")[0])
    (waiting,) = box.due({0}, NOW, 1)
    settled = None
    for number in range(1, 50):
        settled = box.answered(waiting, Retry(0.0, "no", counts=counts), NOW, 1.0)
        if settled is not None:
            assert number == given_up
            break
    assert (settled is None) == (given_up is None)
    assert settled is None or settled.cause == "gave_up"


def test_a_refusal_is_settled_at_once() -> None:
    """With the receiver's reason."""
    box = begun()
    box.take(0, 0, life("a")[0])
    (waiting,) = box.due({0}, NOW, 1)
    settled = box.answered(waiting, Refused("no such field"), NOW, 1.0)
    assert settled == Settled(waiting, "refused", "no such field")
    assert dict(ledger.letter("crm", settled))["kizuna.detail"] == b"no such field"


def test_of_a_deleted_alert_nothing_waits_and_nothing_is_remembered() -> None:
    """Not even of one that is being told at this moment, whose row may be on its way."""
    box = begun()
    box.take(0, 0, life("a")[0])
    (waiting,) = box.due({0}, NOW, 1)
    assert box.holds(waiting)
    assert box.forget(0, "a|trust_low")
    assert not box.forget(0, "a|trust_low")
    assert not box.holds(waiting)
    assert len(box) == 0
    box.learn(0, "a|trust_low", waiting.mark)
    assert box.forget(0, "a|trust_low")


def test_rows_are_read_as_they_were_written() -> None:
    """Of this sink alone; a row that is none is said to be so."""
    box, other = outbox(), outbox()
    settled = Settled(Waiting(0, 5, _notification(life("a")[0])))
    sinks = {"crm": box, "mail": other}
    assert ledger.read_row(sinks, 0, *ledger.mark_row("crm", settled))
    assert ledger.read_row(sinks, 3, *ledger.baseline_row("crm", 7))
    assert ledger.read_row(sinks, 3, *ledger.baseline_row("crm", 9))
    assert ledger.read_row(sinks, 0, *ledger.mark_row("gone", settled))
    assert all(ledger.read_row(sinks, 0, *row) for row in ledger.forget_rows("crm", "x|y"))
    assert ledger.read_row(sinks, 0, *ledger.again_row("mail", life("b")[3]))
    assert (box.again, other.again) == ({}, {"b|trust_low": 4})
    assert (box.marks, box.baselines) == ({"a|trust_low": settled.waiting.mark}, {3: 7})
    assert (other.marks, other.baselines) == ({}, {})
    for key, value in ((b"no bar", b"{}"), (b"\xff|x", b"{}"), (b"crm|a", b"no"), (b"crm|", b"{}")):
        assert not ledger.read_row(sinks, 0, key, value)


def _notification(each: AlertV1) -> Any:
    box = begun()
    box.take(0, 0, each)
    return box.due({0}, NOW, 1)[0].notification


@dataclass
class Run:
    """A process that is fed a log, and killed and started again now and then."""

    rows: list[tuple[bytes, bytes | None]] = field(default_factory=lambda: [ledger.baseline_row("s", 0)])
    told: list[tuple[str, str]] = field(default_factory=list)

    def start(self, log: list[AlertV1], offsets: list[int]) -> Outbox:
        """A new process reads the ledger, then what compaction left of the log."""
        box = outbox()
        for key, value in self.rows:
            assert ledger.read_row({"s": box}, 0, key, value)
        for offset in offsets:
            box.take(0, offset, log[offset])
        return box

    def tell(self, box: Outbox, most: int, *, killed: bool) -> None:
        """Deliver some; a kill comes before the last one is written to the ledger."""
        for number in range(most):
            batch = box.due({0}, NOW, 1)
            if not batch:
                return
            (waiting,) = batch
            self.told.append((waiting.notification.key, waiting.notification.kind))
            if killed and number == most - 1:
                return
            settled = box.answered(waiting, Delivered(), NOW, 1.0)
            assert settled is not None
            self.rows.append(ledger.mark_row("s", settled))
            box.learn(0, waiting.notification.alert.dedup_key, waiting.mark)


@given(st.data())
def test_whatever_is_killed_every_transition_is_told_in_order(data: st.DataObject) -> None:
    """Nothing is lost, nothing overtakes within an alert, and only a kill tells one twice."""
    log = data.draw(_logs())
    run, kills, done = Run(), 0, 0
    while done < len(log):
        upto = data.draw(st.integers(done, len(log)), label="read up to")
        box = run.start(log, list(range(done)))
        for offset in range(done, upto):
            box.take(0, offset, log[offset])
        killed = data.draw(st.booleans(), label="killed")
        run.tell(box, data.draw(st.integers(0, 5), label="told"), killed=killed)
        kills += killed
        done = max(upto, done + (upto == done))
    run.tell(run.start(log, list(range(len(log)))), 1_000, killed=False)
    wanted: dict[str, list[str]] = {}
    box = begun()
    for offset, each in enumerate(log):
        box.take(0, offset, each)
    for key, _ in tell(box):
        wanted.setdefault(key.partition("|")[0], []).append(key)
    assert {key for key, _ in run.told} == {key for keys in wanted.values() for key in keys}
    assert len(run.told) - len({key for key, _ in run.told}) <= kills
    for keys in wanted.values():
        seen = [key for key, _ in run.told if key in keys]
        assert list(dict.fromkeys(seen)) == keys


@given(st.data())
def test_after_compaction_the_last_state_is_known(data: st.DataObject) -> None:
    """Of each key only the latest record is left: what is open is told as such, what people know of ends."""
    log = data.draw(_logs())
    run = Run()
    before = data.draw(st.integers(0, len(log)), label="told before")
    run.tell(run.start(log, list(range(before))), 1_000, killed=False)
    known = {key.partition("|")[0] for key, kind in run.told if kind not in OVER}
    latest = {each.dedup_key: offset for offset, each in enumerate(log)}
    run.tell(run.start(log, sorted(latest.values())), 1_000, killed=False)
    for offset in latest.values():
        each = log[offset]
        kinds = [kind for key, kind in run.told if key.startswith(f"{each.customer_id}|")]
        if is_shown(each):
            assert kinds
            assert kinds[-1] not in OVER
            assert kind_of(each, _last_mark(run, each)) is None
        elif each.customer_id in known and _last_mark(run, each).episode == each.episode:
            assert kinds[-1] == "resolved"


def _last_mark(run: Run, each: AlertV1) -> Any:
    box = run.start([], [])
    return box.marks[each.dedup_key]


@st.composite
def _logs(draw: st.DrawFn) -> list[AlertV1]:
    """Lives of three customers, interleaved, each at some point of one of its two episodes."""
    queues = []
    for customer in "abc":
        whole = [*life(customer), *life(customer, 2)]
        queues.append(whole[: draw(st.integers(0, len(whole)))])
    log = []
    while any(queues):
        queue = draw(st.sampled_from([each for each in queues if each]))
        log.append(queue.pop(0))
    return log


def test_the_oldest_that_waits_is_known_by_its_transition() -> None:
    """Of the partitions that are asked for."""
    box = begun()
    since = at(60)
    box.take(0, 0, alert("a", state_since=since))
    assert box.oldest_ms({0}) == round(since.timestamp() * 1000)
    assert box.oldest_ms({1}) is None
