"""Numbers, times and conditions as files have them: read as a person would, or refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.offline.importing.folds import FOLDS
from stream.offline.importing.mapping import Numbers
from stream.offline.importing.numbers import exact, parser
from stream.offline.importing.row import Refused
from stream.offline.importing.times import Move, moved, reader
from tests.unit.offline.importing.imported import PURCHASE, one

GERMAN = Numbers(decimal=",", thousands=".", remove="€ ")


@pytest.mark.parametrize(
    ("written", "text", "value"),
    [
        (Numbers(), "12.50", 12.5),
        (Numbers(), "-3", -3.0),
        (Numbers(), "+1e3", 1000.0),
        (Numbers(), ".5", 0.5),
        (Numbers(), "(12.50)", -12.5),
        (Numbers(), "12.50-", -12.5),
        (Numbers(thousands=","), "1,234,567.89", 1_234_567.89),
        (GERMAN, "1.234,50 €", 1234.5),
        (GERMAN, "(1.234,50 €)", -1234.5),
        (Numbers(decimal=",", thousands=" "), "1 234,5", 1234.5),
        (Numbers(remove="R$"), "R$7", 7.0),
    ],
)
def test_numbers_are_read_as_they_are_written(written: Numbers, text: str, value: float) -> None:
    """Decimal and thousands marks, currency signs, ledgers' negatives."""
    assert parser(written)(text) == value


@pytest.mark.parametrize("text", ["1.5", "1,2,3", "--1", "1e", "½", "١٢", "1 2", "nan", "Infinity", "1e400"])
def test_what_is_no_number_of_that_form_is_refused(text: str) -> None:
    """With a decimal comma a point is a mistake, not a decimal; digits are 0-9; no infinities."""
    with pytest.raises(Refused):
        parser(Numbers(decimal=","))(text)


@given(st.integers(-(10**8), 10**8), st.integers(1, 1000))
def test_products_have_no_binary_dust(cents: int, n: int) -> None:
    """A price in cents times a number of pieces is a number of cents."""
    assert exact(cents / 100 * n) == round(cents * n / 100, 6)


@pytest.mark.parametrize(
    ("form", "zone", "text", "utc"),
    [
        ("iso", "UTC", "2026-01-02", "2026-01-02T00:00"),
        ("iso", "Asia/Tokyo", "2026-01-02 09:30:00", "2026-01-02T00:30"),
        ("iso", "Asia/Tokyo", "2026-01-02T09:30:00+01:00", "2026-01-02T08:30"),
        ("%d/%m/%Y %H:%M", "Europe/London", "01/07/2026 08:26", "2026-07-01T07:26"),
        ("%Y%m%d", "UTC", "20150930", "2015-09-30T00:00"),
        ("%d.%m.%y", "UTC", "24.12.25", "2025-12-24T00:00"),
        ("epoch_s", "Asia/Tokyo", "1767312000", "2026-01-02T00:00"),
        ("epoch_ms", "UTC", "1767312000000.0", "2026-01-02T00:00"),
        ("excel", "UTC", "40513.5", "2010-12-01T12:00"),
        ("iso", "Europe/Berlin", "2026-03-29 02:30", "2026-03-29T01:30"),  # skipped by the clocks
        ("iso", "Europe/Berlin", "2026-10-25 02:30", "2026-10-25T00:30"),  # twice on the clocks
    ],
)
def test_times_are_read_in_their_form_and_zone(form: str, zone: str, text: str, utc: str) -> None:
    """A time that says its zone keeps it, the others are meant there; serials and epochs too."""
    assert reader(form, zone)(text) == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_first_format_that_reads_a_time_counts() -> None:
    """Of several formats, in their order."""
    read = reader(["iso", "%d/%m/%Y"], "UTC")
    assert (read("2026-02-01"), read("01/02/2026")) == (datetime(2026, 2, 1, tzinfo=UTC),) * 2
    with pytest.raises(Refused):
        read("02-2026")


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("01-31", 1, "02-28"), ("03-31", -1, "02-28"), ("01-15", 12, "01-15"), ("12-31", 2, "02-28"),
        ("05-31", 6, "11-30"),
    ],
)  # fmt: skip
def test_months_keep_the_day_where_they_can(start: str, months: int, end: str) -> None:
    """The last day of a long month becomes the last day of a short one."""
    time = moved(datetime.fromisoformat(f"2026-{start}T10:00:00+00:00"), [Move(months, "months")])
    assert f"{time:%m-%d %H}" == f"{end} 10"


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2099, 1, 1)),  # noqa: DTZ001 (the zone is set below)
    st.integers(-500, 500),
    st.integers(-10_000, 10_000),
)
def test_moves_add_up(start: datetime, months: int, days: int) -> None:
    """Months first, then days; two moves of a unit are one; a year is twelve months."""
    time = start.replace(tzinfo=UTC)
    both = moved(time, [Move(days, "days"), Move(months, "months")])
    assert both == moved(time, [Move(months, "months")]) + timedelta(days=days)
    assert moved(time, [Move(months, "months"), Move(-months, "months")]) == time
    assert moved(time, [Move(months, "years")]) == moved(time, [Move(12 * months, "months")])


def test_parts_of_months_and_the_end_of_the_calendar_are_refused() -> None:
    """Half a month has no length; year 10,000 does not exist."""
    for moves in ([Move(1.5, "months")], [Move(9_000, "years")], [Move(1e9, "days")]):
        with pytest.raises(Refused):
            moved(datetime(2026, 1, 1, tzinfo=UTC), moves)


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ('equals = 2', "b"),
        ('equals = "2.0"', "b"),
        ('equals = false', ""),
        ('not_equals = 2', "acde"),
        ('in = [1, "x"]', "ae"),
        ('not_in = [1, "x"]', "bcd"),
        ('empty = true', "d"),
        ('empty = false', "abce"),
        ('matches = "^-"', "c"),
        ('not_matches = "^-"', "abde"),
        ('in = [1, 2], above = 1', "b"),
    ],
)  # fmt: skip
def test_conditions_keep_the_rows_they_name(tmp_path: Path, condition: str, kept: str) -> None:
    """Numbers equal as numbers, text as text; nothing is neither above nor below; all of it must hold."""
    mapping = PURCHASE.replace("[event.fields]", f'where = [{{ column = "n", {condition} }}]\n[event.fields]')
    csv = "id,n,who,when,money\n" + "".join(
        f"{name},{n},x,2026-01-01,1\n" for name, n in zip("abcde", ("1", "2.0", "-3", "", "x"), strict=True)
    )
    found = one(tmp_path, csv, mapping)
    assert "".join(event.event_id for event in found.events) == kept
    assert found.rejects == []


@pytest.mark.parametrize(
    ("condition", "kept"),
    [("above = 1", "b"), ("at_least = 1", "ab"), ("below = 1", "c"), ("at_most = 1", "ac")],
)
def test_bounds_refuse_what_is_no_number(tmp_path: Path, condition: str, kept: str) -> None:
    """A row that cannot be compared is refused, not left out: it may be one that was wanted."""
    mapping = PURCHASE.replace("[event.fields]", f'where = [{{ column = "n", {condition} }}]\n[event.fields]')
    csv = "id,n,who,when,money\n" + "".join(
        f"{name},{n},x,2026-01-01,1\n" for name, n in zip("abcde", ("1", "2.0", "-3", "", "x"), strict=True)
    )
    found = one(tmp_path, csv, mapping)
    assert "".join(event.event_id for event in found.events) == kept
    assert found.causes == [(6, "not_a_number")]


@pytest.mark.parametrize(
    ("fold", "values", "whole"),
    [
        ("first", [3, 1, 2], 3), ("last", [3, 1, 2], 2), ("sum", [0.1] * 10, 1.0), ("sum", [3, 4], 7),
        ("mean", [1.0, 2.0], 1.5), ("min", [3, 1, 2], 1), ("max", [3, 1, 2], 3), ("count", ["a", "a"], 2),
        ("distinct", ["a", "b", "a"], 2), ("list", ["b", "a", "b"], ("b", "a", "b")),
        ("set", ["b", "a", "b"], ("a", "b")),
    ],
)  # fmt: skip
def test_several_values_become_one(fold: str, values: list[Any], whole: object) -> None:
    """Each word of `collect`, by hand."""
    state = None
    for value in values:
        state = FOLDS[fold].add(state, value)
    assert FOLDS[fold].done(state) == whole


@pytest.mark.parametrize("said", ["True", "true", "TRUE"])
def test_true_is_true_however_it_is_spelt(tmp_path: Path, said: str) -> None:
    """As Python, R and spreadsheets write it."""
    mapping = PURCHASE.replace("[event.fields]", 'where = [{ column = "n", equals = true }]\n[event.fields]')
    found = one(tmp_path, f"id,n,who,when,money\n1,{said},x,2026-01-01,1\n2,no,x,2026-01-01,1\n", mapping)
    assert [event.event_id for event in found.events] == ["1"]


def test_values_that_are_not_in_a_map_are_refused_unless_there_is_an_otherwise(tmp_path: Path) -> None:
    """A new status in next month's table must not pass for an old one."""
    mapped = '{ value = "{what}", map = { r = "refund", b = "return" } }'
    rule = PURCHASE.replace('"purchase"', '"refund"').replace('"EUR"', f'"EUR"\nkind = {mapped}')
    csv = "id,who,when,money,what\n" + "".join(
        f"{i},a,2026-01-01,1,{what}\n" for i, what in enumerate(("r", "b", "new", ""), start=1)
    )
    found = one(tmp_path, csv, rule)
    assert [event.kind for event in found.events] == [
        "refund",
        "return",
        "refund",
    ]  # absent: the contract's default
    assert found.causes == [(4, "not_in_map")]
    calm = one(tmp_path, csv, rule.replace('"return" } }', '"return" }, otherwise = "return" }'))
    assert [event.kind for event in calm.events] == ["refund", "return", "return", "return"]
