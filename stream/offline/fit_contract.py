"""The hazard of a contract's end, fitted to what came of the contracts before a day, and nothing after it.

Windows before that day follow each other without overlap, each as long as the horizon: a customer is one row
in each window that began under contract, as in a discrete-time hazard (Singer & Willett 1993). The
shifted-beta-geometric (`sbg.py`) gives the baseline by tenure, a logistic regression around declared weights
the rest (`hazard.py`). Features are made by the code that scores live.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from stream.model.columns import Floats, Ints
from stream.model.contract import (
    FEATURES,
    MONTH_DAYS,
    features,
    logit_ends,
    tenure_months,
    term_state,
)
from stream.model.parameters import Contract, Parameters, Risk
from stream.model.risk import SERVICE_WEIGHTS, contract_facts, service_features
from stream.model.score import Facts, trust_of
from stream.offline.contract_panel import CANCELLED, ContractPanel, end_of, outcomes
from stream.offline.hazard import Hazard, Prior, fit_hazard
from stream.offline.sbg import Sbg, fit_sbg

__all__ = ["ContractFit", "declared", "fit_contract"]

MAX_WINDOWS = 12
MAX_ROWS = 1_000_000
LEAST_OF_EACH = 10  # contracts that ended, and that stayed: below that nothing is fitted
FEW = 50  # below that it is, and said
RECORDED_FROM = 20  # ends among which the first would come early in the window if all were recorded
GRID = 8.0  # of a month: tenure is grouped so for the baseline

# Declared: a monthly hazard of 4 % that falls to half within two years of tenure, which makes 10 % in half a
# year at that age. A year's term has half the odds of a month's; being bound beyond the horizon has half of
# those without a term, and less the further away its end is.
ALPHA, BETA, TENURE = 0.8, 20.0, 1.0
TERM_LENGTH, TERM_BEYOND, BOUND_LONGER, FURTHER_ENDS, TERM_PASSED = -0.4, -0.7, -0.3, 0.3, 3.0

WEIGHTS = ("base", "tenure", *FEATURES, *SERVICE_WEIGHTS)
DEVIATION = {
    "base": 3.0,
    "cancel_requested": 1.5,
    "term_length": 0.5,
    "bound_longer": 0.5,
}  # in log-odds; 1 for all others
LOWERS = {"term_length", "term_beyond", "bound_longer"}
LIMIT = 20.0


@dataclass(frozen=True, slots=True)
class ContractFit:
    """What was found.

    Attributes:
        contract: the table `[churn.contract]`; None if there is no subscription event up to the day.
        warnings: what a person should know before believing it, one sentence each.
        report: every number behind it, ready for JSON.
    """

    contract: Contract | None
    warnings: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)


class _Rows(NamedTuple):
    """A row per customer and window: months survived, features, what happened."""

    tenure: Floats
    design: Floats
    ended: NDArray[np.bool_]


def declared(risk: Risk) -> Contract:
    """What is believed where no data speak: the declared weights of `Risk`, and those of this module."""
    return Contract(
        alpha=ALPHA,
        beta=BETA,
        base=0.0,
        tenure=TENURE,
        term_length=TERM_LENGTH,
        term_beyond=TERM_BEYOND,
        bound_longer=BOUND_LONGER,
        term_ends=max(risk.subscription_term_ends, 0.0),
        further_ends=FURTHER_ENDS,
        term_passed=TERM_PASSED,
        cancel_requested=max(risk.subscription_cancel_requested, 0.0),
        ended=max(risk.subscription_ended, 0.0),
        **{name: max(getattr(risk, name), 0.0) for name in SERVICE_WEIGHTS},
    )


def fit_contract(panel: ContractPanel, until_day: int, horizon_days: int, base: Parameters) -> ContractFit:
    """The table `[churn.contract]` from everything up to and including a day.

    Where the data say too little the declared table is returned, with a warning that says what is missing.

    Args:
        panel: histories; what they hold after the day changes nothing.
        until_day: days since 1990-01-01, counted from 0.
        horizon_days: the horizon that scores will speak of.
        base: statistics, trust and the declared weights.
    """
    if not (panel.time_s <= (until_day + 1) * 86_400).any():
        return ContractFit(None, ["no subscription events: nothing is fitted for contracts"])
    again, grace = panel.renewals(until_day)
    prior = replace(declared(base.risk), grace_days=grace, renewals_reported=again > 0)
    warnings = []
    if not again:
        warnings.append(
            "no contract is ever renewed in the events: a term that is over is taken as renewed silently"
        )
    length, said = _window(panel, until_day, horizon_days)
    warnings += said
    origins = _origins(panel, until_day, length)
    rows = [
        _rows(panel, day, length, until_day, prior, base, *known)
        for day, known in zip(origins, panel.facts(origins, base), strict=True)
    ]
    while len(rows) > 1 and not rows[0].ended.any():  # before the first recorded end nobody is seen to leave
        rows = rows[1:]
    n_ended = sum(int(each.ended.sum()) for each in rows)
    n_stayed = sum(len(each.ended) for each in rows) - n_ended
    report: dict[str, Any] = {
        "windows": len(rows),
        "window_days": length,
        "rows": n_ended + n_stayed,
        "ended": n_ended,
        "grace_days": grace,
        "renewals": again,
    }
    if min(n_ended, n_stayed) < LEAST_OF_EACH:
        warnings.append(
            f"{n_ended} contracts ended and {n_stayed} went on in the windows of {length} days: at least"
            f" {LEAST_OF_EACH} of each are needed, so the contract's weights are the declared ones"
        )
        return ContractFit(prior, warnings, report | {"fitted": False})
    if min(n_ended, n_stayed) < FEW:
        warnings.append(f"only {n_ended} contracts ended and {n_stayed} went on: the weights are uncertain")
    return _fitted(_Rows(*map(np.concatenate, zip(*rows, strict=True))), length, prior, warnings, report)


def _fitted(
    rows: _Rows, length: int, prior: Contract, warnings: list[str], report: dict[str, Any]
) -> ContractFit:
    shape = _baseline(rows, length)
    if shape.degenerate:
        warnings.append(f"the baseline of contracts: {shape.degenerate}")
    h = length / MONTH_DAYS
    start = logit_ends(np.zeros(1), h, shape.alpha, shape.beta)
    stays = logit_ends(rows.tenure, h, shape.alpha, shape.beta)
    design = np.column_stack([np.ones(len(stays)), stays - start, rows.design])
    found = fit_hazard(design, rows.ended, np.full(len(stays), start[0]), _prior(prior))
    kept = [
        name
        for name, column in zip(WEIGHTS, design.T, strict=True)
        if name != "base" and np.ptp(column) < 1e-9
    ]
    weights = dict(zip(WEIGHTS, np.clip(found.weights, -LIMIT, LIMIT).tolist(), strict=True))
    contract = replace(prior, alpha=float(shape.alpha), beta=float(shape.beta), **weights)
    return ContractFit(contract, warnings, report | _numbers(shape, found, weights, kept, prior))


def _numbers(
    shape: Sbg, found: Hazard, weights: dict[str, float], kept: list[str], prior: Contract
) -> dict[str, Any]:
    return {
        "fitted": True,
        "baseline": {
            "alpha": shape.alpha,
            "beta": shape.beta,
            "log_likelihood": shape.log_likelihood,
            "log_likelihood_one_hazard": shape.geometric,
            "standard_error_of_log": [None if np.isnan(e) else e for e in shape.se_log],
            "degenerate": shape.degenerate,
        },
        "log_likelihood": found.log_likelihood,
        "weights": {
            name: {
                "value": weights[name],
                "standard_error": None if np.isnan(error) or name in kept else error,
                "declared": getattr(prior, name),
                "from_data": name not in kept,
            }
            for name, error in zip(WEIGHTS, found.errors.tolist(), strict=True)
        },
    }


def _baseline(rows: _Rows, length: int) -> Sbg:
    """The shifted-beta-geometric of the rows, those of like tenure counted together."""
    cells = np.rint(rows.tenure * GRID).astype(np.int64) * 2 + rows.ended
    cell, weight = np.unique(cells, return_counts=True)
    return fit_sbg(
        (cell // 2) / GRID,
        np.full(len(cell), length / MONTH_DAYS),
        cell % 2 == 1,
        weight.astype(np.float64),
    )


def _prior(contract: Contract) -> Prior:
    mean = np.array([getattr(contract, name) for name in WEIGHTS])
    low = np.array([0.0 if name not in LOWERS | {"base"} else -LIMIT for name in WEIGHTS])
    high = np.array([0.0 if name in LOWERS else LIMIT for name in WEIGHTS])
    return Prior(mean, np.array([DEVIATION.get(name, 1.0) for name in WEIGHTS]), low, high)


def _window(panel: ContractPanel, until_day: int, horizon_days: int) -> tuple[int, list[str]]:
    """Length of the windows in days, and why it is not the horizon."""
    days = (panel.time_s - 1) // 86_400
    known = days <= until_day
    span = until_day - int(days[known].min())
    length = horizon_days
    warnings = []
    if span < 2 * horizon_days:
        length = max(1, min(horizon_days, span // 2))
    if length < horizon_days:
        warnings.append(
            f"the contracts' history of {span} days is short for a horizon of {horizon_days}: the hazard of"
            f" {length} days is carried on to it"
        )
    ends = days[known & (panel.status >= CANCELLED)]
    if len(ends) >= RECORDED_FROM and np.ptp(ends) > 0:
        recorded = until_day - int(ends.min()) + 1
        if recorded < 0.8 * length:
            warnings.append(
                f"all {len(ends)} ends lie in the last {recorded} days, as if none were recorded before: the"
                f" hazard is that of these days, carried on to {horizon_days}"
            )
            length = recorded
    return length, warnings


def _origins(panel: ContractPanel, until_day: int, length: int) -> list[int]:
    """Days on which windows begin, ascending; each ends where the next begins, the last on the day itself."""
    first = int((panel.time_s.min() - 1) // 86_400)
    most = max(1, min(MAX_WINDOWS, MAX_ROWS // max(len(panel.keys), 1)))
    origins = [until_day - k * length for k in range(1, most + 1)]
    return [day for day in reversed(origins) if day >= first]


def _rows(
    panel: ContractPanel,
    day: int,
    length: int,
    until_day: int,
    prior: Contract,
    base: Parameters,
    customers: Ints,
    known: Facts,
) -> _Rows:
    """Everybody under contract on a day: what was known, and whether the contract ended in the window."""
    result = outcomes(panel, day, length, until_day)
    place = np.full(len(panel.keys), -1, np.int64)
    place[customers] = np.arange(len(customers))
    seen = known.of(place[result.customers])
    contracts, now_ms = contract_facts(seen.risk, np.arange(len(result.customers))), end_of(day)
    term = term_state(contracts, now_ms, length, prior)
    level = trust_of(seen, base).unforgotten
    return _Rows(
        tenure_months(contracts, term, now_ms, length),
        np.hstack([features(contracts, term), service_features(seen.risk, level, base)]),
        result.ended,
    )
