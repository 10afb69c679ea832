"""The plots of a backtest's page, each one origin."""

import numpy as np

from stream.offline.backtest import OURS, Fold
from stream.offline.svg import Plot

__all__ = ["calibration", "distribution", "gains", "lead_days", "weeks"]

COLOURS = {OURS: "ours", "recency": "recency", "mbgnbd": "third", "logistic_rfm": "fourth"}
MOST_POINTS = 400  # of a curve: more cannot be seen
N_BARS = 25
ROOM = 1.25  # above the highest bar, for the legend


def calibration(fold: Fold) -> str:
    """What was foretold against what happened, by bins of equal count; on the diagonal is right."""
    plot = Plot(
        "Calibration: predicted risk against the share that left",
        "predicted churn risk",
        "share that left",
        percent="xy",
    )
    plot.line([(0.0, 0.0), (1.0, 1.0)], "muted", "as predicted", dashed=True)
    for name in ("recency", "mbgnbd", OURS):
        judged = fold.results[name].judged
        if judged is None:
            continue
        bins = judged.reliability()
        points = list(zip(bins.predicted.tolist(), bins.happened.tolist(), strict=True))
        tips = [
            f"{name}: {p:.1%} predicted, {y:.1%} left, {n} customers"
            for (p, y), n in zip(points, bins.n.tolist(), strict=True)
        ]
        plot.line(points, COLOURS[name])
        plot.dots(points, COLOURS[name], tips, name)
    return plot.svg()


def gains(fold: Fold) -> str:
    """Which share of those who left is found by looking at the riskiest customers first."""
    plot = Plot(
        "Lift curve: share of leavers among the customers with the highest risk",
        "customers looked at, riskiest first",
        "leavers found",
        percent="xy",
        legend_at=("right", "bottom"),
    )
    rate = fold.churn_rate
    if 0 < rate < 1:
        plot.line([(0.0, 0.0), (rate, 1.0), (1.0, 1.0)], "muted", "best possible", dashed=True)
    plot.line([(0.0, 0.0), (1.0, 1.0)], "muted")
    for name in ("logistic_rfm", "mbgnbd", "recency", OURS):
        judged = fold.results[name].judged
        if judged is None:
            continue
        shown, found = judged.gains()
        at = np.unique(np.linspace(0, len(shown) - 1, MOST_POINTS).astype(int))
        plot.line(list(zip(shown[at].tolist(), found[at].tolist(), strict=True)), COLOURS[name], name)
    return plot.svg()


def distribution(fold: Fold) -> str:
    """How the risk of those who left and of those who stayed is spread."""
    judged = fold.results[OURS].judged
    edges = np.linspace(0.0, 1.0, N_BARS + 1)
    counts = []
    if judged is not None:
        parts = (judged.happened, ~judged.happened)
        counts = [np.histogram(judged.probability[which], edges)[0] for which in parts]
    top = float(max((each.max() for each in counts if len(each)), default=1)) or 1.0
    plot = Plot(
        "Distribution of the churn risk of customers who left and who stayed",
        "churn risk at the origin",
        "customers",
        y=(0.0, top * ROOM),
        percent="x",
    )
    for each, colour, name in zip(counts, ("recency", "ours"), ("left", "stayed"), strict=False):
        plot.bars(edges.tolist(), each.tolist(), colour, name)
    return plot.svg()


def weeks(fold: Fold) -> str:
    """Share without a purchase as the horizon goes by, foretold at the origin and realised."""
    found = fold.weeks
    assert found is not None
    low = float(np.floor(10 * min(found.foretold.min(), found.realised.min())) / 10)
    plot = Plot(
        "Share of buyers without a purchase, week by week: predicted at the origin and realised",
        "weeks after the origin",
        "no purchase yet",
        x=(0.0, float(found.days[-1]) / 7.0),
        y=(min(low, 0.9), 1.0),
        percent="y",
        legend_at=("right", "top"),
    )
    at = (found.days / 7.0).tolist()
    realised = list(zip(at, found.realised.tolist(), strict=True))
    plot.line(list(zip(at, found.foretold.tolist(), strict=True)), "ours", "predicted")
    plot.line(realised, "recency", "realised", dashed=True)
    return plot.svg()


def lead_days(days: list[float]) -> str:
    """How many days before they left customers were warned of."""
    edges = np.linspace(0.0, max(7.0 * np.ceil(max(days) / 7.0), 7.0), N_BARS + 1)
    counts = np.histogram(days, edges)[0]
    plot = Plot(
        "Lead time of alerts: days before the customer left",
        "days before leaving",
        "customers",
        x=(0.0, float(edges[-1])),
        y=(0.0, float(counts.max()) * 1.05),
    )
    plot.bars(edges.tolist(), counts.tolist(), "ours")
    return plot.svg()
