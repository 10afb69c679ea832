"""Laws of an import: nothing vanishes, the order of rows changes nothing, same files same bytes."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.errors import DataError
from stream.offline.importing.spool import Made, Spool
from tests.unit.offline.importing.imported import PURCHASE, imported, one

ROWS = st.lists(
    st.tuples(
        st.integers(1, 8),
        st.sampled_from(["anna", "bert", ""]),
        st.sampled_from(["2026-01-02", "2026-01-03", "x", "1980-01-01"]),
        st.sampled_from(["1", "2.5", "-3", "", "z"]),
    ),
    max_size=25,
)
TWO_RULES = PURCHASE.replace(
    "[event.fields]", 'where = [{ column = "who", empty = false }]\n[event.fields]'
) + PURCHASE.replace("{id}", "r{id}").replace('"purchase"', '"refund"').replace("{money}", "1")


@given(ROWS)
@settings(max_examples=60)
def test_every_row_is_used_unwanted_or_refused(rows: list[tuple[int, str, str, str]]) -> None:
    """Rows add up; events and refusals add up to what the rules were asked for."""
    csv = "id,who,when,money\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    with TemporaryDirectory() as place:
        found = one(Path(place), csv, TWO_RULES)
    account = found.account
    assert account.n_rows == len(rows) == account.n_used + account.n_unwanted + account.n_refused
    asked = len(rows) + sum(who != "" for _, who, _, _ in rows)
    assert account.n_events + account.causes.total() == asked
    assert account.n_events == len(found.events)
    assert account.causes.total() == len(found.rejects)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3)), min_size=1, max_size=20), st.randoms())
@settings(max_examples=40)
def test_order_of_rows_does_not_change_the_set_of_events(
    rows: list[tuple[str, int]], chance: random.Random
) -> None:
    """Ids of rows without id, and sums of groups, are the same for a file in another order."""
    hashed = PURCHASE.replace('event_id = "{id}"\n', "").replace("{id}", "{who}")
    group = PURCHASE.replace("[event.fields]", 'group = ["who"]\n[event.fields]').replace(
        '"{money}"', '{ value = "{money}", collect = "sum" }'
    )
    mapping = hashed + group.replace("{id}", "g-{who}")
    lines = [f"{who},2026-01-02,{money / 10}\n" for who, money in rows]
    shuffled = lines.copy()
    chance.shuffle(shuffled)
    with TemporaryDirectory() as place:
        head = "who,when,money\n"
        found = [one(Path(place), head + "".join(each), mapping).out for each in (lines, shuffled)]
    assert sorted(found[0].splitlines()) == sorted(found[1].splitlines())


def test_same_files_and_mapping_give_the_same_bytes(tmp_path: Path) -> None:
    """Twice the same import, byte for byte; events by time, whatever the order of rows."""
    csv = "id,who,when,money\n" + "".join(f"{i},c{i % 7},2026-01-{i % 28 + 1:02},{i}\n" for i in range(500))
    first, second = one(tmp_path, csv), one(tmp_path, csv)
    assert first.out == second.out
    times = [event.occurred_at for event in first.events]
    assert times == sorted(times)


@pytest.mark.parametrize("run", [1, 3, 10, 1_000])
def test_spool_sorts_the_same_however_little_it_holds(tmp_path: Path, run: int) -> None:
    """Runs put aside and merged are one stable sort; a repeated identity is told from the first by time."""
    chance = random.Random(4)
    made = [Made(chance.randrange(20), chance.randrange(60), b"%d" % i, 0, i, 0) for i in range(80)]
    with Spool(tmp_path, run) as spool:
        for each in made:
            spool.take(each)
        given = list(spool.give())
    assert [each for each, _ in given] == sorted(made, key=lambda each: each.time_ms)
    seen: set[int] = set()
    for each, again in given:
        assert again == (each.identity in seen)
        seen.add(each.identity)
    assert list(tmp_path.iterdir()) == []


def test_shards_of_one_table_are_one_table(tmp_path: Path) -> None:
    """A table in two files gives what it gives in one; with other columns in the second it is no table."""
    head, rows = "id,who,when,money\n", [f"{i},c,2026-01-02,{i}\n" for i in range(10)]
    whole = imported(tmp_path, {"a.csv": head + "".join(rows)}, PURCHASE)
    parts = {"a.csv": head + "".join(rows[:4]), "b.csv": head + "".join(rows[4:])}
    assert imported(tmp_path, dict(parts), PURCHASE).out == whole.out
    parts["b.csv"] = "id,who,when,price\n"
    with pytest.raises(DataError, match=r"b\.csv has other columns"):
        imported(tmp_path, dict(parts), PURCHASE)


def test_file_left_out_by_a_condition_leaves_out_what_belongs_to_it(tmp_path: Path) -> None:
    """Reviews of orders that a condition leaves out are left out, not refused."""
    mapping = """
[files.orders]
key = "order"
where = [{ column = "kind", equals = "web" }]
[files.reviews]
[[event]]
type = "review"
from = "reviews"
[event.fields]
customer_id = "{orders.who}"
occurred_at = "2026-01-01"
rating = "{stars}"
order_id = "{order}"
"""
    files: dict[str, str | bytes] = {
        "orders.csv": "order,who,kind\n1,anna,web\n2,bert,shop\n",
        "reviews.csv": "order,stars\n1,5\n2,1\n3,1\n",
    }
    found = imported(tmp_path, files, mapping)
    assert [event.customer_id for event in found.events] == ["anna"]
    assert found.causes == [(4, "missing_value")]
    # Both orders are looked into or left out, one review each is used, left out, refused.
    account = found.account
    assert (account.n_rows, account.n_used, account.n_unwanted, account.n_refused) == (5, 2, 2, 1)
