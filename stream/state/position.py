"""The position row: how far the sources were read when the rows beside it were written.

One per partition in the changelog, written in every transaction, so state and position come from one log. The
consumer group's offset is only for lag monitors.
"""

import msgspec

from stream.errors import StateError
from stream.state.storm import Storm

__all__ = ["POSITION_KEY", "Position"]

POSITION_KEY = b"\0position"


class Position(msgspec.Struct, frozen=True):
    """Where one partition stands.

    Attributes:
        offsets: next offset to read of each source topic.
        watermark_ms: highest event time applied, 0 if none.
        statistics: `Parameters.statistics_hash` that shaped the sums.
        layout: `layout.LAYOUT_VERSION` of the rows.
        worker: version of the worker that wrote it.
        customers: rows that the partition holds with this transaction; a changelog that holds another number
        lost some. None if it was not counted.
        storm: which alerts were held back lately; None if never.
        rules: that the alerts were looked at under, by id; None if an older worker wrote it.
    """

    offsets: dict[str, int]
    watermark_ms: int
    statistics: str
    layout: int
    worker: str
    customers: int | None = None
    storm: Storm | None = None
    rules: dict[str, msgspec.Raw] | None = None

    def encode(self) -> bytes:
        """JSON bytes, so that an operator can read them."""
        return msgspec.json.encode(self)

    @staticmethod
    def decode(data: bytes | None) -> "Position":
        """Inverse of `encode`.

        Raises:
            StateError: not a position row.
        """
        try:
            return msgspec.json.decode(data or b"", type=Position)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StateError(
                f"the changelog's position row cannot be read: {error}",
                hint="the topic was written by something else; check --app-id and the topic prefix",
            ) from error
