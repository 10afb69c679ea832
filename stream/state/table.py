"""The customers of one partition: key index, rows, overflow. Memory is only a cache of the changelog."""

from collections.abc import Sequence

import numpy as np
from msgspec import Raw
from numpy.typing import NDArray

from stream.errors import StateError
from stream.model.columns import Ints
from stream.state.alerts import AlertSlots, Kept
from stream.state.keys import KeyIndex
from stream.state.layout import LAYOUT_VERSION, MAGIC, ROW, extend, grown, put, take
from stream.state.storm import Storm
from stream.state.tail import Tails

__all__ = ["CustomerTable"]

REBUILD = "to rebuild from the interactions start with another --app-id"


class CustomerTable:
    """Rows of one partition.

    Attributes:
        rows: structured array of capacity >= `n_rows`; only the first `n_rows` are in use or on the free
        list.
        tails: overflow by row number.
        alerts: the rows' alerts.
        index: row number by key.
        watermark_ms: highest event time applied, never back.
        storm: what of the partition's alerts was held back lately.
        rules: that the alerts were looked at under, by id (`alerts.taken_back`).
        ruled: version of the rules for which that was done; in memory only.
        partition: its number, for what is said about the partition as a whole.
    """

    def __init__(self, statistics: str) -> None:
        self.statistics = statistics
        self.rows: NDArray[np.void] = np.zeros(1024, ROW)
        self.tails = Tails()
        self.alerts = AlertSlots(len(self.rows))
        self.index = KeyIndex()
        self.watermark_ms = 0
        self.storm = Storm()
        self.rules: dict[str, Raw] = {}
        self.ruled = ""
        self.partition = 0
        self._blank = np.zeros((), ROW)
        self._blank["magic"], self._blank["layout"] = MAGIC, LAYOUT_VERSION
        self._blank["statistics"] = int(statistics, 16)
        self._blank["risk_e4"] = -1

    def __len__(self) -> int:
        """Number of customers."""
        return len(self.index)

    @property
    def n_rows(self) -> int:
        """Row numbers in use are below this."""
        return self.index.n_rows

    def rows_of(self, keys: Sequence[bytes]) -> Ints:
        """Row number of each key, new rows for new keys; shape (len(keys),).

        The row array may grow: hold no view of it across this call.
        """
        rows, fresh = self._rows_for(keys)
        if len(fresh):
            put(self.rows, fresh, np.full(len(fresh), self._blank))
        return rows

    def _rows_for(self, keys: Sequence[bytes]) -> tuple[Ints, Ints]:
        rows, fresh = self.index.rows_of(keys)
        if self.n_rows > len(self.rows):
            extend(self, "rows", grown(self.n_rows))
            self.alerts.grow(len(self.rows))
        return rows, fresh

    def remove(self, key: bytes) -> None:
        """Forget a customer; its row is used again. Unknown keys are ignored."""
        row = self.index.remove(key)
        if row is not None:
            self.tails.forget(row)
            self.alerts.forget(row)
            self.rows[row] = np.zeros((), ROW)

    def live(self, start: int, stop: int) -> Ints:
        """Row numbers in [start, stop) that hold a customer."""
        return self.index.live(start, stop)

    def key_list(self, rows: Ints) -> list[bytes]:
        """Keys of live rows."""
        return self.index.keys_of(rows)

    def encode(self, rows: Ints) -> list[bytes]:
        """Changelog value of each row: the row's bytes, and its overflow if it has one."""
        values: list[bytes] = take(self.rows, rows).view(f"V{ROW.itemsize}").tolist()
        further = self._with_tail(rows)
        if len(further):
            encoded = self.tails.encode(rows[further].tolist(), self.alerts.encode(rows[further]))
            for i, tail in zip(further.tolist(), encoded, strict=True):
                values[i] += tail
        return values

    def _with_tail(self, rows: Ints) -> Ints:
        """Which of some rows have more than their fixed bytes."""
        further = self.alerts.heads[rows] > 0
        if self.tails:
            overflows = [tail is not None and not tail.empty for tail in map(self.tails.get, rows.tolist())]
            further |= np.array(overflows, np.bool_)
        return np.flatnonzero(further)

    def load(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        """Bulk restore from changelog records in log order; a later value of a key wins, None forgets it.

        Raises:
            StateError: truncated bytes, another row layout or other statistics. The table is then unusable.
        """
        start = 0
        for i, value in enumerate(values):
            if value is None:
                self._load_rows(keys[start:i], values[start:i])
                self.remove(keys[i])
                start = i + 1
        self._load_rows(keys[start:], values[start:])

    def _load_rows(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        """Load rows, none of them forgotten, at once; a key may occur more than once."""
        present = [value for value in values if value is not None]
        if not present:
            return
        size = ROW.itemsize
        sizes = [len(value) for value in present]
        if min(sizes) < size:
            short = present[sizes.index(min(sizes))]
            self._check(np.frombuffer(short[:8].ljust(size, b"\0"), ROW))  # names another layout if it is one
            raise StateError(f"a state row has {len(short)} bytes, expected at least {size}", hint=REBUILD)
        plain = max(sizes) == size
        loaded = np.frombuffer(b"".join(present if plain else [value[:size] for value in present]), ROW)
        self._check(loaded)
        rows, _ = self._rows_for(keys)
        put(self.rows, rows, loaded)
        if plain and not self.tails and not len(self.alerts):
            return
        alerts: dict[int, Kept] = {}
        for row, value in zip(rows.tolist(), present, strict=True):
            if len(value) > size:
                alerts[row] = self.tails.decode(row, value[size:])
            else:
                self.tails.forget(row)
                alerts.pop(row, None)
        for row in rows[self.alerts.heads[rows] > 0].tolist():
            self.alerts.forget(row)
        self.alerts.load({row: kept for row, kept in alerts.items() if kept.n})

    def _check(self, loaded: NDArray[np.void]) -> None:
        if not (loaded["magic"] == MAGIC).all():
            raise StateError(
                "the changelog holds a value that is not a state row", hint="check --app-id and the topic"
            )
        layouts = np.unique(loaded["layout"])
        if set(layouts.tolist()) - {LAYOUT_VERSION}:
            raise StateError(
                f"stored rows have layout {layouts.tolist()}, this worker writes layout {LAYOUT_VERSION}",
                hint=REBUILD,
            )
        if not (loaded["statistics"] == int(self.statistics, 16)).all():
            other = f"{int(loaded['statistics'][loaded['statistics'] != int(self.statistics, 16)][0]):08x}"
            raise StateError(
                f"stored sums were made with statistics {other}, these parameters have {self.statistics}",
                hint="use the parameters that wrote them, or " + REBUILD,
            )
