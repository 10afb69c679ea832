"""Mappings that are wrong: refused before anything is read, with key, line and reason."""

from pathlib import Path

import pytest

from stream.errors import ConfigError
from stream.offline.importing.mapping_file import load, parse, shipped
from tests.unit.offline.importing.imported import GOOD, PURCHASE, imported, one

README = Path(__file__).parents[4] / "stream/offline/importing/README.md"


@pytest.mark.parametrize(
    ("change", "where", "reason"),
    [
        (("type =", "tpye ="), "line 3, event[0].tpye", "no such key"),
        (('"{money}"', "[1]"), "line 8, event[0].fields.amount", "Expected"),
        (('"{money}"', "{ valeu = 1 }"), "line 8, event[0].fields.amount.valeu", "no such key"),
        (
            ('"{money}"', "{ scale = 2 }"),
            "line 8, event[0].fields.amount",
            "give either `value` or `product`",
        ),
        (
            ('"{money}"', '{ value = "{money}", collect = "median" }'),
            "line 8, event[0].fields.amount.collect",
            "'median'",
        ),
        (
            ("[event.fields]", "[files.a]\nquoet = '1'\n[event.fields]"),
            "line 5, files.a.quoet",
            "no such key",
        ),
    ],
)
def test_key_that_is_not_of_a_mapping_is_named(change: tuple[str, str], where: str, reason: str) -> None:
    """A misspelt key, a value of another type, two origins of one value: which key, on which line."""
    with pytest.raises(ConfigError) as caught:
        parse(PURCHASE.replace(*change), "map.toml")
    assert f"map.toml {where}" in str(caught.value)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("change", "where", "reason"),
    [
        (('"purchase"', '"buy"'), "line 3, event[0].type", "there is no interaction 'buy'"),
        (('"EUR"', '"EUR"\ncolour = "red"'), "line 10, event[0].fields.colour", "has no such field"),
        (('currency = "EUR"\n', ""), "line 4, event[0].fields", "`currency` is missing"),
        (
            ('"{when}"', '{ value = "{when}", zone = "Mars/Base" }'),
            "line 7, event",
            "no time zone 'Mars/Base'",
        ),
        (('"{when}"', '{ value = "{when}", format = "%Q" }'), "line 7, event", "'%Q'"),
        (('"{when}"', '{ value = "{when}", format = "dmy" }'), "line 7, event", "no time format"),
        (('"{when}"', '{ value = "{when}", format = "%d/%m" }'), "line 7, event", "has no year"),
        (('"{who}"', '{ value = "{who}", scale = 2 }'), "line 6, event", "make numbers"),
        (('"{money}"', '{ value = "{money}", collect = "sum" }'), "line 8, event", "needs a `group`"),
        (('"{money}"', '"{@money}"'), "line 8, event", "there are {@line}"),
        (
            ('type = "purchase"', 'type = "purchase"\nwhere = [{ column = "x", empty = true }]'),
            "line 4, event[0].where",
            "no column 'x'",
        ),
        (('type = "purchase"', 'type = "purchase"\nfrom = "sales"'), "line 4, event[0].from", "'sales'"),
    ],
)
def test_mapping_that_does_not_fit_says_key_line_and_reason(
    tmp_path: Path, change: tuple[str, str], where: str, reason: str
) -> None:
    """Types, fields, zones, formats, columns: found before a row is read."""
    assert change[0] in PURCHASE
    with pytest.raises(ConfigError) as caught:
        one(tmp_path, GOOD, PURCHASE.replace(*change))
    assert f"map.toml {where}" in str(caught.value)
    assert reason in str(caught.value)
    assert caught.value.hint


def test_line_is_that_of_the_right_rule(tmp_path: Path) -> None:
    """Of two rules with the same fields the one that is wrong is named."""
    second = PURCHASE.replace("{money}", "{cash}").replace("{id}", "{id}-2")
    with pytest.raises(ConfigError, match=r"line 17, event\[1\]\.fields\.amount"):
        one(tmp_path, GOOD, PURCHASE + second)


def test_constant_that_the_contract_does_not_know_is_refused(tmp_path: Path) -> None:
    """A status outside its list fails at once, in a map too, not once per row."""
    mapping = """
[[event]]
type = "subscription"
[event.fields]
customer_id = "{who}"
occurred_at = "2026-01-01"
subscription_id = "{who}"
status = { value = "{churn}", map = { Yes = "canceled", No = "renewed" } }
"""
    with pytest.raises(ConfigError, match=r"line 8.*'canceled' is none of cancel_requested, cancelled"):
        one(tmp_path, "who,churn\na,Yes\n", mapping)


def test_condition_must_ask_something_and_be_a_pattern() -> None:
    """An empty condition would let all pass; a broken pattern none."""
    for inside, says in (
        ('column = "a"', "asks nothing"),
        ('column = "a", matches = "("', "regular expression"),
    ):
        with pytest.raises(ConfigError, match=says):
            parse(f"event = [{{ type = 'purchase', fields = {{}}, where = [{{ {inside} }}] }}]", "m")


def test_text_that_is_no_toml_names_its_line() -> None:
    """The parser's own line and column."""
    with pytest.raises(ConfigError, match=r"map\.toml: not TOML: .*line 2"):
        parse("a = 1\nb = = 2\n", "map.toml")


def test_unknown_mapping_lists_what_ships(tmp_path: Path) -> None:
    """Neither a file nor a shipped name."""
    with pytest.raises(ConfigError, match="no-such") as caught:
        load("no-such")
    assert all(name in caught.value.hint for name in shipped())


def test_files_and_entries_must_find_each_other(tmp_path: Path) -> None:
    """A file that no entry is for, and an entry without file, are both named."""
    mapping = '[files.orders]\nmatch = "*orders*"\n' + PURCHASE.replace("type =", 'from = "orders"\ntype =')
    with pytest.raises(ConfigError, match=r"people\.csv is none of the files"):
        imported(tmp_path, {"orders.csv": GOOD, "people.csv": GOOD}, mapping)
    other = mapping.replace("[[event]]", '[files.people]\nkey = "id"\n[[event]]', 1)
    with pytest.raises(ConfigError, match=r"needs a file like \*people\*"):
        imported(tmp_path, {"orders.csv": GOOD}, other)


def test_every_mapping_in_the_readme_is_one() -> None:
    """What people copy works."""
    blocks = README.read_text(encoding="utf-8").split("```toml\n")[1:]
    assert len(blocks) >= 2
    for block in blocks:
        parse(block.split("```")[0], "README")
