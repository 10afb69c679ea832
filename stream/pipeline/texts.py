"""JSON text of published values, made once per value: they are rounded, so the same ones come again.

The texts are msgspec's own, so a record put together of them has the bytes that its struct would have.
"""

from collections.abc import Iterable

import msgspec
import numpy as np
from numpy.typing import NDArray

__all__ = ["Texts", "id_texts"]

MOST = 100_000
"""Texts remembered per field; some 100 bytes each."""

ESCAPED = bytes(range(0x20)) + b'"\\'

_json = msgspec.json.encode


class Texts(dict[float | int | str | None, bytes]):
    """A field's name and value as they stand in the record, by value. Do not mix ints with floats.

    Args:
        before: bytes in front of each value's text.
    """

    def __init__(self, before: bytes) -> None:
        super().__init__()
        self._before = before

    def __missing__(self, value: float | int | str | None) -> bytes:
        if len(self) >= MOST:
            self.clear()
        text = self[value] = self._before + _json(value)
        return text

    def of(self, values: Iterable[float | int | str | None]) -> list[bytes]:
        """Text of each value."""
        return list(map(self.__getitem__, values))

    def of_array(self, values: NDArray[np.float64]) -> list[bytes]:
        """Text of each number; null where it is nan."""
        missing = np.isnan(values)
        if not missing.any():
            return self.of((values + 0.0).tolist())  # -0.0 becomes 0.0
        some = (values + 0.0).astype(object)
        some[missing] = None
        return self.of(some.tolist())


def id_texts(keys: list[bytes]) -> list[bytes]:
    """Customer ids, UTF-8, as JSON strings without their quotes."""
    joined = b"".join(keys)
    if len(joined.translate(None, ESCAPED)) == len(joined):
        return keys
    return [_json(key.decode())[1:-1] for key in keys]
