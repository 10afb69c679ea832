"""A backtest as one JSON object, and as the table that people read."""

import math
from typing import Any

from stream.offline.backtest import Backtest, Fold, Result
from stream.offline.backtest_lead import Quality
from stream.offline.leadtime import FLAP_DAYS
from stream.offline.metrics import MEASURES
from stream.offline.response import answer_line

__all__ = ["COLUMNS", "alert_lines", "as_json", "cells", "lead_lines", "shown", "table"]

DIGITS = 5
KEYS = {"lift": "lift_10"}
"""Names that scripts read, where they differ from ours."""

COLUMNS = (
    "AUC",
    "95 %",
    "kizuna minus it",
    "PR-AUC",
    "Brier",
    "skill",
    "log loss",
    "ECE",
    "by count",
    "lift 10 %",
)


def as_json(found: Backtest, horizon_days: int) -> dict[str, Any]:
    """The keys of the first fold at the top, every fold under `folds`, nan as null."""
    first = found.folds[0]
    return {
        **_fold(first),
        "horizon_days": horizon_days,
        "lead_time": None if found.lead is None else {"source": found.lead.source} | found.lead.summary,
        "alerts": _alerts(found.quality),
        "folds": [_fold(fold) for fold in found.folds],
        "warnings": found.warnings + [each for each in first.warnings if each not in found.warnings],
    }


def _fold(fold: Fold) -> dict[str, Any]:
    return {
        "origin": fold.origin.text,
        "customers": fold.n,
        "buyers": fold.n_buys,
        "contractual": fold.n_contractual,
        "left_before": fold.n_over,
        "churn_rate": _number(fold.churn_rate),
        "predicted_rate": _number(fold.foretold),
        "model_version": fold.model_version,
        "resamples": fold.resamples,
        "models": {name: _result(result) for name, result in fold.results.items()},
        "warnings": fold.warnings,
    }


def _alerts(found: Quality | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "alerts": found.alerts,
        "customers": found.customers,
        "per_1000_and_week": _number(found.per_1000_and_week),
        "flaps": found.flaps,
        "flap_rate": _number(found.flap_rate),
        "flap_days": FLAP_DAYS,
        "response": found.response,
    }


def _result(result: Result) -> dict[str, Any]:
    values = {KEYS.get(what, what): _number(result.measures.get(what)) for what in (*MEASURES, "lift_max")}
    return values | {
        "intervals": {
            KEYS.get(what, what): [_number(each) for each in ends] for what, ends in result.intervals.items()
        },
        "kizuna_minus_this": {
            KEYS.get(what, what): [_number(each) for each in three]
            for what, three in result.ours_minus_this.items()
        },
        "absent": result.why_absent or None,
    }


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, DIGITS)


def table(fold: Fold) -> list[str]:
    """Lines of the table: a model each, ours first."""
    rows: list[tuple[str, ...]] = [("model", *COLUMNS)]
    rows += [(name, *cells(result)) for name, result in fold.results.items()]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def cells(result: Result) -> list[str]:
    """A model's `COLUMNS` as text; dashes where it cannot be."""
    if result.judged is None or not result.measures:
        return ["-"] * len(COLUMNS)
    m, low_high = result.measures, result.intervals["auc"]
    return [
        shown(m["auc"]),
        f"{shown(low_high[0], 3)}-{shown(low_high[1], 3)}" if math.isfinite(low_high[0]) else "-",
        _difference(result),
        shown(m["pr_auc"]),
        shown(m["brier"]),
        shown(m["brier_skill"]),
        shown(m["log_loss"]),
        shown(m["ece"]),
        shown(m["ece_equal_count"]),
        f"{shown(m['lift'], 2)} of {shown(m['lift_max'], 2)}" if math.isfinite(m["lift"]) else "-",
    ]


def shown(value: float, digits: int = 4) -> str:
    """A number of the table; a dash where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def _difference(result: Result) -> str:
    """AUC of ours minus this one's, with the interval of the difference."""
    three = result.ours_minus_this.get("auc")
    if three is None or not math.isfinite(three[0]):
        return ""
    return f"{three[0]:+.3f} [{three[1]:+.3f}, {three[2]:+.3f}]"


def alert_lines(found: Quality | None) -> list[str]:
    """How many alerts the horizon would have brought, how steady they were, how soon answered; for people."""
    if found is None:
        return []
    rate = (
        "" if found.flap_rate is None else f", {found.flap_rate:.1%} of them back within {FLAP_DAYS:g} days"
    )
    said = (
        f"{found.alerts:,} alerts in the horizon: {found.per_1000_and_week:.1f} per 1,000 customers and week"
    )
    return [said + rate, answer_line(found.response)]


def lead_lines(found: Backtest) -> list[str]:
    """How early alerts came, for people; nothing where no day of leaving is known."""
    if found.lead is None:
        return []
    of, source = found.lead.summary, found.lead.source
    said = [f"{of['left']:,} left on a day known from {source}, {of['warned']:,} with an open alert"]
    if of["warned"]:
        quartiles = f"quartiles {of['q25_days']:.0f} and {of['q75_days']:.0f}"
        said.append(
            f"alerts came {of['median_days']:.0f} days before in the median ({quartiles}), "
            f"{of['share_14d']:.0%} of them 14 days or more"
        )
    return said
