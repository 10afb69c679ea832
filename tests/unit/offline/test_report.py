"""The page of a backtest: whole in itself, well formed, with every number of the table."""

import re
from functools import cache
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from stream.offline.backtest import Backtest
from stream.offline.backtest_table import table
from stream.offline.report import report_html
from stream.offline.svg import HEIGHT, WIDTH, Plot, ticks
from tests.unit.offline.test_backtest import HISTORY, ORIGIN, run

VOID = {"meta", "br"}
SPECIAL = "<script>alert(1)</script>&.jsonl"


@cache
def found() -> Backtest:
    return run(HISTORY, [ORIGIN, ORIGIN.back(60)], 60)


@cache
def page() -> str:
    return report_html(found(), 60, SPECIAL)


class _Reader(HTMLParser):
    """Collects tags, attributes and what is left open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_page_is_well_formed_and_has_every_part() -> None:
    """Each tag is closed in its order; five plots and two tables are there."""
    reader = _Reader()
    reader.feed(page())
    assert reader.open == []
    assert reader.tags.count("svg") == reader.tags.count("figure") == 5
    assert reader.tags.count("table") == 2
    assert "prefers-color-scheme:dark" in page()


def test_page_needs_no_network_and_runs_no_script() -> None:
    """No script, no link, no address, and a policy under which a browser would refuse them."""
    reader = _Reader()
    reader.feed(page())
    assert not {"script", "link", "img", "iframe", "object", "image", "use"} & set(reader.tags)
    assert not {"src", "href", "srcset", "onload", "style"} & {name for name, _ in reader.attributes}
    assert re.findall(r"https?:|url\(|@import", page()) == []
    assert "default-src 'none'" in page()


def test_page_shows_a_file_name_as_text() -> None:
    """A name that looks like HTML stays a name."""
    assert "&lt;script&gt;" in page()
    assert "<script" not in page()


def test_page_has_the_numbers_of_the_table() -> None:
    """Every cell of the command's table of the first fold stands in the page, recency beside ours."""
    cells = re.findall(r"<td>([^<]*)</td>", page())
    for line in table(found().folds[0])[1:]:
        assert all(cell in cells for cell in re.split(r"\s{2,}", line.strip()))
    assert {"kizuna", "recency"} <= set(cells)


def test_plots_stay_inside_their_frame() -> None:
    """Every svg is well-formed XML, says what it shows, and draws nothing outside itself."""
    for text in re.findall(r"<svg.*?</svg>", page(), re.DOTALL):
        root = ElementTree.fromstring(text)
        assert root.get("aria-label") == (root.findtext("title") or "")
        for line in root.iter("polyline"):
            points = [tuple(map(float, each.split(","))) for each in (line.get("points") or "").split()]
            assert points
            assert all(-0.1 <= x <= WIDTH + 0.1 and -0.1 <= y <= HEIGHT + 0.1 for x, y in points)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 39, [0, 10, 20, 30]),
        (0, 0, [0]),
        (0.7, 1, [0.7, 0.8, 0.9, 1.0]),
    ],
)
def test_ticks_are_round_numbers_inside(low: float, high: float, expected: list[float]) -> None:
    """About five, none beyond the ends."""
    assert ticks(low, high) == pytest.approx(expected)


def test_a_plot_leaves_out_what_is_no_number() -> None:
    """A point that is nan is not drawn; the line goes on after it."""
    plot = Plot("t", "x", "y")
    plot.line([(0.0, 0.0), (0.5, float("nan")), (1.0, 1.0)], "ours", "a & b")
    assert "nan" not in plot.svg()
    assert "a &amp; b" in plot.svg()


def test_page_says_how_many_alerts_there_would_be() -> None:
    """Alerts of the horizon, how steady they are, and that nobody answered, even where no truth is known."""
    counted = found().quality
    assert counted is not None
    assert f"{counted.alerts:,} alerts in the horizon" in page()
    assert "no acknowledgements in this log" in page()
