"""Fits as plain values: what `kizuna fit` prints and writes as JSON."""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import expit

from stream.model.btyd import p_no_purchase
from stream.model.columns import Floats
from stream.model.layer import WEEK
from stream.offline.fit_layer import BTYD_INPUTS, RFM_INPUTS, LayerFit, Window, log_odds_of
from stream.offline.logistic import Logistic
from stream.offline.metrics import auc, brier
from stream.offline.mle import Estimate

__all__ = ["estimate_report", "layer_report"]


def estimate_report(estimate: Estimate) -> dict[str, Any]:
    """Parameters with standard errors (None where the data do not say), and how the search went."""
    return {
        "parameters": dict(zip(estimate.names, estimate.values.tolist(), strict=True)),
        "se": dict(zip(estimate.names, map(_number, estimate.se.tolist()), strict=True)),
        "log_likelihood": estimate.log_likelihood,
        "converged": estimate.converged,
        "starts_agreeing": f"{estimate.agreeing} of {estimate.starts}",
    }


def layer_report(found: LayerFit, shown_day: Callable[[int], str]) -> dict[str, Any]:
    """Coefficients of both regressions, and how well both together do on the windows they were fitted on."""
    halves = {} if found.rfm is None else {"rfm": _coefficients(found.rfm, RFM_INPUTS)}
    halves["btyd"] = _coefficients(found.btyd, BTYD_INPUTS)
    return {
        "extrapolated": found.rfm is None,
        "average_log_odds": found.layer.base,
        "regressions": halves,
        "windows": [_window(found, window, shown_day) for window in found.windows],
    }


def _coefficients(fitted: Logistic, names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "intercept": fitted.intercept,
        "coefficients": dict(zip(names, fitted.coefficients.tolist(), strict=True)),
        "standardised": dict(zip(names, (fitted.coefficients * fitted.spread).tolist(), strict=True)),
        "dropped_for_their_sign": [names[k] for k in fitted.dropped],
    }


def _window(found: LayerFit, window: Window, shown_day: Callable[[int], str]) -> dict[str, Any]:
    """In-sample: the window was fitted on. The honest numbers are `kizuna backtest`'s."""
    layer = expit(log_odds_of(found, window))
    risks = {"kizuna": layer}
    if window.models.mbg is not None:
        rfm = window.rfm
        risks["mbgnbd"] = p_no_purchase(
            rfm.x, rfm.t_x / WEEK, rfm.T / WEEK, window.horizon / WEEK, window.models.mbg
        )
    return {
        "origin": shown_day(window.origin),
        "horizon_days": window.horizon,
        "customers": len(window.rfm),
        "churn_rate": float(window.churned.mean()),
        "degenerate": window.models.why or None,
        "in_sample": {name: _measures(window, risk) for name, risk in risks.items()}
        | {"recency": {"auc": _number(auc(window.churned, window.rfm.recency))}},
    }


def _measures(window: Window, risk: Floats) -> dict[str, float | None]:
    return {"auc": _number(auc(window.churned, risk)), "brier": brier(window.churned, risk)}


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
