"""However a history arrives, it stays the same: disorder, lateness and duplicates change no score."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode_interaction, encode
from schemas.interaction import Interaction
from stream.alerts import rules
from stream.model import parameters
from stream.offline import history
from stream.offline.arrival import MAX_SHARE, SKEW_H, Arrivals, Rates, arrive
from stream.offline.bad import KINDS, spoil
from stream.offline.generate import generate
from stream.offline.replay import Replay, replay
from stream.pipeline import DeadLetter, Effects, Pipeline
from stream.pipeline.decode import decode

END_MS = 1_767_225_600_000
NOW_MS = END_MS + 86_400_000
EVENTS = generate(60, 250, seed=4, end_ms=END_MS).events
LOUD = Rates(disorder=0.3, late=0.1, duplicates=0.2, bad=0.1)
SHARE = st.floats(0.0, MAX_SHARE)


def _lines(
    rates: Rates, seed: int = 1, events: Sequence[Interaction] = EVENTS
) -> tuple[list[bytes], Arrivals]:
    account = Arrivals()
    return list(arrive(events, rates, seed, account)), account


def _replayed(
    lines: list[bytes], path: Path, until_ms: int | None = END_MS
) -> tuple[Pipeline, Replay, list[tuple[int, str]]]:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    dead: list[tuple[int, str]] = []

    def bury(letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            headers = {name: (value or b"").decode() for name, value in letter.headers}
            dead.append((int(headers["kizuna.offset"]), headers["kizuna.cause"]))

    pipeline = Pipeline(parameters.load(), rules.load(), clock="event")
    account = replay(pipeline, history.read(path), now_ms=NOW_MS, until_ms=until_ms, on_dead=bury)
    return pipeline, account, dead


def _scores(pipeline: Pipeline, account: Replay) -> dict[bytes, tuple[int, int, bytes]]:
    keys, scores = pipeline.scores(account.table, END_MS)
    rows = account.table.rows[[account.table.index[key] for key in keys]]
    facts = [rows[name][:, None] for name in ("first_s", "last_s", "events", "amount_e4")]
    known = [row.tobytes() for row in np.hstack([each.astype(np.int64) for each in facts])]
    return dict(
        zip(keys, zip(scores.trust_centi.tolist(), scores.risk_e4.tolist(), known, strict=True), strict=True)
    )


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[bytes, tuple[int, int, bytes]]:
    """Scores of the clean history."""
    lines, _ = _lines(Rates())
    return _scores(*_replayed(lines, tmp_path_factory.mktemp("clean") / "e.jsonl")[:2])


def test_without_rates_the_file_is_the_history() -> None:
    """All rates 0: every event once, in the order of time."""
    lines, account = _lines(Rates())
    assert lines == [encode(event) for event in EVENTS]
    assert account == Arrivals(lines=len(EVENTS))


@settings(max_examples=12)
@given(disorder=SHARE, late=SHARE, duplicates=SHARE, bad=SHARE, seed=st.integers(0, 2**32))
def test_no_final_score_depends_on_how_a_history_arrives(
    tmp_path_factory: pytest.TempPathFactory,
    clean: dict[bytes, tuple[int, int, bytes]],
    disorder: float,
    late: float,
    duplicates: float,
    bad: float,
    seed: int,
) -> None:
    """Disorder, lateness, duplicates and bad records leave trust, risk and facts as they were."""
    rates = Rates(disorder=disorder, late=late, duplicates=duplicates, bad=bad)
    lines, arrived = _lines(rates, seed)
    pipeline, account, dead = _replayed(lines, tmp_path_factory.mktemp("loud") / "e.jsonl")
    assert _scores(pipeline, account) == clean
    assert account.count("scored") == len(EVENTS)
    assert account.count("duplicate") == arrived.duplicates
    assert len(dead) + account.n_later == len(arrived.bad)
    assert account.n_later == arrived.kinds["far_future"]


def test_dead_letters_are_exactly_the_bad_records(tmp_path: Path) -> None:
    """A replay buries the lines that were listed as bad, each with the listed cause, and no other."""
    lines, arrived = _lines(Rates(bad=0.2, disorder=0.2, duplicates=0.1))
    _, account, dead = _replayed(lines, tmp_path / "e.jsonl", until_ms=None)
    assert set(arrived.kinds) == set(KINDS)
    assert sorted(dead) == [(each.line, KINDS[each.kind].cause) for each in arrived.bad]
    assert account.causes == arrived.causes
    assert account.n_records == len(lines) == len(EVENTS) + arrived.duplicates + len(arrived.bad)


@settings(max_examples=150)
@given(
    kind=st.sampled_from(sorted(KINDS)), number=st.integers(0, len(EVENTS) - 1), seed=st.integers(0, 2**32)
)
def test_no_spoiled_record_is_accepted(kind: str, number: int, seed: int) -> None:
    """Whatever event it is made from, a bad record is one line and is refused with its cause."""
    line = spoil(EVENTS[number], kind, Random(seed))
    assert line.strip()
    assert b"\n" not in line
    effects = Effects()
    good = decode([history.record("f", 1, line)], NOW_MS, effects)
    assert good.events == []
    assert effects.causes == Counter([KINDS[kind].cause])


def test_rates_are_kept() -> None:
    """Counts are what the shares ask for, within chance; each is also what the file shows."""
    lines, account = _lines(LOUD)
    n = len(EVENTS)
    for share, count in (
        (LOUD.disorder, account.disordered),
        (LOUD.late, account.late),
        (LOUD.duplicates, account.duplicates),
        (LOUD.bad, len(account.bad)),
    ):
        assert abs(count - share * n) < 5 * np.sqrt(share * (1 - share) * n)
    assert account.lines == len(lines)
    bad = {each.line for each in account.bad}
    good = [line for number, line in enumerate(lines, 1) if number not in bad]
    assert sum(Counter(good).values()) - len(set(good)) == account.duplicates
    assert set(good) == {encode(event) for event in EVENTS}


def test_late_records_arrive_days_after_their_time() -> None:
    """What has arrived is newer than a late record by a day or more, than a disordered one by minutes."""
    for rates, low_s, high_s in ((Rates(late=0.1), 86_400, 15 * 86_400), (Rates(disorder=0.3), 1, 901)):
        behind, newest = [], 0.0
        for line in _lines(rates)[0]:
            at = decode_interaction(line).occurred_at.timestamp()
            behind.append(newest - at)
            newest = max(newest, at)
        late = [each for each in behind if each > 0]
        assert late
        assert max(late) <= high_s
        assert max(late) > low_s


def test_wrong_clocks_move_only_what_the_customers_device_stamps() -> None:
    """Half the customers' own events are off by up to half a day, all of one customer by the same amount."""
    lines, account = _lines(Rates(skew=0.5))
    told = {(e.customer_id, e.event_id): e for e in map(decode_interaction, lines)}
    shifts: dict[str, set[float]] = {}
    for event in EVENTS:
        shown = told[event.customer_id, event.event_id]
        by_s = (shown.occurred_at - event.occurred_at).total_seconds()
        assert msgspec.structs.replace(shown, occurred_at=event.occurred_at) == event
        if by_s:
            shifts.setdefault(event.customer_id, set()).add(by_s)
    assert 15 < len(shifts) < 45
    assert all(len(shift) == 1 and abs(max(shift)) <= SKEW_H * 3600 for shift in shifts.values())
    moved = [e for e in EVENTS if told[e.customer_id, e.event_id] != e]
    assert len(moved) == account.skewed
    assert {type(event).__name__ for event in moved} <= {"Engagement", "Survey", "Review", "Referral"}


def test_larger_crowd_begins_with_the_same_records() -> None:
    """What arrives of a customer does not depend on who else is there."""
    few = generate(10, 250, seed=4, end_ms=END_MS).events
    chosen = {event.customer_id for event in few}
    readable = Rates(disorder=0.3, late=0.1, duplicates=0.2, skew=0.3)
    among_many = [line for line in _lines(readable)[0] if decode_interaction(line).customer_id in chosen]
    assert among_many == _lines(readable, events=few)[0]


@pytest.mark.parametrize("name", ["disorder", "late", "duplicates", "skew", "bad"])
def test_rate_outside_its_domain_is_refused(name: str) -> None:
    """Rates come from people; a share over a half is a mistake."""
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert({name: 0.6}, Rates)
