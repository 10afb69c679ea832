"""The additive layer: two ridge logistics on windows that end before the origin, and a mean of both.

Conventions:
    O days of history up to and including the origin's day, h the horizon. A window has its own origin at day
    o of the history and a horizon h' = min(h, O - o), so that its outcomes are known by O; what it knows of a
    customer, its purchase models included, comes from the days up to o.

The recipe was chosen among some 150 by time-honest comparison (DECISIONS): windows of about the length of the
horizon, recency and age in units of it, signs as sense demands, equal halves, no calibrator on top.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stream.model.btyd import logit_no_purchase
from stream.model.columns import Floats
from stream.model.layer import WEEK, drivers, log_age
from stream.model.parameters import Coefficients, Layer, Mbg, Nbd, Usual
from stream.offline.fit_btyd import degenerate, fit_mbg, fit_nbd, histories, mbg_of, nbd_of
from stream.offline.logistic import Logistic, fit_logistic
from stream.offline.panel import Bools, Panel, Rfm

__all__ = [
    "BTYD_INPUTS",
    "RFM_INPUTS",
    "LayerFit",
    "Models",
    "Window",
    "fit_layer",
    "log_odds_of",
    "models_at",
    "plan",
]

RFM_INPUTS = ("recency", "frequency", "age", "amount")
BTYD_INPUTS = ("mbg", "nbd", "recency", "frequency")
RFM_SIGNS = np.array([1, -1, 0, -1])
BTYD_SIGNS = np.array([1, 1, 1, -1])
AGE, AMOUNT = RFM_INPUTS.index("age"), RFM_INPUTS.index("amount")
PENALTY = 10.0
MIN_OUTCOMES = 10  # customers of either outcome without whom nothing is learnt


@dataclass(frozen=True, slots=True)
class Models:
    """The purchase models of a day. `mbg` is None if its fit was degenerate; then `why` says so."""

    mbg: Mbg | None
    nbd: Nbd
    why: str


@dataclass(frozen=True, slots=True)
class Window:
    """One training window: origin (day since 1990), horizon in days, its customers and their outcomes."""

    origin: int
    horizon: int
    rfm: Rfm
    churned: Bools
    models: Models


@dataclass(frozen=True, slots=True)
class LayerFit:
    """A layer with what it was fitted on.

    Attributes:
        layer: for the parameters.
        rfm: the half on recency, frequency, age and amount; None if the horizon is longer than the history.
        btyd: the half on the purchase models.
        windows: latest first.
    """

    layer: Layer
    rfm: Logistic | None
    btyd: Logistic
    windows: list[Window]


def plan(history_days: int, horizon_days: int) -> list[tuple[int, int]]:
    """(o, h') of each training window, latest first."""
    whole, h = float(history_days), float(horizon_days)
    alike = whole / (whole + h)  # the share of O at which a window is a small copy of O and h
    origins = [whole - k * h for k in (1.0, 1.5, 2.0) if whole - k * h >= 0.3 * whole]
    origins += [whole * alike, whole * (alike - 0.12)]
    days = sorted({round(o) for o in origins}, reverse=True)
    return [(o, min(horizon_days, history_days - o)) for o in days if 0 < o < history_days]


def models_at(rfm: Rfm) -> Models:
    """MBG/NBD and NBD by maximum likelihood."""
    known = histories(rfm)
    mbg, nbd = fit_mbg(known), fit_nbd(known)
    why = degenerate(mbg, nbd)
    return Models(None if why else mbg_of(mbg), nbd_of(nbd), why)


def fit_layer(
    panel: Panel,
    until_day: int,
    horizon_days: int,
    now: Models,
    fallback: Mbg,
    *,
    amounts: bool = True,
    on_window: Callable[[int, int], None] = lambda _done, _total: None,
) -> LayerFit | str:
    """The layer, or why there is none.

    Args:
        panel: purchases; nothing after `until_day` is read.
        until_day: the origin.
        horizon_days: h; longer than the history, the half on recency and age is left out.
        now: the purchase models of the origin.
        fallback: the MBG/NBD that the parameters will hold if `now` has none.
        amounts: whether they can be compared; else they get no coefficient.
        on_window: called with windows done and planned.
    """
    start = int(panel.day[panel.day <= until_day].min())
    history_days = until_day - start + 1
    windows = []
    planned = plan(history_days, horizon_days)
    for done, (o, horizon) in enumerate(planned):
        on_window(done, len(planned))
        window = _window(panel, start + o - 1, horizon)
        if window is not None:
            windows.append(window)
    churned = np.concatenate([window.churned for window in windows]) if windows else np.zeros(0, np.bool_)
    fewer = min(int(churned.sum()), int((~churned).sum()))
    if fewer < MIN_OUTCOMES:
        return (
            f"in its training windows {int(churned.sum())} customers stayed away and {int((~churned).sum())} "
            f"bought again; {MIN_OUTCOMES} of either are needed"
        )
    origin = _buyers(panel, until_day)
    weight = np.full(len(churned), len(origin) / len(churned))
    of_btyd = np.concatenate([_btyd_inputs(w.rfm, w.horizon, w.models) for w in windows])
    btyd = fit_logistic(of_btyd, churned, weight, PENALTY, BTYD_SIGNS)
    rfm = None
    if horizon_days <= history_days:
        inputs = np.concatenate([_rfm_inputs(w.rfm, w.horizon) for w in windows])
        if not amounts:
            inputs[:, AMOUNT] = 0.0
        rfm = fit_logistic(inputs, churned, weight, PENALTY, RFM_SIGNS)
        if rfm.coefficients[0] + rfm.coefficients[AGE] < 0.0:  # risk would fall in silence
            inputs[:, AGE] = 0.0
            rfm = fit_logistic(inputs, churned, weight, PENALTY, RFM_SIGNS)
    layer = _layer(rfm, btyd, origin, horizon_days, history_days, now, fallback)
    return LayerFit(layer, rfm, btyd, windows)


def log_odds_of(found: LayerFit, window: Window) -> Floats:
    """What the regressions say of a window's customers, with the window's own purchase models; (n,)."""
    odds = found.btyd.log_odds(_btyd_inputs(window.rfm, window.horizon, window.models))
    if found.rfm is None:
        return odds
    return 0.5 * (found.rfm.log_odds(_rfm_inputs(window.rfm, window.horizon)) + odds)


def _buyers(panel: Panel, day: int) -> Rfm:
    known = panel.at(day)
    return known.of(~known.contractual)


def _window(panel: Panel, origin: int, horizon: int) -> Window | None:
    """None if nobody had bought by then."""
    rfm = _buyers(panel, origin)
    if not len(rfm):
        return None
    churned = ~panel.buyers(origin, origin + horizon)[rfm.customer]
    return Window(origin, horizon, rfm, churned, models_at(rfm))


def _rfm_inputs(rfm: Rfm, horizon: int) -> Floats:
    """Recency and age in units of the horizon, so that windows of other lengths teach the same."""
    unit = np.log(float(horizon))
    amount = rfm.amount / rfm.n_days
    return np.stack(
        [np.log1p(rfm.recency) - unit, np.log1p(rfm.x), log_age(rfm.T) - unit, np.log1p(amount)], axis=1
    )


def _btyd_inputs(rfm: Rfm, horizon: int, models: Models) -> Floats:
    history = rfm.x, rfm.t_x / WEEK, rfm.T / WEEK, horizon / WEEK
    nbd = logit_no_purchase(*history, models.nbd)
    mbg = nbd if models.mbg is None else logit_no_purchase(*history, models.mbg)
    return np.stack([mbg, nbd, np.log1p(rfm.recency), np.log1p(rfm.x)], axis=1)


def _layer(
    rfm: Logistic | None,
    btyd: Logistic,
    origin: Rfm,
    horizon_days: int,
    history_days: int,
    now: Models,
    fallback: Mbg,
) -> Layer:
    """Both as one sum, told from the average customer of the origin."""
    share = 0.0 if rfm is None else 0.5
    rest = 1.0 - share
    of_btyd = dict(zip(BTYD_INPUTS, (rest * btyd.coefficients).tolist(), strict=True))
    of_rfm = dict.fromkeys(RFM_INPUTS, 0.0)
    constant = rest * (btyd.intercept - float(btyd.mean @ btyd.coefficients))
    if rfm is not None:
        of_rfm = dict(zip(RFM_INPUTS, (share * rfm.coefficients).tolist(), strict=True))
        constant += share * (rfm.intercept - float(rfm.mean @ rfm.coefficients))
        constant -= float(np.log(horizon_days)) * (of_rfm["recency"] + of_rfm["age"])
    found = Coefficients(
        recency=of_rfm["recency"] + of_btyd["recency"],
        frequency=of_rfm["frequency"] + of_btyd["frequency"],
        age=of_rfm["age"],
        amount=of_rfm["amount"],
        mbg=of_btyd["mbg"] if now.mbg is not None else 0.0,
        nbd=of_btyd["nbd"] + (of_btyd["mbg"] if now.mbg is None else 0.0),
    )
    amount = origin.amount / origin.n_days
    mean = drivers(
        origin.x, origin.t_x, origin.T, amount, float(horizon_days), found, now.mbg or fallback, now.nbd
    ).mean(axis=0)
    return Layer(
        horizon_days=horizon_days,
        history_days=history_days,
        base=constant + float(mean.sum()),
        coefficient=found,
        usual=Usual(*mean.tolist()),
        nbd=now.nbd,
    )
