"""A pipeline that only counts, so that an oracle can say of every row and score what it must be.

A row is the number of a key's events and their sum. A score carries the count before and after and the sum:
the chain of a key's scores must join without a gap or a repeat. `b"bad"` is a dead letter, `b"boom"` a defect
of the core.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from stream.errors import StateError
from stream.model.drift import Sums
from stream.pipeline import DeadLetter, Effects
from stream.state.storm import Storm

ROW = struct.Struct("<4sqq")
SCORE = struct.Struct("<qqq")
MAGIC = b"cnt1"


def place(record: Any) -> bytes:
    """Where a record came from; outputs go to the same partition."""
    return f"{record.topic}@{record.offset}".encode()


class CountingTable:
    def __init__(self) -> None:
        self.rows: dict[bytes, tuple[int, int]] = {}
        self.watermark_ms = 0
        self.storm = Storm()
        self.rules: dict[str, Raw] = {}
        self.partition = 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_rows(self) -> int:
        return len(self.rows)

    def load(self, keys: Sequence[bytes], values: Sequence[bytes | None]) -> None:
        for key, value in zip(keys, values, strict=True):
            if value is None:
                self.rows.pop(key, None)
                continue
            if len(value) != ROW.size or value[:4] != MAGIC:
                raise StateError("a row of another layout", hint="use another KIZUNA_APP_ID")
            _, count, total = ROW.unpack(value)
            self.rows[key] = (count, total)


class CountingPipeline:
    def __init__(self, statistics: str = "counting") -> None:
        self.statistics = statistics
        self.model_version = "counting"

    def new_table(self) -> CountingTable:
        return CountingTable()

    def step(
        self,
        table: CountingTable,
        records: Sequence[Any],
        _now_ms: int,
        *,
        wall_ms: int | None = None,  # noqa: ARG002 - named by the contract
        commands: Sequence[Any] = (),  # noqa: ARG002 - named by the contract
    ) -> Effects:
        effects = Effects(n_records=len(records))
        before: dict[bytes, int] = {}
        for record in records:
            if record.value == b"boom":
                raise ZeroDivisionError("planted")
            if record.key is None or record.value is None or not record.value.isdigit():
                effects.dead_letters.append(
                    DeadLetter(record.key, record.value, [("kizuna.offset", place(record))])
                )
                effects.outcomes["unknown", "invalid"] += 1
                effects.causes["invalid_json"] += 1
                continue
            count, total = table.rows.get(record.key, (0, 0))
            before.setdefault(record.key, count)
            table.rows[record.key] = (count + 1, total + int(record.value))
            effects.outcomes["purchase", "scored"] += 1
            if int(record.value) % 97 == 0:
                effects.alert_log.append((record.key, place(record)))
        for key, previous in before.items():
            count, total = table.rows[key]
            effects.changelog.append((key, ROW.pack(MAGIC, count, total)))
            effects.scores.append((key, SCORE.pack(previous, count, total)))
        return effects

    def sweep(self, _table: CountingTable, _start: int, _stop: int, _now_ms: int) -> Effects:
        return Effects()

    def due(self, _table: CountingTable, _now_ms: int) -> Effects:
        return Effects()

    def bands(self, table: CountingTable, start: int, stop: int) -> Mapping[tuple[str, str], int]:
        return {("trust", "high"): len(list(table.rows)[start:stop])}

    def outcomes(self, _table: CountingTable, _start: int, _stop: int) -> Sums:
        return Sums.zero()
