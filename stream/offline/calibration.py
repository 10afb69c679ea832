"""What a replay published beside what came: checkpoints of customers who buy, judged a horizon later."""

from collections import defaultdict
from typing import Any

import numpy as np

from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Ints
from stream.model.drift import GAP, Sums, judge
from stream.state.table import CustomerTable

__all__ = ["PERIOD_DAYS", "Watch"]

PERIOD_DAYS = 28  # checkpoints are added up by so many days
EVERY_DAYS = 7  # of event time from one look to the next
FEWEST = 100  # outcomes of a period below which nobody is alarmed


class Watch:
    """Looks at a table as event time goes by. What it keeps is 4 bytes per customer, and sums.

    Customers with a contract are left out: no purchase within a horizon says nothing of them.
    """

    def __init__(self, horizon_days: int) -> None:
        self._horizon_days = horizon_days
        self._taken = np.zeros(0, np.uint16)
        self._risk_e4 = np.zeros(0, np.uint16)
        self._looked = 0
        self._periods: dict[int, Sums] = defaultdict(Sums.zero)

    def look(self, table: CustomerTable) -> None:
        """Judge the checkpoints that are due, take new ones; cheap unless a week has passed."""
        today = (table.watermark_ms - EPOCH_1990_MS) // MS_PER_DAY + 1
        if not len(table) or today < self._looked + EVERY_DAYS:
            return
        self._looked = today
        n = table.n_rows
        for name in ("_taken", "_risk_e4"):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, np.zeros(n - len(old), np.uint16)]))
        rows = table.live(0, n)
        store = table.rows[:n]
        contract = (store["renewed_s"] > 0) | (store["cancel_s"] > 0) | (store["ended_s"] > 0)
        buys = (store["n_days"] > 0) & (store["seq"] > 0) & (store["risk_e4"] >= 0) & ~contract
        rows = rows[buys[rows]]
        self._judge(table, rows, today - 1)
        fresh = rows[self._taken[rows] == 0]
        self._taken[fresh] = today
        self._risk_e4[fresh] = store["risk_e4"][fresh]

    def _judge(self, table: CustomerTable, rows: Ints, yesterday: int) -> None:
        taken = self._taken[rows].astype(np.int64)
        found = judge(taken, table.rows["days"][rows].astype(np.int64), yesterday, self._horizon_days)
        left = found.left.copy()
        for i in np.flatnonzero(left).tolist():  # the row holds the latest days, the tail the others
            tail = table.tails.get(int(rows[i]))
            if tail is not None:
                left[i] = not any(taken[i] < day <= taken[i] + self._horizon_days for day in tail.days)
        risk = self._risk_e4[rows] / 10_000.0
        period = taken // PERIOD_DAYS
        for each in np.unique(period[found.due]).tolist():
            of = found.due & (period == each)
            self._periods[each] += Sums.of(risk[of], left[of])
        self._taken[rows[found.due]] = 0

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
