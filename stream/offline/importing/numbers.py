"""Numbers as files write them."""

import math
import re
from collections.abc import Callable

from stream.offline.importing.mapping import Numbers
from stream.offline.importing.row import Refused

__all__ = ["Parse", "exact", "parser", "whole"]

Parse = Callable[[str], float]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
DECIMALS = (
    6  # what is computed of numbers with at most six decimals stays one, whatever order it was added in
)


def parser(written: Numbers) -> Parse:
    """Reads numbers written so; negative ones also as `(12.50)` or `12.50-`, as ledgers do.

    The function it returns raises `Refused` for what is no finite number.
    """
    gone = {ord(mark): None for mark in written.remove + written.thousands}
    point = written.decimal

    def parse(text: str) -> float:
        plain = text.translate(gone).strip() if gone else text
        if point != ".":
            if "." in plain:  # with another decimal mark a point is a mistake, never a decimal
                raise Refused("not_a_number", f"{_short(text)} has a '.', and the decimal mark is {point!r}")
            plain = plain.replace(point, ".")
        if plain.startswith("(") and plain.endswith(")"):
            plain = f"-{plain[1:-1]}"
        elif plain.endswith("-"):
            plain = f"-{plain[:-1]}"
        if not _NUMBER.fullmatch(plain):
            raise Refused("not_a_number", f"{_short(text)} is not a number")
        number = float(plain)
        if not math.isfinite(number):
            raise Refused("not_a_number", f"{_short(text)} is not finite")
        return number

    return parse


def exact(number: float) -> float:
    """A computed number without the dust of binary fractions: 2.55 x 6 is 15.3."""
    return round(number, DECIMALS)


def whole(number: float) -> int:
    """A number that must be a whole one, `3.0` as well as `3`.

    Raises:
        Refused: it is not.
    """
    if number != int(number):
        raise Refused("not_a_number", f"{number:g} is not a whole number")
    return int(number)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
