"""Whether the model still holds, as metrics: what came of the risks that were published a horizon ago.

Additive gauges by partition and bin of risk, so that Prometheus sums workers; AUC, Brier score and the alarm
of this worker's customers together, as those do not add up.
"""

import asyncio
from math import isnan
from typing import Any

from stream.engine.contract import Pipeline
from stream.metrics import Metrics
from stream.model.drift import BINS, Sums

__all__ = ["expose", "judge"]

ROWS = 5_000
REST_S = 0.005


async def judge(app: Any, pipeline: Pipeline) -> dict[int, Sums]:
    """Sums of each partition that is ready, in slices: millions at once would hold up records."""
    found: dict[int, Sums] = {}
    for number, partition in list(app.engine.owned.items()):
        table, sums = partition.table, Sums.zero()
        for start in range(0, table.n_rows if partition.ready else 0, ROWS):
            sums += pipeline.outcomes(table, start, start + ROWS)
            await asyncio.sleep(REST_S)
        found[number] = sums
    return found


def expose(metrics: Metrics, found: dict[int, Sums]) -> None:
    """In place of what was exposed before; bins that nobody is in are left out."""
    bins = [f"{(i + 1) / BINS:g}" for i in range(BINS)]
    customers: dict[tuple[str, str], float] = {}
    foretold: dict[tuple[str, str], float] = {}
    left: dict[tuple[str, str], float] = {}
    for number, sums in found.items():
        columns = zip(bins, sums.n.tolist(), sums.risk.tolist(), sums.left.tolist(), strict=True)
        for upper, n, risk, gone in columns:
            if n:
                key = (str(number), upper)
                customers[key], foretold[key], left[key] = n, risk, gone
    metrics.calibration_customers = customers
    metrics.calibration_foretold = foretold
    metrics.calibration_left = left
    whole = sum(found.values(), Sums.zero())
    measured = {"auc": whole.auc, "brier": whole.brier, "ece": whole.ece}
    metrics.calibration = {name: value for name, value in measured.items() if not isnan(value)}
    metrics.calibration_drifted = int(whole.drifted)
