"""What the engine asks of the pipeline: one pure call per transaction, and nothing of its inside."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Raw

from stream.model.drift import Sums
from stream.pipeline import Effects
from stream.state.storm import Storm

__all__ = ["Pipeline", "Table"]


class Table(Protocol):
    """One partition's rows in memory: a cache of the changelog."""

    watermark_ms: int
    storm: Storm
    rules: dict[str, Raw]
    partition: int

    def __len__(self) -> int:
        """Customers held; counted into the position row and compared with it after a restore."""
        ...

    @property
    def n_rows(self) -> int:
        """Rows that a sweep covers."""
        ...

    def load(self, keys: Sequence[bytes], values: Sequence[bytes | None], /) -> None:
        """Rows in log order; later wins, None deletes. StateError on another layout or torn bytes."""
        ...


class Pipeline(Protocol):
    """`stream.pipeline.Pipeline`, or a test's stand-in."""

    @property
    def statistics(self) -> str:
        """Hash of what shaped the rows; state of another is refused."""
        ...

    @property
    def model_version(self) -> str:
        """For the build information."""
        ...

    def new_table(self) -> Any:
        """An empty `Table`."""
        ...

    def step(
        self,
        table: Any,
        records: Sequence[Any],
        now_ms: int,
        /,
        *,
        wall_ms: int | None = None,
        commands: Sequence[Any] = (),
    ) -> Effects:
        """Apply records, then commands, scored at `now_ms`. Never raises on bad input, never waits."""
        ...

    def sweep(self, table: Any, start: int, stop: int, now_ms: int, /) -> Effects:
        """Score rows [start, stop) anew; effects of what moved, and of each risk once per horizon."""
        ...

    def due(self, table: Any, now_ms: int, /) -> Effects:
        """Score rows that time alone may have moved by now, some at a time; effects only of what moved."""
        ...

    def bands(self, table: Any, start: int, stop: int, /) -> Mapping[tuple[str, str], int]:
        """Customers of the rows [start, stop) by (score, band)."""
        ...

    def outcomes(self, table: Any, start: int, stop: int, /) -> Sums:
        """What came of published risks whose horizon is over, of the rows [start, stop); sums that add up."""
        ...
