"""The parameters of the churn risk, from the purchases up to a day and nothing after it."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from stream.model.parameters import Parameters
from stream.offline.panel import Panel

__all__ = ["Fit", "fit"]


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


def fit(panel: Panel, until_day: int, horizon_days: int, base: Parameters) -> Fit:
    """Parameters for P(no purchase in the next `horizon_days`) from purchases up to and including a day."""
    churn = msgspec.structs.replace(base.churn, horizon_days=horizon_days)
    known = len(panel.at(until_day))
    warning = f"{known} customers: the purchase model is the one given, nothing is fitted yet"
    return Fit(msgspec.structs.replace(base, churn=churn), [warning])
