"""Times as files write them, to UTC."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from stream.offline.importing.row import Refused

__all__ = ["Move", "moved", "reader", "zone"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXCEL_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 (the zone is added after; serials carry none)
SECONDS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400, "weeks": 604_800}
MONTHS = {"months": 1, "years": 12}
CACHE = 100_000  # times repeat, days above all; parsing by strptime takes some 10 us

Read = Callable[[str], datetime]


class Move(NamedTuple):
    """So many units."""

    by: float
    unit: str


def zone(name: str) -> ZoneInfo:
    """A time zone by its name.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        if not available_timezones():
            raise ValueError(
                f"this machine has no time zones, {name!r} neither: install tzdata, or use UTC"
            ) from error
        raise ValueError(
            f"there is no time zone {name!r}; names are as in Europe/London, America/Sao_Paulo, UTC"
        ) from error


def reader(form: str | list[str], where: str) -> Read:
    """Reads times written so, without zone meant as there; the result is in UTC.

    Of several formats the first that reads a time counts.

    A local time that occurs twice (clocks turned back) is the earlier one, one that is skipped moves forward.
    The function it returns raises `Refused`.

    Raises:
        ValueError: unknown zone, or a format that reads nothing.
    """
    there = zone(where)
    raws = [_raw(each) for each in ([form] if isinstance(form, str) else form)]
    if not raws:
        raise ValueError("`format` names no format")

    @lru_cache(maxsize=CACHE)
    def read(text: str) -> datetime:
        for raw in raws:
            try:
                time = raw(text)
                return (time if time.tzinfo is not None else time.replace(tzinfo=there)).astimezone(UTC)
            except (ValueError, OverflowError):
                continue
        shown = text if len(text) <= 40 else text[:37] + "..."
        raise Refused("not_a_time", f"{shown!r} is not a time as {form!r}")

    return read


def _raw(form: str) -> Callable[[str], datetime]:
    if form == "iso":
        return datetime.fromisoformat
    if form == "epoch_s":
        return lambda text: EPOCH + timedelta(seconds=float(text))
    if form == "epoch_ms":
        return lambda text: EPOCH + timedelta(milliseconds=float(text))
    if form == "excel":
        return lambda text: EXCEL_ZERO + timedelta(days=float(text))
    if "%" not in form:
        raise ValueError(
            f"{form!r} is no time format: iso, epoch_s, epoch_ms, excel, or one with % as in %d/%m/%Y %H:%M"
        )
    _check(form)
    return lambda text: datetime.strptime(text, form)  # noqa: DTZ007 (the zone is added by the caller)


def _check(form: str) -> None:
    if unknown := re.search(r"%(?![aAbBcdfGHIjmMpSuUVwWxXyYzZ%]).?", form):
        raise ValueError(f"{unknown[0]!r} in {form!r} is not a directive of strptime")
    if not re.search(r"%[YycxG]", form):
        raise ValueError(f"{form!r} has no year")


def moved(time: datetime, moves: Sequence[Move]) -> datetime:
    """A time moved: first by months, the day kept where the month is long enough, then by the rest.

    Raises:
        Refused: months are not whole, or it leaves the calendar.
    """
    months = sum(move.by * MONTHS[move.unit] for move in moves if move.unit in MONTHS)
    rest = sum(move.by * SECONDS[move.unit] for move in moves if move.unit in SECONDS)
    if months != int(months):
        raise Refused("not_a_time", f"{months:g} months: only whole months move a time")
    try:
        if months:
            index = time.year * 12 + time.month - 1 + int(months)
            time = _on(time, index // 12, index % 12 + 1)
        return time + timedelta(seconds=rest)
    except (ValueError, OverflowError) as error:
        raise Refused("out_of_range", f"{time:%Y-%m-%d} moved by {months:g} months and {rest:g} s") from error


def _on(time: datetime, year: int, month: int) -> datetime:
    for day in (time.day, 30, 29, 28):
        if day <= time.day:
            try:
                return time.replace(year=year, month=month, day=day)
            except ValueError:
                continue
    raise ValueError(f"there is no month {month} of {year}")
