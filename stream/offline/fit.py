"""The parameters of the churn risk, from the purchases up to a day and nothing after it.

What can be fitted depends on how much there is: under `MIN_MODEL` customers the given parameters stay; under
`MIN_LAYER` MBG/NBD meets a prior and there is no layer; from then on all of it. Whatever was left out, met
with a prior or looks doubtful is a warning in words.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
from msgspec.structs import replace

from stream.errors import ConfigError
from stream.model.parameters import Mbg, Parameters, Spend
from stream.offline.fit_btyd import (
    PRIOR,
    Histories,
    degenerate,
    fit_bg,
    fit_mbg,
    fit_nbd,
    fit_pareto,
    fit_spend,
    histories,
    mbg_of,
    nbd_of,
)
from stream.offline.fit_contract import fit_contract
from stream.offline.fit_layer import LayerFit, Models, fit_layer
from stream.offline.fit_report import estimate_report, layer_report
from stream.offline.mle import Estimate
from stream.offline.panel import Panel, Rfm

__all__ = ["MAX_HORIZON_DAYS", "MIN_LAYER", "MIN_MODEL", "Fit", "fit"]

MIN_MODEL = 10
MIN_LAYER = 100
FEW = 200  # customers below whom a layer comes with a warning
MAX_HORIZON_DAYS = 3650
MAIN_CURRENCY = 0.95  # share of purchases in one currency that amounts need to be comparable

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Fit:
    """What a fit found.

    Attributes:
        parameters: the whole model, ready to score with; loadable once written as TOML.
        warnings: what a person should know before believing it, one sentence each.
        report: the same and every number behind it, ready for JSON.
    """

    parameters: Parameters
    warnings: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)


def fit(
    panel: Panel,
    until_day: int,
    horizon_days: int,
    base: Parameters,
    *,
    references: bool = True,
    on_progress: Progress = lambda _step, _done, _total: None,
) -> Fit:
    """Parameters for P(no purchase, or the contract's end, within `horizon_days`) from events up to a day.

    Args:
        panel: purchases and contracts; those after `until_day` change nothing.
        until_day: days since 1990-01-01.
        horizon_days: that the risk is to speak of, 1 to 3650.
        base: every other parameter, and the purchase model where nothing can be fitted.
        references: fit BG/NBD, Pareto/NBD and Gamma-Gamma too; only the report shows them.
        on_progress: called with what is done now, how much of how much.

    Raises:
        ConfigError: the horizon is outside its domain.
    """
    if not 1 <= horizon_days <= MAX_HORIZON_DAYS:
        raise ConfigError(
            f"a horizon of {horizon_days} days", hint=f"give 1 to {MAX_HORIZON_DAYS}, for example 182"
        )
    warnings = _about_the_data(panel)
    if until_day > panel.last_day >= 0:
        warnings.append(
            f"the last event is of {shown_day(panel.last_day)}, before {shown_day(until_day)}: learnt until "
            "then, for days without any record are no silence"
        )
        until_day = panel.last_day
    known = panel.at(until_day)
    rfm = known.of(~known.contractual)
    report: dict[str, Any] = {
        "until": shown_day(until_day),
        "horizon_days": horizon_days,
        "history_days": _history_days(panel, until_day),
        "customers": len(rfm),
        "customers_with_contract": int(known.contractual.sum()),
        "one_time_buyers": int((rfm.x == 0).sum()),
        "repeat_purchases": int(rfm.x.sum()),
    }
    churn = replace(base.churn, horizon_days=horizon_days, layer=None)
    if panel.contracts is not None:
        on_progress("Fitting the contracts", 0, 0)
        contracts = fit_contract(panel.contracts, until_day, horizon_days, base)
        warnings += [f"contracts: {warning}" for warning in contracts.warnings]
        report["contracts"] = contracts.report
        churn = replace(churn, contract=contracts.contract)
    if len(rfm) < MIN_MODEL:
        warnings.append(
            f"{len(rfm)} customers had bought by {shown_day(until_day)}: {MIN_MODEL} are needed to fit the "
            f"purchase model and {MIN_LAYER} for the layer; the given MBG/NBD is kept"
        )
        return _done(replace(base, churn=churn), warnings, report)
    on_progress("Fitting the purchase models", 0, 0)
    distinct = histories(rfm)
    mbg, nbd = fit_mbg(distinct), fit_nbd(distinct)
    report["models"] = {"mbgnbd": estimate_report(mbg), "nbd": estimate_report(nbd)}
    now, chosen = _purchase_model(distinct, mbg, nbd, warnings, report)
    churn = replace(churn, mbg=chosen)
    if references:
        on_progress("Fitting reference models", 0, 0)
        report["models"] |= _references(distinct, rfm)
    layer = _layer(panel, until_day, horizon_days, now, chosen, len(rfm), warnings, report, on_progress)
    if layer is not None:
        churn = replace(churn, layer=layer.layer)
    spend = _spend(report) if panel.main_currency(until_day)[1] == 1.0 else None
    derived = replace(base.derived, spend=spend)
    return _done(replace(base, churn=churn, derived=derived), warnings, report)


def _spend(report: dict[str, Any]) -> Spend | None:
    """Gamma-Gamma for the lifetime value; None if it was not fitted or has no mean."""
    found = report["models"].get("gamma_gamma")
    if found is None or not found["converged"]:
        return None
    given = found["parameters"]
    return Spend(**given) if 1.0 < given["q"] <= 1e6 and given["p"] <= 1e6 else None


def shown_day(day: int) -> str:
    """ISO date of a day since 1990-01-01."""
    return (date(1990, 1, 1) + timedelta(days=day)).isoformat()


def _history_days(panel: Panel, until_day: int) -> int:
    days = panel.day[panel.day <= until_day]
    return until_day - int(days.min()) + 1 if len(days) else 0


def _done(parameters: Parameters, warnings: list[str], report: dict[str, Any]) -> Fit:
    report["warnings"] = warnings
    report["model_version"] = parameters.model_version
    return Fit(parameters, warnings, report)


def _about_the_data(panel: Panel) -> list[str]:
    reading, found = panel.reading, []
    bad = reading.causes.total()
    if bad:
        causes = ", ".join(f"{n:,} {cause}" for cause, n in reading.causes.most_common())
        found.append(f"{bad:,} of {reading.n_lines:,} lines were no interaction and were left out: {causes}")
    if len(reading.currencies) > 1:
        counts = ", ".join(f"{n:,} {name}" for name, n in reading.currencies.most_common())
        found.append(
            f"purchases are in several currencies ({counts}), by {reading.n_mixed:,} customers in more than "
            "one: amounts are summed as bare numbers"
        )
    return found


def _comparable(panel: Panel, until_day: int, warnings: list[str]) -> bool:
    """Whether amounts are in one currency, but for a few."""
    name, share = panel.main_currency(until_day)
    if share < MAIN_CURRENCY:
        warnings.append(
            f"only {share:.0%} of the purchase days are in {name}: amounts cannot be compared and get no "
            "coefficient"
        )
    return share >= MAIN_CURRENCY


def _purchase_model(
    distinct: Histories, mbg: Estimate, nbd: Estimate, warnings: list[str], report: dict[str, Any]
) -> tuple[Models, Mbg]:
    """The models of the layer, and the MBG/NBD that the parameters hold."""
    why = degenerate(mbg, nbd)
    report["models"]["mbgnbd"]["degenerate"] = why or None
    if not why and distinct.n >= MIN_LAYER:
        if not mbg.converged:
            warnings.append(
                "the search for MBG/NBD's maximum did not end at a flat place; look at its errors"
            )
        return Models(mbg_of(mbg), nbd_of(nbd), ""), mbg_of(mbg)
    met = fit_mbg(distinct, PRIOR)
    report["models"]["mbgnbd_with_prior"] = estimate_report(met)
    if why:
        warnings.append(
            f"MBG/NBD is degenerate: {why}. It is met with a prior, and the layer uses the NBD in its place"
        )
        return Models(None, nbd_of(nbd), why), mbg_of(met)
    warnings.append(
        f"{distinct.n:.0f} customers: MBG/NBD is met with a prior, and {MIN_LAYER} are needed for the layer"
    )
    return Models(mbg_of(met), nbd_of(nbd), ""), mbg_of(met)


def _references(distinct: Histories, rfm: Rfm) -> dict[str, Any]:
    found = {
        "bgnbd": estimate_report(fit_bg(distinct)),
        "pareto_nbd": estimate_report(fit_pareto(distinct)),
    }
    again = rfm.x > 0
    x = rfm.x[again]
    mean = (rfm.amount - rfm.first_amount)[again] / x
    paid = mean > 0.0
    if int(paid.sum()) >= MIN_MODEL and np.ptp(mean[paid]) > 0.0:
        found["gamma_gamma"] = estimate_report(fit_spend(x[paid], mean[paid])) | {
            "customers": int(paid.sum())
        }
    return found


def _layer(
    panel: Panel,
    until_day: int,
    horizon_days: int,
    now: Models,
    chosen: Mbg,
    n: int,
    warnings: list[str],
    report: dict[str, Any],
    on_progress: Progress,
) -> LayerFit | None:
    if n < MIN_LAYER:
        return None
    found = fit_layer(
        panel,
        until_day,
        horizon_days,
        now,
        chosen,
        amounts=_comparable(panel, until_day, warnings),
        on_window=lambda done, total: on_progress("Fitting the training windows", done, total),
    )
    if isinstance(found, str):
        warnings.append(f"no layer was fitted: {found}")
        return None
    if n < FEW:
        warnings.append(f"{n} customers are few: expect other coefficients from other {n}")
    if found.rfm is None:
        warnings.append(
            f"the horizon of {horizon_days} days is longer than the {found.layer.history_days} days of "
            "history: the risk is extrapolated, and its recency and age half is left out; shorten "
            f"--horizon-days to {found.layer.history_days}, or learn from a longer history"
        )
    odd = [window for window in found.windows if window.models.why]
    if odd:
        days = ", ".join(shown_day(window.origin) for window in odd)
        warnings.append(
            f"MBG/NBD is degenerate in {len(odd)} of {len(found.windows)} training windows ({days}), the NBD "
            f"is used there; in the latest {odd[0].models.why}"
        )
    report["layer"] = layer_report(found, shown_day)
    return found
