"""What a replay published beside what came of it: the rows' own checkpoints, as a worker judges them."""

from collections import defaultdict
from typing import Any

import numpy as np

from stream.model.drift import GAP, Sums
from stream.model.parameters import Parameters
from stream.pipeline.outcomes import judged, last_whole_day
from stream.state.table import CustomerTable

__all__ = ["PERIOD_DAYS", "Watch"]

PERIOD_DAYS = 28  # checkpoints are added up by so many days
EVERY_DAYS = 7  # of event time from one look to the next
FEWEST = 100  # outcomes of a period below which nobody is alarmed


class Watch:
    """Looks at a table as event time goes by; what it keeps are sums.

    Between two looks no more than a horizon may pass, or the checkpoints of the days before are left out.
    """

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters
        self._looked = 0
        self._periods: dict[int, Sums] = defaultdict(Sums.zero)

    def look(self, table: CustomerTable) -> None:
        """Judge the checkpoints whose horizon ended since the last look; cheap unless a week has passed."""
        horizon, until = self._parameters.churn.horizon_days, last_whole_day(table)
        if not len(table) or until < self._looked + min(EVERY_DAYS, horizon):
            return
        after = max(self._looked, until - horizon)
        self._looked = until
        found = judged(table, table.live(0, table.n_rows), after, until, self._parameters)
        period = found.day // PERIOD_DAYS
        for each in np.unique(period).tolist():
            of = period == each
            self._periods[each] += Sums.of(found.risk[of], found.left[of])

    @property
    def total(self) -> Sums:
        """All outcomes so far."""
        return sum(self._periods.values(), Sums.zero())

    @property
    def periods(self) -> list[tuple[int, Sums]]:
        """(first day, sums) of each period of checkpoints that has outcomes; days since 1990."""
        return [(each * PERIOD_DAYS - 1, self._periods[each]) for each in sorted(self._periods)]

    def report(self) -> dict[str, Any]:
        """Numbers for JSON, nan as None; `drifted` lists the periods that alarm."""
        total = self.total
        return _numbers(total) | {
            "gap_alarm": GAP,
            "drifted": [
                {"from": str(np.datetime64("1990-01-01") + day)} | _numbers(sums)
                for day, sums in self.periods
                if sums.count >= FEWEST and sums.drifted
            ],
        }


def _numbers(sums: Sums) -> dict[str, Any]:
    values = {"foretold": sums.foretold, "left": sums.realised, "auc": sums.auc, "brier": sums.brier}
    return {"judged": sums.count} | {
        name: None if value != value else round(value, 5) for name, value in values.items()
    }
