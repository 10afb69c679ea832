"""A run: consecutive records of one topic partition, as one Faust message."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Run"]


@dataclass(slots=True)
class Run:
    """Records as fetched, between two offsets that join without a gap.

    Attributes:
        topic: source topic on the cluster.
        partition: its partition.
        start: where the run before this one ended, or the offset that was sought; first offset covered.
        end: next offset after the run.
        epoch: of the partition when the fetch began; a run of another epoch is dropped.
        records: aiokafka's, offsets ascending in [start, end), natural gaps (markers, compaction) allowed.
    """

    topic: str
    partition: int
    start: int
    end: int
    epoch: int
    records: Sequence[Any]

    def split(self, n: int) -> "tuple[Run, Run | None]":
        """The first n records, n at least 1, and what is left of the run; None if nothing is."""
        if len(self.records) <= n:
            return self, None
        at = self.records[n].offset
        return (
            replace(self, end=at, records=self.records[:n]),
            replace(self, start=at, records=self.records[n:]),
        )
