"""Our engine around a core that only decodes: the ceiling of what any model inside it can reach.

Fetched, decoded and checked by the worker's own code; the position committed in transactions as always. No
rows, no scores, no alerts.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from stream.bootstrap import run_worker
from stream.config import load
from stream.engine.contract import Table
from stream.errors import KizunaError
from stream.model.drift import Sums
from stream.pipeline import Effects
from stream.pipeline.decode import decode
from stream.state.storm import Storm


class NoTable:
    """Remembers nobody."""

    def __init__(self) -> None:
        self.watermark_ms = 0
        self.storm = Storm()
        self.rules: dict[str, Raw] = {}
        self.partition = 0
        self.n_rows = 0

    def __len__(self) -> int:
        return 0

    def load(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        """There are no rows to restore."""


class NullPipeline:
    """Decodes and counts."""

    statistics = "null"
    model_version = "null"

    def new_table(self) -> Table:
        return NoTable()

    def step(
        self,
        _table: NoTable,
        records: Sequence[Any],
        now_ms: int,
        *,
        wall_ms: int | None = None,
        commands: Sequence[Any] = (),  # noqa: ARG002 - named by the contract
    ) -> Effects:
        effects = Effects()
        decoded = decode(records, now_ms if wall_ms is None else wall_ms, effects)
        # Progress is read from the worker's own counter; telling types apart is not this core's job.
        effects.outcomes["unknown", "scored"] += len(decoded.events)
        return effects

    def sweep(self, _table: NoTable, _start: int, _stop: int, _now_ms: int) -> Effects:
        return Effects()

    def due(self, _table: NoTable, _now_ms: int) -> Effects:
        return Effects()

    def bands(self, _table: NoTable, _start: int, _stop: int) -> Mapping[tuple[str, str], int]:
        return {}

    def outcomes(self, _table: NoTable, _start: int, _stop: int) -> Sums:
        return Sums.zero()


if __name__ == "__main__":
    try:
        code = run_worker(load(), NullPipeline())
    except KizunaError as error:
        sys.stderr.write(f"error: {error}\nnext: {error.hint}\n")
        code = error.exit_code
    sys.exit(code)
