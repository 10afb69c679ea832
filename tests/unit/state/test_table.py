"""The table: restore gives back what was encoded, later values win, foreign bytes are refused."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given

from stream.alerts import rules
from stream.errors import StateError
from stream.model import parameters
from stream.pipeline import Pipeline
from stream.state.layout import LAYOUT_VERSION, ROW
from stream.state.table import CustomerTable
from tests.strategies import END_MS, Body, bodies, history, records

PIPELINE = Pipeline(parameters.load(), rules.load())


def table_of(found: list[Body]) -> CustomerTable:
    table = PIPELINE.new_table()
    PIPELINE.step(table, records(found), END_MS)
    return table


def content(table: CustomerTable) -> dict[bytes, bytes]:
    rows = table.live(0, table.n_rows)
    return dict(zip(table.key_list(rows), table.encode(rows), strict=True))


def restored(log: list[tuple[bytes, bytes | None]]) -> CustomerTable:
    table = PIPELINE.new_table()
    table.load([key for key, _ in log], [value for _, value in log])
    return table


@given(bodies(max_size=150, customers=2, types=["purchase", "ticket", "survey"], refs=9))
def test_restore_is_the_inverse_of_encode(found: list[Body]) -> None:
    """Rows with and without overflow come back to the bit."""
    stored = content(table_of(found))
    assert content(restored(list(stored.items()))) == stored


BUSY = history(1, 300, customers=3, types=["purchase", "ticket", "delivery"], refs=9)


def test_busy_history_overflows() -> None:
    """The histories of this file do reach the overflow, days and promises both."""
    tails = table_of(BUSY).tails.values()
    assert any(tail.days for tail in tails)
    assert any(tail.places for tail in tails)


def test_later_value_wins_and_its_overflow_with_it() -> None:
    """A key that comes twice in one load has the second row, and no overflow of the first."""
    busy, calm = content(table_of(BUSY)), content(table_of(BUSY[:6]))
    for first, second in ((busy, calm), (calm, busy)):
        loaded = content(restored([*first.items(), *second.items()]))
        assert loaded == first | second


def test_tombstone_forgets_and_the_row_is_used_again() -> None:
    """A removed customer is gone; the next new one starts from nothing in the freed row."""
    busy = content(table_of(BUSY))
    table = restored([*busy.items(), (b"c1", None), (b"never seen", None)])
    assert content(table) == {key: value for key, value in busy.items() if key != b"c1"}
    used = table.n_rows
    row = int(table.rows_of([b"new"])[0])
    assert table.n_rows == used
    fresh = PIPELINE.new_table()
    assert table.encode(np.array([row])) == fresh.encode(fresh.rows_of([b"new"]))


def test_thousands_of_customers_keep_their_rows_when_the_table_grows() -> None:
    """Growing copies every row."""
    found = [body | {"customer_id": f"c{i}"} for i, body in enumerate(history(2, 3000))]
    table = table_of(found)
    assert len(table) == 3000
    assert table.rows["events"][table.rows_of([b"c0", b"c1500", b"c2999"])].tolist() == [1, 1, 1]


def another(name: str, value: int) -> Callable[[bytes], bytes]:
    def change(data: bytes) -> bytes:
        row = np.frombuffer(data, ROW, 1).copy()
        row[name] = value
        return row.tobytes() + data[ROW.itemsize :]

    return change


REFUSED: dict[str, Callable[[bytes], bytes]] = {
    "layout": another("layout", LAYOUT_VERSION + 1),
    "statistics": another("statistics", 1),
    "not a state row": another("magic", 0),
    "expected at least": lambda data: data[:100],
    "not a state row ": lambda _: b"x" * ROW.itemsize,
    "another length": lambda data: data[:-1],
    "overflow header": lambda data: data[: ROW.itemsize + 3],
    "another length ": lambda data: data + b"\0\0",
}


@pytest.mark.parametrize("says", REFUSED)
@pytest.mark.parametrize("beside", ["rows with overflow", "plain rows"])
def test_foreign_or_torn_bytes_are_refused(says: str, beside: str) -> None:
    """Every kind of wrong bytes stops the restore with its reason and a next step."""
    busy = content(table_of(BUSY))
    wrong = REFUSED[says](busy[b"c0"])
    log = [(b"c1", busy[b"c1"]), (b"c0", wrong)]
    if beside == "plain rows" and len(wrong) >= ROW.itemsize:
        log = [(b"c1", busy[b"c1"][: ROW.itemsize]), (b"c0", wrong)]
    with pytest.raises(StateError, match=says.strip()) as refused:
        restored(list(log))
    assert refused.value.hint


def test_nothing_to_load_is_fine() -> None:
    """An empty changelog gives an empty table."""
    assert len(restored([])) == 0


def test_empty_value_is_refused() -> None:
    """No bytes are not a tombstone."""
    with pytest.raises(StateError):
        restored([(b"c0", b"")])


def test_nobody_has_no_scores() -> None:
    """A partition without customers is scored: no keys, no rows, no error."""
    keys, scores = PIPELINE.scores(PIPELINE.new_table(), END_MS)
    assert (keys, len(scores.trust.trust), len(scores.risk.churn_risk)) == ([], 0, 0)
