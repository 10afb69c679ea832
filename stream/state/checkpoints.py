"""What was published of a customer's churn risk on a day, kept until what came of it is known.

Two per row: the open one, and the one before it. The next is taken with the first publication after the open
one's horizon is over, so a customer counts at most once per horizon, however often it is published; and those
whose horizon ended within the last horizon are all still there.
"""

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import Ints

__all__ = ["OF_CONTRACT", "due", "note"]

OF_CONTRACT = 1 << 15  # beside the risk: it is that of a contract's end, not of no purchase

Bools = NDArray[np.bool_]


def due(store: NDArray[np.void], risk_e4: NDArray[np.int32], today: int, horizon_days: int) -> Bools:
    """Mask of the rows whose next publication is to be remembered; those without a risk have none.

    Args:
        store: (n,) rows.
        risk_e4: (n,) risk to publish, 1/10,000; -1 absent.
        today: day of the publication, as `columns.day_number` counts.
        horizon_days: of the risk.
    """
    over = store["checkpoint_day"][:, 0] < today - horizon_days
    over &= risk_e4 >= 0
    return over


def note(
    store: NDArray[np.void], chosen: Ints, risk_e4: NDArray[np.int32], contractual: Bools, today: int
) -> None:
    """Remember what is published of the rows `chosen` (m,) today; `risk_e4` and `contractual` are theirs."""
    day, risk = store["checkpoint_day"], store["checkpoint_risk"]
    day[chosen, 1], risk[chosen, 1] = day[chosen, 0], risk[chosen, 0]
    day[chosen, 0], risk[chosen, 0] = today, risk_e4 + OF_CONTRACT * contractual
