"""How long the oldest record of any partition has been waiting for its commit: a stall, as it is felt."""

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["StallClock"]


@dataclass(slots=True)
class StallClock:
    """Told now and then what is written and what is committed; knows the longest wait since a mark.

    A wait counts from the last look at which the record was not yet in the source, or from the mark if that
    is later, to the first look that finds it committed: too long by two looks at most, never too short. While
    a broker is away nobody can look, and all that is written then counts from before.
    """

    _looked_s: float | None = None
    _written: dict[Any, deque[tuple[float, int]]] = field(default_factory=lambda: defaultdict(deque))
    _done: dict[Any, int] = field(default_factory=dict)
    _longest_s: dict[str, float] = field(default_factory=dict)
    _marks: dict[str, float] = field(default_factory=dict)

    def mark(self, name: str, at_s: float) -> None:
        """From now on waits count towards this name, from this moment at the earliest."""
        self._marks[name], self._longest_s[name] = at_s, 0.0

    def longest_s(self, name: str) -> float:
        """Since its mark."""
        return self._longest_s[name]

    def look(self, at_s: float, ends: Mapping[Any, int], done: Mapping[Any, int]) -> None:
        """One look: next offset of each partition of each source, and how far it is committed."""
        for number, end in ends.items():
            written, before = self._written[number], self._done.get(number, 0)
            if end > (written[-1][1] if written else before):
                written.append((at_s if self._looked_s is None else self._looked_s, end))
            while written and written[0][1] <= before:
                written.popleft()
            if written:  # had not been committed at the look before; now it is, or waits on
                for name, mark in self._marks.items():
                    waited = at_s - max(mark, written[0][0])
                    self._longest_s[name] = max(self._longest_s[name], waited)
            self._done[number] = done.get(number, 0)
        self._looked_s = at_s
