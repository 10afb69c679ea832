"""JSON text of published numbers, made once per number: they are rounded, so the same ones come again.

The texts are msgspec's own, so a record put together of them has the bytes that its struct would have.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.model.columns import Floats, Ints

__all__ = ["Numbers", "id_texts"]

NOTHING, NULL, FIRST = 0, 1, 2  # places in a table of texts

ESCAPED = bytes(range(0x20)) + b'"\\'

_json = msgspec.json.encode


class Numbers:
    """Texts of one field's numbers, ready in an array; a number outside the range is written when it comes.

    Args:
        before: bytes in front of each number, a field's name for example.
        digits: behind the point; with 0 the numbers are integers.
        low: least number with a ready text, in units of the last digit.
        high: greatest one.
        after: bytes behind each number.
    """

    def __init__(self, before: bytes, digits: int, low: int, high: int, after: bytes = b"") -> None:
        self._before, self._after = before, after
        self._unit, self._low, self._high = 10**digits, low, high
        self._texts = np.full(high - low + 1 + FIRST, b"", object)
        self._made = np.zeros(len(self._texts), np.bool_)
        self._texts[NULL] = before + b"null" + after
        self._made[:FIRST] = True

    def of(
        self, units: Ints, known: NDArray[np.bool_] | None = None, told: NDArray[np.bool_] | None = None
    ) -> list[bytes]:
        """Text of each number.

        Args:
            units: (n,) numbers in units of the last digit.
            known: (n,) where there is a number; elsewhere null.
            told: (n,) where anything is said at all; elsewhere no byte.
        """
        place = units - (self._low - FIRST)
        outside = (units < self._low) | (units > self._high)
        for mask, otherwise in ((known, NULL), (told, NOTHING)):
            if mask is not None:
                place = np.where(mask, place, otherwise)
                outside &= mask
        place[outside] = NOTHING
        if not self._made[place].all():
            self._make(np.unique(place[~self._made[place]]))
        texts: list[bytes] = self._texts[place].tolist()
        for i in np.flatnonzero(outside).tolist():
            texts[i] = self._text(int(units[i]))
        return texts

    def of_floats(self, values: Floats, told: NDArray[np.bool_] | None = None) -> list[bytes]:
        """Text of each value, rounded to the digits; null where it is nan."""
        known = ~np.isnan(values)
        units = np.rint(np.where(known, values, 0.0) * self._unit).astype(np.int64)
        return self.of(units, None if known.all() else known, told)

    def _make(self, places: Ints) -> None:
        for place in places.tolist():
            self._texts[place] = self._text(place + self._low - FIRST)
        self._made[places] = True

    def _text(self, units: int) -> bytes:
        return self._before + _json(units if self._unit == 1 else units / self._unit) + self._after


def id_texts(keys: list[bytes]) -> list[bytes]:
    """Customer ids, UTF-8, as JSON strings without their quotes."""
    joined = b"".join(keys)
    if len(joined.translate(None, ESCAPED)) == len(joined):
        return keys
    return [_json(key.decode())[1:-1] for key in keys]
