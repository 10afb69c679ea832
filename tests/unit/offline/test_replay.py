"""A replay is the live code: however it is cut, whoever drives it, the same customers come out."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from schemas.codec import decode_interaction, decode_score, encode
from schemas.interaction import LATEST, TYPES
from stream.alerts import rules
from stream.errors import ConfigError, DataError
from stream.model import parameters
from stream.offline import history
from stream.offline.generate import generate
from stream.offline.history import NO_TIME
from stream.offline.replay import Replay, replay, scores_at
from stream.offline.shift import TIME_FIELDS, last_time, shifted
from stream.pipeline import DeadLetter, FileRecord, Pipeline

DAY_MS = 86_400_000
END_MS = 1_767_225_600_000
HISTORY = generate(90, 150, seed=3, end_ms=END_MS)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(parameters.load(), rules.load(), clock="event")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The history as a file."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(encode(event) + b"\n" for event in HISTORY.events))
    return path


def _values(pipeline: Pipeline, account: Replay) -> dict[str, tuple[float, float | None]]:
    scores = map(decode_score, scores_at(pipeline, account.table, account.as_of_ms))
    return {score.customer_id: (score.trust, score.churn_risk) for score in scores}


def test_scores_do_not_depend_on_how_the_file_is_cut(pipeline: Pipeline, file: Path) -> None:
    """Steps of 1, 7 and 5,000 records publish the same trust and churn risk of everybody."""
    accounts = [replay(pipeline, history.read(file), now_ms=END_MS, batch=size) for size in (1, 7, 5_000)]
    values = [_values(pipeline, account) for account in accounts]
    assert len(values[0]) == 90
    assert values[0] == values[1] == values[2]


def test_people_act_once_after_each_sweep_however_the_file_is_cut(pipeline: Pipeline, file: Path) -> None:
    """Steps of 1, 7 and 5,000 records: asked at the same times, each of them the first moment of a period."""
    asked: list[list[int]] = []
    for size in (1, 7, 5_000):
        times: list[int] = []

        def people(time_ms: int, times: list[int] = times) -> Sequence[FileRecord]:
            times.append(time_ms)
            return ()

        replay(
            pipeline,
            history.read(file),
            now_ms=END_MS,
            batch=size,
            until_ms=END_MS + 60 * DAY_MS,
            people=people,
        )
        asked.append(times)
    periods = [time_ms // pipeline.sweep_every_ms for time_ms in asked[0]]
    assert asked[0] == asked[1] == asked[2]
    assert periods == sorted(set(periods))
    assert asked[0][-1] > END_MS


def test_replay_is_what_stepping_by_hand_gives(pipeline: Pipeline, file: Path) -> None:
    """The account counts exactly what `Pipeline.step` did, and leaves the same evidence."""
    account = replay(pipeline, history.read(file), now_ms=END_MS, batch=500)
    table, n_scores = pipeline.new_table(), 0
    records = list(history.read(file))
    for start in range(0, len(records), 500):
        n_scores += len(pipeline.step(table, records[start : start + 500], END_MS).scores)
    n_scores += len(pipeline.sweep(table, 0, table.n_rows, END_MS).scores)
    assert account.count("scored") == account.n_records == len(HISTORY.events)
    assert account.n_scores == n_scores
    mine, theirs = account.table, table
    assert list(mine.index) == list(theirs.index)
    assert mine.encode(np.arange(mine.n_rows)) == theirs.encode(np.arange(theirs.n_rows))


def test_later_events_do_not_reach_back(pipeline: Pipeline, file: Path, tmp_path: Path) -> None:
    """Scores as of T are those of a file that ends at T."""
    until_ms = END_MS - 60 * DAY_MS
    before = [event for event in HISTORY.events if event.occurred_at.timestamp() * 1000 <= until_ms]
    short = tmp_path / "short.jsonl"
    short.write_bytes(b"".join(encode(event) + b"\n" for event in before))
    cut = replay(pipeline, history.read(file), now_ms=END_MS, until_ms=until_ms)
    whole = replay(pipeline, history.read(short), now_ms=END_MS, until_ms=until_ms)
    assert cut.n_later == len(HISTORY.events) - len(before) > 0
    assert _values(pipeline, cut) == _values(pipeline, whole)
    assert cut.opened == whole.opened


def test_silence_after_the_last_event_is_scored(pipeline: Pipeline, file: Path) -> None:
    """With T half a year after the file's end, churn risk has risen and alerts have opened meanwhile."""
    at_end = replay(pipeline, history.read(file), now_ms=END_MS)
    later = replay(pipeline, history.read(file), now_ms=END_MS, until_ms=END_MS + 182 * DAY_MS)
    risks = [
        (now[1], then[1])
        for now, then in zip(
            _values(pipeline, at_end).values(), _values(pipeline, later).values(), strict=True
        )
    ]
    assert sum(then > now for now, then in risks if now is not None and then is not None) > 55
    assert later.opened.total() > at_end.opened.total()


def test_unreadable_lines_are_counted_with_their_line_and_cause(pipeline: Pipeline, tmp_path: Path) -> None:
    """Bad lines become dead letters that name the line; blank ones are nothing."""
    good = encode(HISTORY.events[0])
    lines = [good, b"{", b"", b"[1]", good.replace(b'"type":"', b'"type":"un'), b"\xff\xfe", good]
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"\n".join(lines))
    dead: list[tuple[bytes | None, bytes | None]] = []

    def bury(letters: Sequence[DeadLetter]) -> None:
        for letter in letters:
            headers = dict(letter.headers)
            dead.append((headers["kizuna.offset"], headers["kizuna.cause"]))

    account = replay(pipeline, history.read(path), now_ms=END_MS, on_dead=bury)
    assert dead == [
        (b"2", b"invalid_json"),
        (b"4", b"invalid_field"),
        (b"5", b"unknown_type"),
        (b"6", b"invalid_json"),
    ]
    assert (account.count("scored"), account.count("duplicate"), account.count("invalid")) == (1, 1, 4)


def test_missing_file_says_what_to_do(tmp_path: Path) -> None:
    """The path and the next step, not a traceback."""
    with pytest.raises(DataError, match=r"nothing\.jsonl") as caught:
        list(history.read(tmp_path / "nothing.jsonl"))
    assert "kizuna generate" in caught.value.hint


def test_time_fields_are_all_fields_that_hold_a_time() -> None:
    """A new field with a time must be moved too."""
    found = {
        field.encode_name
        for struct in TYPES.values()
        for field in msgspec.structs.fields(struct)
        if "datetime" in str(field.type)
    }
    assert found == set(TIME_FIELDS)


def test_shift_moves_every_time_and_nothing_else(file: Path) -> None:
    """All times by the same amount, and back again to the same events; unknown fields stay."""
    records = list(history.read(file))
    there = [shifted(record, 3 * DAY_MS) for record in records]
    assert last_time(there) == last_time(records) + 3 * DAY_MS
    back = [decode_interaction(shifted(record, -3 * DAY_MS).value or b"") for record in there]
    assert back == HISTORY.events
    odd = FileRecord(
        "f", 0, 1, END_MS, b"a", b'{"occurred_at":"2026-01-01T00:00:00Z","customer_id":"a","mine":1}'
    )
    assert b'"mine":1' in (shifted(odd, DAY_MS).value or b"")
    broken = FileRecord("f", 0, 1, NO_TIME, b"", b"{")
    assert shifted(broken, DAY_MS) == broken


@pytest.mark.parametrize(
    "field",
    [
        b'"mine":1e999',
        b'"mine":123456789012345678901234567890',
        b'"mine":0.10000000000000000000001',
        b'"mine":{"a": [1, 1.50]}',
        b'"due_at":"soon"',
        b'"due_at":null',
        b'"due_at":17',
    ],
)
def test_shift_keeps_the_bytes_of_what_it_does_not_move(tmp_path: Path, field: bytes) -> None:
    """Numbers that no double holds, and fields that are no time after all, come out as they went in."""
    path = tmp_path / "odd.jsonl"
    path.write_bytes(b'{"occurred_at":"2026-01-01T00:00:00Z","customer_id":"a",%b}' % field)
    (record,) = history.read(path)
    assert shifted(record, DAY_MS).value == (
        b'{"occurred_at":"2026-01-02T00:00:00Z","customer_id":"a",%b}' % field
    )


def test_time_that_cannot_be_moved_leaves_the_line_as_it_is(tmp_path: Path) -> None:
    """A shift past the last year there is does not end the run."""
    path = tmp_path / "far.jsonl"
    path.write_bytes(b'{"occurred_at":"9999-12-31T00:00:00Z","customer_id":"a"}')
    (record,) = history.read(path)
    assert shifted(record, 30 * DAY_MS) == record


def test_time_beyond_all_events_is_refused(pipeline: Pipeline, file: Path) -> None:
    """A mistyped year would sweep for ever; it is said before a line is read."""
    limit_ms = int(LATEST.timestamp() * 1000)
    with pytest.raises(ConfigError, match="2100") as caught:
        replay(pipeline, history.read(file), now_ms=END_MS, until_ms=limit_ms)
    assert "--as-of" in caught.value.hint
    assert replay(pipeline, iter(()), now_ms=END_MS, until_ms=limit_ms - 1).as_of_ms == limit_ms - 1
