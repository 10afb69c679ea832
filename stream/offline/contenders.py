"""The models beside ours: each one's probabilities for everybody who is judged, or why it has none."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from stream.model.btyd import Bg, p_no_purchase
from stream.model.columns import MS_PER_DAY
from stream.model.contract import MONTH_DAYS, log_survival_ratio
from stream.model.layer import WEEK
from stream.offline import baselines
from stream.offline.baselines import MIN_CUSTOMERS, MIN_OUTCOMES, Unfit, Window, teaches, training_window
from stream.offline.fit_btyd import Histories, degenerate, fit_bg, fit_mbg, fit_nbd, histories, mbg_of
from stream.offline.panel import Panel, Rfm
from stream.offline.sbg import fit_sbg
from stream.offline.timeline import Outcome, Timeline, outcome

__all__ = ["CONTENDERS", "TENURE", "Contenders", "contenders", "contract_rate", "contract_tenure"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

CONTENDERS = ("recency", "frequency", "logistic_rfm", "bgnbd", "mbgnbd", "base_rate")
TENURE = "tenure"
"""Besides, where nobody buys and so none of the others but `base_rate` has a say."""
MIN_REPEAT = 10  # customers with a second purchase day: below, drop-out and rhythm cannot be told apart


@dataclass(slots=True)
class Contenders:
    """What the other models say of n judged customers.

    Attributes:
        said: by model, (n,) probabilities, or in words why there are none.
        remarks: on their fits.
    """

    said: dict[str, Floats | str]
    remarks: list[str] = field(default_factory=list)


def contenders(
    panel: Panel,
    known: Rfm,
    buys: Bools,
    day: int,
    horizon_days: int,
    contracts: Callable[[], float],
    tenure: Callable[[], Floats],
) -> Contenders:
    """Every baseline's say on the judged customers.

    A baseline knows purchases only. Of a customer with a contract it says how often contracts ended in the
    window before; where nobody buys there is nothing to it, except for `base_rate` and, only there, `TENURE`.

    Args:
        panel: purchases up to the origin.
        known: of the judged customers who buy, in their order.
        buys: (judged,) judged by purchases; the others have contracts.
        day: the origin.
        horizon_days: h.
        contracts: the rate for those with contracts; may raise `Unfit`.
        tenure: what their tenure says of all who are judged, if none buys; may raise `Unfit`.
    """
    found = Contenders({})
    try:
        values = np.full(len(buys), 0.0 if buys.all() else contracts())
    except Unfit as reason:
        return Contenders(dict.fromkeys(CONTENDERS, str(reason)))
    if not buys.any():
        why = "nobody buys: all judged customers have contracts" if len(buys) else "nobody to judge"
        found.said = dict.fromkeys(CONTENDERS, why)
        return _of_contracts(found.said | {"base_rate": values}, tenure) if len(buys) else found
    for name, model in _models(panel, known, day, horizon_days, found.remarks).items():
        try:
            mine = values.copy()
            mine[buys] = model()
            found.said[name] = mine
        except Unfit as reason:
            found.said[name] = str(reason)
    return found


def _of_contracts(said: dict[str, Floats | str], tenure: Callable[[], Floats]) -> Contenders:
    try:
        said[TENURE] = tenure()
    except Unfit as reason:
        said[TENURE] = str(reason)
    return Contenders(said)


def _models(
    panel: Panel, known: Rfm, day: int, horizon_days: int, remarks: list[str]
) -> dict[str, Callable[[], Floats]]:
    @cache
    def window() -> Window:
        return training_window(panel, day, horizon_days)

    @cache
    def lesson() -> Window:
        return teaches(window())

    all_buyers = panel.at(day)
    everybody = histories(all_buyers.of(~all_buyers.contractual))
    return {
        "recency": lambda: baselines.recency(lesson(), known, horizon_days),
        "frequency": lambda: baselines.frequency(lesson(), known),
        "logistic_rfm": lambda: baselines.logistic_rfm(lesson(), known, horizon_days),
        "bgnbd": lambda: _btyd("bgnbd", everybody, known, horizon_days, remarks),
        "mbgnbd": lambda: _btyd("mbgnbd", everybody, known, horizon_days, remarks),
        "base_rate": lambda: baselines.base_rate(window(), known),
    }


def _btyd(name: str, everybody: Histories, known: Rfm, horizon_days: int, remarks: list[str]) -> Floats:
    repeat = int(everybody.count[everybody.x > 0].sum())
    if repeat < MIN_REPEAT:
        raise Unfit(f"{repeat} customers bought on a second day before the origin, {MIN_REPEAT} are needed")
    fitted = fit_mbg(everybody) if name == "mbgnbd" else fit_bg(everybody)
    why = degenerate(fitted, fit_nbd(everybody))
    if why:
        remarks.append(f"{name} is degenerate: {why}")
    model = mbg_of(fitted) if name == "mbgnbd" else Bg(*fitted.values.tolist())
    p = p_no_purchase(known.x, known.t_x / WEEK, known.T / WEEK, horizon_days / WEEK, model)
    if not (np.isfinite(fitted.log_likelihood) and np.isfinite(p).all()):
        raise Unfit("the fit did not converge")
    return p


def contract_rate(cut: Timeline, origin_ms: int, horizon_days: int) -> float:
    """How often contracts ended in the window before: of the horizon's length, or half of the history.

    Raises:
        Unfit: none ran then.
    """
    _, found = _window(cut, origin_ms, horizon_days)
    return float(found.churned[found.contractual].mean())


def contract_tenure(cut: Timeline, judged: Ints, origin_ms: int, horizon_days: int) -> Floats:
    """P(ends within the horizon) of each judged contract by its tenure alone: the shifted-beta-geometric.

    Fitted on the window of `contract_rate`, so it is to ours what recency is where customers buy.

    Raises:
        Unfit: too few contracts, or too few of an outcome in the window.
    """
    length, found = _window(cut, origin_ms, horizon_days)
    ran, month = np.flatnonzero(found.contractual), MONTH_DAYS * MS_PER_DAY
    ended = found.churned[ran]
    n, gone = len(ran), int(ended.sum())
    if n < MIN_CUSTOMERS or min(gone, n - gone) < MIN_OUTCOMES:
        raise Unfit(
            f"in the window before the origin {n} contracts ran, {gone} ended: at least {MIN_CUSTOMERS} are "
            f"needed, and {MIN_OUTCOMES} of each outcome"
        )
    began_ms = np.full(len(cut.keys), origin_ms)
    np.minimum.at(began_ms, cut.holder, cut.stepped_ms)
    t = (origin_ms - length - began_ms[ran]) / month
    shape = fit_sbg(np.maximum(t, 0.0), np.full(n, length / month), ended, np.ones(n))
    t = (origin_ms - began_ms[judged]) / month
    return -np.expm1(log_survival_ratio(t, horizon_days / MONTH_DAYS, shape.alpha, shape.beta))


def _window(cut: Timeline, origin_ms: int, horizon_days: int) -> tuple[int, Outcome]:
    """Length in ms of the window before the origin, and what became of the contracts that ran at its begin.

    Raises:
        Unfit: none did.
    """
    first_ms = int(cut.stepped_ms.min())
    length = min(horizon_days * MS_PER_DAY, (origin_ms - first_ms) // 2)
    found = outcome(cut, origin_ms - length, length)
    if not found.contractual.any():
        raise Unfit("no contract ran in the window before the origin")
    return length, found
