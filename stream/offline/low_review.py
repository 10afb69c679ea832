"""How well low reviews are foreseen when the customer is asked: fitted every month, judged on the next."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from stream.errors import DataError
from stream.model.columns import Floats, Ints
from stream.model.dissatisfaction import DRIVERS, FEATURES, SIGNS, Dissatisfaction, features
from stream.offline.bootstrap import bootstrap, interval, resamples_for
from stream.offline.known import facts
from stream.offline.logistic import fit_logistic
from stream.offline.metrics import Judged, auc
from stream.offline.orders import Orders, Reviews

__all__ = ["LOW", "MIN_OF_EACH", "Month", "Scores", "Verdict", "fit", "judge"]

LOW = 2
"""A rating up to this is a low one."""

RIDGE = 30.0
"""Penalty on standardised coefficients, in units of the log-likelihood."""

MIN_OF_EACH = 50
"""Low reviews, and others, without which a month is not fitted: fewer say nothing of thirty inputs."""

KNOWN_SHARE = 0.5
"""If so many orders say what is in them, the others are left out: a gap may tell how it ended."""

Bools = NDArray[np.bool_]


class Month(NamedTuple):
    """One refit.

    Attributes:
        month: as 2017-09.
        n_train: reviews it was learnt from.
        n: reviews judged.
        low: share of low ones among them.
        predicted: mean of what was foretold.
        auc: of the model.
        auc_overdue: of the bare days overdue.
    """

    month: str
    n_train: int
    n: int
    low: float
    predicted: float
    auc: float
    auc_overdue: float


class Scores(NamedTuple):
    """How good probabilities were: measures of `stream.offline.metrics`, and the AUC's 95 % interval."""

    auc: float
    auc_low: float
    auc_high: float
    pr_auc: float
    brier: float
    log_loss: float
    ece: float


class Verdict(NamedTuple):
    """What came of it.

    Attributes:
        n: reviews judged.
        low: share of low ones among them.
        models: by name: kizuna, overdue_days (AUC and PR-AUC are of the bare days, the rest of a logistic on
            them), base_rate (the share of low ones so far).
        gain: AUC of kizuna less that of the days, and the 95 % interval of the difference (paired bootstrap).
        months: each refit.
        at: (n,) which reviews.
        probability: (n,) foretold for them.
        drivers: (n, len(DRIVERS)) log-odds against the average order.
        n_left_out: reviews in the window that were not judged, by cause.
    """

    n: int
    low: float
    models: dict[str, Scores]
    gain: tuple[float, float, float]
    months: list[Month]
    at: Ints
    probability: Floats
    drivers: Floats
    n_left_out: dict[str, int]


def judge(
    orders: Orders,
    reviews: Reviews,
    from_ms: int | None,
    until_ms: int | None,
    among: Bools | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Verdict:
    """Refit at the start of each month (UTC) on what was answered by then, and judge what is asked in it.

    Nothing from a month's start on is in its model, and nothing from the moment of asking on in an order's
    facts; sellers are judged by reviews answered before that moment.

    Args:
        orders: of the history.
        reviews: of the history.
        from_ms: judged are reviews asked from here on; the first month that can be fitted if None.
        until_ms: and before this; all if None.
        among: learn from and judge only these reviews; what is known of sellers comes from all.
        on_progress: told (months done, months).

    Raises:
        DataError: no month can be fitted; says what is missing.
    """
    low = reviews.rating <= LOW
    chosen, left_out = _usable(orders, reviews, among)
    inputs = features(facts(orders, reviews, low, reviews.order[chosen], reviews.asked_ms[chosen]))
    rows = _Rows(inputs, low[chosen], reviews.asked_ms[chosen], reviews.answered_ms[chosen])
    borders = list(pairwise(_months(rows.asked_ms, from_ms, until_ms)))
    judged = []
    for number, (start, end) in enumerate(borders):
        on_progress(number, len(borders))
        now = np.flatnonzero((rows.asked_ms >= start) & (rows.asked_ms < end))
        before = np.flatnonzero(rows.answered_ms < start)
        n_low = int(rows.low[before].sum())
        if min(n_low, len(before) - n_low) >= MIN_OF_EACH and len(now):
            judged.append(_judged(rows, start, before, now))
        elif len(now):
            left_out["too_little_before"] = left_out.get("too_little_before", 0) + len(now)
    if not judged:
        raise DataError(
            f"no month can be judged: of {len(chosen):,} reviews of promised deliveries "
            f"{int(rows.low.sum()):,} are low; {MIN_OF_EACH} low and {MIN_OF_EACH} others must come first",
            hint="give a longer history, or another --from and --until",
        )
    return _verdict(rows, chosen, judged, left_out)


class _Rows(NamedTuple):
    """Reviews that can be learnt from: inputs (n, k), and what and when the customers answered."""

    inputs: Floats
    low: Bools
    asked_ms: Ints
    answered_ms: Ints


class _Judged(NamedTuple):
    """A month: which rows, and what was foretold for them by each model."""

    month: Month
    now: Ints
    probability: Floats
    overdue: Floats
    base: Floats
    drivers: Floats


def fit(inputs: Floats, low: Bools) -> Dissatisfaction:
    """The model that penalised maximum likelihood gives.

    Args:
        inputs: (n, len(FEATURES)).
        low: (n,), both outcomes present.
    """
    signs = np.array([SIGNS.get(name, 0) for name in FEATURES], np.int64)
    found = fit_logistic(inputs, low, np.ones(len(low)), RIDGE, signs)
    return Dissatisfaction(found.mean, found.coefficients, found.intercept)


def _judged(rows: _Rows, start_ms: int, before: Ints, now: Ints) -> _Judged:
    """Learn from some rows, foretell others."""
    truth, days = rows.low[now], rows.inputs[:, [FEATURES.index("overdue")]]
    model = fit(rows.inputs[before], rows.low[before])
    plain = fit_logistic(days[before], rows.low[before], np.ones(len(before)), 1e-6, np.zeros(1, np.int64))
    p = model.probability(rows.inputs[now])
    month = Month(
        datetime.fromtimestamp(start_ms / 1000, UTC).strftime("%Y-%m"),
        len(before),
        len(now),
        float(truth.mean()),
        float(p.mean()),
        auc(truth, p),
        auc(truth, days[now, 0]),
    )
    base = np.full(len(now), rows.low[before].mean())
    drivers = _drivers(model, rows.inputs[now])
    return _Judged(month, now, p, expit(plain.log_odds(days[now])), base, drivers)


def _verdict(rows: _Rows, chosen: Ints, judged: list[_Judged], left_out: dict[str, int]) -> Verdict:
    now = np.concatenate([month.now for month in judged])
    p = np.concatenate([month.probability for month in judged])
    overdue = np.concatenate([month.overdue for month in judged])
    base = np.concatenate([month.base for month in judged])
    happened, days = rows.low[now], rows.inputs[now, FEATURES.index("overdue")]
    ranked = {"kizuna": Judged(happened, p), "days": Judged(happened, days)}
    drawn = bootstrap(ranked, resamples_for(len(now)))
    kizuna, bare = (drawn[name]["auc"] for name in ranked)
    scores = {
        "kizuna": _scores(ranked["kizuna"], ranked["kizuna"], interval(kizuna)),
        "overdue_days": _scores(Judged(happened, overdue), ranked["days"], interval(bare)),
        "base_rate": _scores(Judged(happened, base), Judged(happened, base), (float("nan"),) * 2),
    }
    return Verdict(
        n=len(now),
        low=float(happened.mean()),
        models=scores,
        gain=(scores["kizuna"].auc - scores["overdue_days"].auc, *interval(kizuna - bare)),
        months=[month.month for month in judged],
        at=chosen[now],
        probability=p,
        drivers=np.concatenate([month.drivers for month in judged]),
        n_left_out=left_out,
    )


def _usable(orders: Orders, reviews: Reviews, among: Bools | None) -> tuple[Ints, dict[str, int]]:
    """Reviews that can be learnt from and judged, and how many cannot, by cause."""
    wanted = np.ones(len(reviews.ids), np.bool_) if among is None else among
    promised = orders.ordered_ms[reviews.order] < reviews.asked_ms
    contents = orders.contents_ms[reviews.order] < reviews.asked_ms
    needed = contents[wanted & promised]
    ask = len(needed) > 0 and needed.mean() >= KNOWN_SHARE
    usable = wanted & promised & (contents if ask else True)
    causes = {
        "no_delivery": reviews.n_unplaced,
        "promised_later": int((wanted & ~promised).sum()),
        "contents_unknown": int((wanted & promised & ~usable).sum()),
    }
    return np.flatnonzero(usable), {cause: n for cause, n in causes.items() if n}


def _months(asked: Ints, from_ms: int | None, until_ms: int | None) -> list[int]:
    """Borders of the months: the window's beginning, the first of each month inside, its end."""
    if not len(asked):
        return []
    begin = int(asked.min()) if from_ms is None else from_ms
    end = int(asked.max()) + 1 if until_ms is None else until_ms
    day = datetime.fromtimestamp(begin / 1000, UTC)
    year, month = day.year, day.month
    borders = [begin]
    while True:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        next_ms = int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000)
        if next_ms >= end:
            return [*borders, end] if end > begin else borders
        borders.append(next_ms)


def _drivers(model: Dissatisfaction, inputs: Floats) -> Floats:
    parts = model.contributions(inputs)
    return np.stack(
        [parts[:, [FEATURES.index(name) for name in names]].sum(axis=1) for names in DRIVERS.values()], axis=1
    )


def _scores(foretold: Judged, ranked: Judged, ends: tuple[float, float]) -> Scores:
    return Scores(
        auc=float(ranked.auc()[0]),
        auc_low=ends[0],
        auc_high=ends[1],
        pr_auc=float(ranked.pr_auc()[0]),
        brier=float(foretold.brier()[0]),
        log_loss=float(foretold.log_loss()[0]),
        ece=float(foretold.ece()[0]),
    )
