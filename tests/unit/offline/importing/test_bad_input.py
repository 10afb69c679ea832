"""Rows and files that are wrong in ways people have seen: refused by cause, with their line, never lost."""

import gzip
import io
from pathlib import Path

import pytest

from stream.errors import ConfigError, DataError
from stream.offline.importing.mapping_file import parse
from stream.offline.importing.run import Job, import_files
from stream.offline.importing.source import File, assign, rows
from tests.unit.offline.importing.imported import GOOD, PURCHASE, one


@pytest.mark.parametrize(
    ("money", "cause"),
    [
        ("nonsense", "not_a_number"),
        ("1_000", "not_a_number"),
        ("0x10", "not_a_number"),
        ("inf", "not_a_number"),
        ("-inf", "not_a_number"),
        ("1e999", "not_a_number"),
        ("1.234,50", "not_a_number"),
        ("NaN", "missing_value"),
        ("", "missing_value"),
        ("  ", "missing_value"),
        ("-5", "invalid_field"),
        ("1e12", "invalid_field"),
    ],
)
def test_amount_that_is_none_is_refused(tmp_path: Path, money: str, cause: str) -> None:
    """Not finite, negative, absurd or absent: the row is refused for its cause, its neighbours are not."""
    found = one(tmp_path, f'{GOOD}2,bert,2026-01-03,"{money}"\n3,carl,2026-01-04,30\n')
    assert [event.event_id for event in found.events] == ["1", "3"]
    assert found.causes == [(3, cause)]
    assert found.rejects[0]["row"] == {"id": "2", "who": "bert", "when": "2026-01-03", "money": money}


@pytest.mark.parametrize(
    ("when", "cause"),
    [
        ("yesterday", "not_a_time"),
        ("31/12/2025", "not_a_time"),
        ("2026-02-30", "not_a_time"),
        ("1969-12-31", "too_old"),
        ("0001-01-01", "too_old"),
        ("1989-12-31T23:59:59Z", "too_old"),
        ("2100-01-01", "too_future"),
        ("9999-12-31", "too_future"),
        ("9999-12-31T23:59:59-23:59", "not_a_time"),
        ("", "missing_value"),
    ],
)
def test_time_that_is_none_or_far_away_is_refused(tmp_path: Path, when: str, cause: str) -> None:
    """Not a time as the mapping has it, before 1990, from 2100 on, or beyond the calendar."""
    found = one(tmp_path, f"{GOOD}2,bert,{when},5\n")
    assert found.causes == [(3, cause)]
    assert len(found.events) == 1


SURVEY = """
[[event]]
type = "survey"
[event.fields]
event_id = "{id}"
customer_id = "{who}"
occurred_at = "2026-01-01"
instrument = "{what}"
score = "{score}"
"""


def test_unknown_instruments_and_scores_off_their_scale_are_refused(tmp_path: Path) -> None:
    """The contract speaks: instruments it knows, scores on their scale, whole numbers (also as 7.0)."""
    csv = "id,who,what,score\n1,a,nps,10\n2,a,nps,11\n3,a,csat,0\n4,a,stars,5\n5,a,nps,7.5\n6,a,ces2,7.0\n"
    found = one(tmp_path, csv, SURVEY)
    assert [(event.event_id, event.score) for event in found.events] == [("1", 10), ("6", 7)]
    assert found.causes == [
        (3, "invalid_field"),
        (4, "invalid_field"),
        (5, "invalid_field"),
        (6, "not_a_number"),
    ]
    assert "scale of csat" in found.rejects[1]["detail"]


def test_ragged_rows_are_refused_and_blank_lines_are_no_rows(tmp_path: Path) -> None:
    """Too few or too many fields: line, count, and what could be read; a blank line is nothing."""
    found = one(tmp_path, f"{GOOD}\n2,bert\n3,carl,2026-01-04,30,more\n\n4,dora,2026-01-05,40\n")
    assert found.causes == [(4, "ragged"), (5, "ragged")]
    assert found.rejects[0]["row"] == ["2", "bert"]
    assert (found.account.n_rows, found.account.n_used, found.account.n_refused) == (4, 2, 2)


def test_bytes_of_another_encoding_are_refused_only_where_they_matter(tmp_path: Path) -> None:
    """A name that cannot be read is no id; in a column that nobody uses it harms nothing."""
    csv = b"id,who,when,money,note\n1,J\xfcrgen,2026-01-02,1,x\n2,anna,2026-01-02,2,\xfc\n"
    found = one(tmp_path, csv)
    assert found.causes == [(2, "bad_encoding")]
    assert [event.customer_id for event in found.events] == ["anna"]
    latin = one(tmp_path, csv, f'[csv]\nencoding = "latin-1"\n{PURCHASE}')
    assert [event.customer_id for event in latin.events] == ["Jürgen", "anna"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(tmp_path: Path, encoding: str) -> None:
    """As Excel saves it: with a mark, in UTF-8 or UTF-16, compressed or not."""
    text = GOOD.replace("anna", "Zoë")
    for data in (text.encode(encoding), gzip.compress(text.encode(encoding))):
        (event,) = one(tmp_path, data).events
        assert event.customer_id == "Zoë"


def test_second_event_with_an_id_is_refused(tmp_path: Path) -> None:
    """Workers would drop it silently; of another customer it is another event."""
    found = one(tmp_path, f"{GOOD}1,anna,2026-01-01,99\n1,bert,2026-01-03,5\n1,anna,2026-01-04,7\n")
    assert [(event.customer_id, event.amount) for event in found.events] == [("anna", 99), ("bert", 5)]
    assert found.causes == [(2, "duplicate_id"), (5, "duplicate_id")]


def test_customers_with_several_currencies_are_counted(tmp_path: Path) -> None:
    """Amounts are added as they are: whoever mixes currencies has to be told."""
    mapping = PURCHASE.replace('"EUR"', '"{cur}"')
    rows = ["1,a,2026-01-01,1,EUR", "2,a,2026-01-02,1,USD", "3,b,2026-01-02,1,USD", "4,b,2026-01-02,1,EURO"]
    csv = "\n".join(["id,who,when,money,cur", *rows])
    found = one(tmp_path, csv, mapping)
    assert found.account.n_several_currencies == 1
    assert found.causes == [(5, "invalid_field")]


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("Money", "did you mean 'money'"),
        ("monee", "did you mean 'money'"),
        ("price", "the columns are: id, who, when, money"),
    ],
)
def test_wrong_column_says_which_there_are(tmp_path: Path, column: str, says: str) -> None:
    """Key, line of the mapping, the closest name or all of them."""
    with pytest.raises(ConfigError, match=r"map\.toml line 8, event\[0\]\.fields\.amount") as caught:
        one(tmp_path, GOOD, PURCHASE.replace("{money}", f"{{{column}}}"))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (gzip.compress(b""), "is empty"),
        (gzip.compress(GOOD.encode())[:-9], "is damaged"),
        (b"\x1f\x8bnonsense", "is damaged"),
        (b"PK\x03\x04\x14\x00sheet", "is an Excel or ZIP file"),
        (b"PAR1\x15\x04", "is a Parquet file"),
        (b"id,id,when,money\n", "several columns called 'id'"),
    ],
)
def test_file_that_cannot_be_read_stops_the_import(tmp_path: Path, data: bytes, says: str) -> None:
    """Nothing to count, so an error with the file's name and the next step."""
    with pytest.raises(DataError, match=says) as caught:
        one(tmp_path, data)
    assert caught.value.hint


def test_missing_file_and_directory_are_named(tmp_path: Path) -> None:
    """The path, and what the system says."""
    for name in ("nowhere.csv", "."):
        job = Job([tmp_path / name], parse(PURCHASE, "m"), PURCHASE, "m")
        with pytest.raises(DataError, match="cannot read"):
            import_files(job, io.BytesIO(), io.BytesIO(), tmp_path)


def test_full_disk_is_not_blamed_on_the_file_that_is_read(tmp_path: Path) -> None:
    """What fails while a row is dealt with is not a fault of the row's file."""
    (tmp_path / "rows.csv").write_text(GOOD)
    (file,) = assign([tmp_path / "rows.csv"], parse(PURCHASE, "m"))
    with pytest.raises(OSError, match="No space left"):
        _fill_the_disk(file)


def _fill_the_disk(file: File) -> None:
    with rows(file) as (_, found):
        for _row in found:
            raise OSError(28, "No space left on device")


def test_quote_that_is_never_closed_does_not_swallow_the_file_silently(tmp_path: Path) -> None:
    """What it swallows is refused, with the line on which it began."""
    rows = "".join(f"{i},c{i},2026-01-02,1\n" for i in range(2, 9_000))
    found = one(tmp_path, f'{GOOD}x,"bert,2026-01-02,1\n{rows}')
    assert found.rejects[0]["line"] == 3
    assert found.rejects[0]["cause"] in ("bad_csv", "ragged")
    assert found.account.n_refused >= 1


def test_group_that_breaks_the_contract_is_refused_once(tmp_path: Path) -> None:
    """Line items that add up to less than nothing: one refusal, where the group begins, with its size."""
    mapping = PURCHASE.replace('type = "purchase"', 'type = "purchase"\ngroup = ["id"]').replace(
        '"{money}"', '{ value = "{money}", collect = "sum" }'
    )
    found = one(tmp_path, f"{GOOD}2,bert,2026-01-03,5\n2,bert,2026-01-03,-9\n", mapping)
    assert found.causes == [(3, "invalid_field")]
    assert "group of 2 rows" in found.rejects[0]["detail"]


def test_repeat_that_is_no_count_is_refused(tmp_path: Path) -> None:
    """Negative, broken, absurd: no events, and a cause."""
    mapping = 'event = [{ type = "payment", repeat = "{n}", fields = { customer_id = "{who}", occurred_at = '
    mapping += '{ value = "2026-01-01", shift = [{ by = "{@n}" }] }, status = "succeeded" } }]\n'
    found = one(tmp_path, "who,n\na,2\nb,-1\nc,1.5\nd,99999\ne,\nf,0\n", mapping)
    assert [event.customer_id for event in found.events] == ["a", "a"]
    assert found.causes == [(line, "out_of_range") for line in (3, 4, 5, 6)]
