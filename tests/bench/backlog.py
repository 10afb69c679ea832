"""A workload written down once, so that many runs send it without making it anew, and its outcome."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.peers.job import Fields, step
from tests.bench.workload import Workload

__all__ = ["Backlog", "Backlogs", "Folded"]


@dataclass(frozen=True, slots=True)
class Folded:
    """What the peers' job makes of a workload: each customer's last trust and churn risk, and all alerts."""

    last: dict[str, tuple[float, float]]
    alerts: int


@dataclass(slots=True)
class Backlog:
    """One workload in a file, a line an event.

    Attributes:
        workload: that was written.
        path: of the file: key, tab, value; neither holds a tab or a line's end.
        expected: number of events of each customer id.
    """

    workload: Workload
    path: Path
    expected: Counter[str] = field(default_factory=Counter)
    _folded: Folded | None = None

    def events(self) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each event, in order; iterating again gives the same."""
        with self.path.open("rb") as lines:
            for line in lines:
                key, _, value = line[:-1].partition(b"\t")
                yield key, value

    def folded(self) -> Folded:
        """Computed at the first call and remembered."""
        if self._folded is None:
            states: dict[str, Fields] = {}
            last: dict[str, tuple[float, float]] = {}
            alerts = 0
            for key, value in self.events():
                customer = key.decode()
                state, score, alert = step(states.get(customer), json.loads(value))
                states[customer] = state
                last[customer] = (score["trust"], score["churn_risk"])
                alerts += alert is not None
            self._folded = Folded(last, alerts)
        return self._folded


class Backlogs:
    """Written workloads of one bench, each made when it is first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._known: dict[Workload, Backlog] = {}

    def of(self, workload: Workload) -> Backlog:
        """The workload as a file; some ten seconds for a million events, once."""
        known = self._known.get(workload)
        if known is None:
            known = self._known[workload] = Backlog(
                workload, self._directory / f"events-{len(self._known)}.tsv"
            )
            with known.path.open("wb") as file:
                for event in workload.events():
                    file.write(event.key + b"\t" + event.value + b"\n")
                    known.expected[event.key.decode()] += 1
        return known
