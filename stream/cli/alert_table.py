"""Open alerts as people look at them: the chosen ones, the most pressing first, within 100 columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

from rich.cells import cell_len, set_cell_size

from schemas.alert import AlertV1, Severity
from stream.pipeline.times import to_ms
from stream.texts.alerts import state_words, why
from stream.texts.languages import Language

__all__ = ["Choice", "Chosen", "choose", "lines", "plain"]

WIDTH = 100
GAP = "  "
INDENT = "    "
COLUMNS = ("customer", "rule", "severity", "state", "since", "due", "owner", "trust", "risk")
RIGHT = frozenset({"since", "due", "trust", "risk"})
LEAST = {"customer": 12, "rule": 10, "owner": 8}
"""Columns that are cut when the table is too wide, and to what at most; the widest is cut first."""
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
HELD = "suppressed"
ALL = "all"
SPANS = ((86_400_000, "span_d"), (3_600_000, "span_h"), (60_000, "span_m"), (1000, "span_s"))


@dataclass(frozen=True, slots=True)
class Choice:
    """Which alerts are asked for; None asks for all.

    `state` None: all but those held back; "all": those too. `shadow`: also those of which nobody is told.
    """

    customer: str | None = None
    rule: str | None = None
    severity: str | None = None
    state: str | None = None
    segment: str | None = None
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """The alerts asked for, in order; how many more are `held` back, how many are of rules in `shadow`."""

    alerts: list[AlertV1]
    held: int
    shadow: int


def choose(alerts: Iterable[AlertV1], choice: Choice) -> Chosen:
    """Those asked for, in the order of `_pressing`; those held back by what is at risk."""
    fitting = [alert for alert in alerts if _fits(alert, choice)]
    told = [alert for alert in fitting if alert.mode == "live" or choice.shadow]
    found = [alert for alert in told if _state(alert, choice.state)]
    order = _at_risk if choice.state == HELD else _pressing
    held = 0 if choice.state in (HELD, ALL) else sum(alert.state == HELD for alert in told)
    return Chosen(sorted(found, key=order), held, len(fitting) - len(told))


def _fits(alert: AlertV1, choice: Choice) -> bool:
    wanted = (choice.customer, choice.rule, choice.severity, choice.segment)
    is_so = (alert.customer_id, alert.rule_id, alert.severity, alert.segment)
    return all(name in (None, own) for name, own in zip(wanted, is_so, strict=True))


def _state(alert: AlertV1, state: str | None) -> bool:
    return state == ALL or (alert.state != HELD if state is None else alert.state == state)


def _pressing(alert: AlertV1) -> tuple[int, float, int, str]:
    """Severity, then what is at risk, then age."""
    return SEVERITIES.index(alert.severity), *_at_risk(alert)


def _at_risk(alert: AlertV1) -> tuple[float, int, str]:
    return -(alert.value_at_risk or 0.0), to_ms(alert.opened_at or alert.state_since), alert.dedup_key


def _cells(alert: AlertV1, now_ms: int, language: Language) -> list[str]:
    """One alert's texts, in the order of `COLUMNS`."""
    return [
        plain(alert.customer_id),
        plain(alert.rule_id),
        language.phrases[f"severity_{alert.severity}"],
        state_words(alert.state, language),
        _span(now_ms - to_ms(alert.state_since), language),
        _due(alert, now_ms, language),
        plain(alert.owner or "-"),
        "-" if alert.trust is None else f"{alert.trust:.1f}",
        "-" if alert.churn_risk is None else f"{alert.churn_risk:.2f}",
    ]


def lines(alerts: Sequence[AlertV1], now_ms: int, language: Language) -> list[str]:
    """A head, and two lines for each alert: its columns, and why; none wider than `WIDTH`, long ids aside."""
    heads = [language.phrases[f"alerts_{name}"] for name in COLUMNS]
    rows = [_cells(alert, now_ms, language) for alert in alerts]
    widths = _widths([heads, *rows])
    found = [_row(heads, widths)]
    for alert, row in zip(alerts, rows, strict=True):
        found.append(_row(row, widths))
        names = " ".join(row[:2]) if any(cell_len(row[i]) > widths[i] for i in (0, 1)) else ""
        said = ": ".join(part for part in (names, _why(alert, language)) if part)
        if said:  # names that were cut are there in full: they have to be typed
            found.append(INDENT + _cut(said, max(WIDTH - len(INDENT), cell_len(names) + 1)))
    return found


def _why(alert: AlertV1, language: Language) -> str:
    """Why it is held back, or how long it rests; then its first reason."""
    parts = why(alert, language)[:1]
    if alert.suppressed_by is not None and alert.state == HELD:
        parts.insert(0, language.phrases[f"held_{alert.suppressed_by}"])
    if alert.snooze is not None and alert.state == "snoozed":
        until = language.time(to_ms(alert.snooze.until))
        parts.insert(0, language.say("snoozed_by", time=until, author=alert.snooze.by))
    return plain(language.between.join(parts))


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Of the columns, so that the longest line fits; names are cut, nothing else."""
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    least = [LEAST.get(name) for name in COLUMNS]
    excess = sum(widths) + len(GAP) * (len(widths) - 1) - WIDTH
    for _ in range(excess):
        room = [
            (width, i)
            for i, (width, low) in enumerate(zip(widths, least, strict=True))
            if low and width > low
        ]
        if not room:
            break
        widths[max(room)[1]] -= 1
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for cell, width, name in zip(cells, widths, COLUMNS, strict=True):
        text = _cut(cell, width)
        pad = " " * (width - cell_len(text))
        parts.append(pad + text if name in RIGHT else text + pad)
    return GAP.join(parts).rstrip()


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1).rstrip() + "…"


def plain(text: str) -> str:
    """Text from outside without anything that moves a terminal's cursor or hides what follows."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _due(alert: AlertV1, now_ms: int, language: Language) -> str:
    if alert.due_at is None:
        return "-"
    left = to_ms(alert.due_at) - now_ms
    span = _span(abs(left), language)
    return span if left > 0 else language.say("late", span=span)


def _span(ms: int, language: Language) -> str:
    """A duration in the largest unit of which it has two."""
    unit, name = next(((unit, name) for unit, name in SPANS if ms >= 2 * unit), SPANS[-1])
    return language.say(name, n=max(ms, 0) // unit)
