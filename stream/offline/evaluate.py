"""How good the churn risk is, honest in time: scored with what was known then, judged by what came after."""

from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from schemas.codec import encode
from stream.alerts.rules import Rules
from stream.model.parameters import Parameters
from stream.offline import cdnow
from stream.offline.fit import fit
from stream.offline.metrics import auc, brier
from stream.offline.panel import day_of, panel_of
from stream.pipeline import FileRecord, Pipeline

__all__ = ["ORIGIN", "ChurnTest", "cdnow_39_39", "fitted_on_cdnow"]

ORIGIN = date(1997, 9, 30)
"""The 39th week: CDNOW is split here in the literature."""

ORIGIN_MS = int(datetime(ORIGIN.year, ORIGIN.month, ORIGIN.day, tzinfo=UTC).timestamp() * 1000)
HORIZON_DAYS = 273  # the other 39 weeks, to the end of the file


class ChurnTest(NamedTuple):
    """What `cdnow_39_39` found.

    Attributes:
        kizuna: AUC of `churn_risk`.
        recency: AUC of the days since the last purchase, the baseline that is hard to beat.
        brier: mean squared error of `churn_risk` as a probability.
        churn_rate: share of customers who bought nothing in the horizon.
        n: customers.
    """

    kizuna: float
    recency: float
    brier: float
    churn_rate: float
    n: int


def fitted_on_cdnow(base: Parameters) -> Parameters:
    """The parameters that `fit` finds in the first 39 weeks of CDNOW's sample, for the other 39."""
    panel = panel_of(cdnow.interactions(name="sample"))
    return fit(panel, day_of(ORIGIN_MS), HORIZON_DAYS, base, references=False).parameters


def cdnow_39_39(parameters: Parameters, rules: Rules) -> ChurnTest:
    """CDNOW's sample, 39 weeks to learn a customer and 39 to be judged, through the live `Pipeline`.

    Churn here: no purchase in the 39 weeks after `ORIGIN`. Only the horizon of the parameters is changed.
    """
    horizon = replace(parameters.churn, horizon_days=HORIZON_DAYS)
    pipeline = Pipeline(replace(parameters, churn=horizon), rules, clock="event")
    before, after = [], set()
    for number, sale in enumerate(cdnow.interactions(name="sample")):
        if sale.occurred_at.date() > ORIGIN:
            after.add(sale.customer_id)
        else:
            key = sale.customer_id.encode()
            before.append(FileRecord("cdnow", 0, number, ORIGIN_MS, key, encode(sale)))
    table = pipeline.new_table()
    pipeline.step(table, before, ORIGIN_MS)
    keys, scores = pipeline.scores(table, ORIGIN_MS)
    risk = scores.risk.churn_risk
    churned = np.array([key.decode() not in after for key in keys])
    days = [(ORIGIN - last).days for last in _last_days(keys)]
    return ChurnTest(
        kizuna=auc(churned, risk),
        recency=auc(churned, days),
        brier=brier(churned, risk),
        churn_rate=float(churned.mean()),
        n=len(keys),
    )


def _last_days(keys: list[bytes]) -> list[date]:
    """Day of each customer's last purchase up to `ORIGIN`."""
    last = {
        f"cdnow-{sale.customer}".encode(): sale.day for sale in cdnow.sales("sample") if sale.day <= ORIGIN
    }
    return [last[key] for key in keys]
