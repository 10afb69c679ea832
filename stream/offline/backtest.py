"""A backtest honest in time: fitted and scored on what was known at an origin, judged by what came after.

The future is kept out by not being there: the pipeline is given the events up to the origin and no others,
and every model is fitted on a panel made of those events alone. Only `outcome` reads on. Customers are scored
by the live `Pipeline`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from stream.model.columns import MS_PER_DAY
from stream.model.parameters import Parameters
from stream.offline import bootstrap as resampling
from stream.offline.backtest_lead import Lead, Quality, lead, leavers, quality
from stream.offline.contenders import CONTENDERS, contenders, contract_rate
from stream.offline.leadtime import episodes
from stream.offline.metrics import MEASURES, Judged
from stream.offline.origins import Origin
from stream.offline.panel import Panel, Rfm, day_of
from stream.offline.timeline import Outcome, Timeline, outcome
from stream.offline.walk import Setup, Walk, with_horizon, without_layer
from stream.pipeline import FileRecord

__all__ = ["MODELS", "Backtest", "Fold", "Result", "Weeks", "backtest"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

OURS = "kizuna"
MODELS = (OURS, *CONTENDERS)
GAP = 0.05  # predicted against realised rate of a fold: beyond it the fit no longer holds
MOST_WEEKS = 26  # points of the curve over the horizon
TINY = 1e-12


@dataclass(slots=True)
class Result:
    """One model at one origin.

    Attributes:
        judged: its predictions beside the outcomes; None where the model cannot be.
        why_absent: then, the reason.
        measures: by name; nan where undefined. Has `lift_max` beside the resampled ones.
        intervals: 95 % bootstrap interval of each resampled measure.
        ours_minus_this: (difference, low, high) of each measure, paired over the same resamples.
    """

    judged: Judged | None = None
    why_absent: str = ""
    measures: dict[str, float] = field(default_factory=dict)
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    ours_minus_this: dict[str, tuple[float, float, float]] = field(default_factory=dict)


@dataclass(slots=True)
class Weeks:
    """Share without a purchase by days since the origin, foretold and realised; arrays (w,)."""

    days: NDArray[np.int64]
    foretold: Floats
    realised: Floats


@dataclass(slots=True)
class Fold:
    """One origin.

    Attributes:
        origin: of this fold.
        n_buys: judged customers who buy; `n_contractual` those with a contract; `n_over` those left out.
        churn_rate: of all judged.
        foretold: mean predicted risk of ours.
        results: by model, in the order of `MODELS`.
        weeks: None where nobody buys.
        model_version: of the parameters that ours was scored with.
        resamples: of the bootstrap.
        warnings: of this fold.
    """

    origin: Origin
    n_buys: int
    n_contractual: int
    n_over: int
    churn_rate: float
    foretold: float
    results: dict[str, Result]
    weeks: Weeks | None
    model_version: str
    resamples: int
    warnings: list[str]

    @property
    def n(self) -> int:
        """Judged customers."""
        return self.n_buys + self.n_contractual


@dataclass(slots=True)
class Backtest:
    """What all folds came to.

    Attributes:
        folds: the asked origin first, then backwards in time.
        warnings: of the file and the plan; those of a fold are the fold's.
        lead: how early alerts came in the horizon after the asked origin; None where nobody is known to
            have left on a day.
        quality: how many alerts opened in that horizon, and how steady they were.
    """

    folds: list[Fold]
    warnings: list[str]
    lead: Lead | None = None
    quality: Quality | None = None


def backtest(
    timeline: Timeline, read: Callable[[], Iterable[FileRecord]], origins: list[Origin], setup: Setup
) -> Backtest:
    """Score and judge at every origin.

    Args:
        timeline: the whole file, for fits (cut at each origin) and outcomes.
        read: the records of the same file, anew at each call.
        origins: latest first, checked by `origins.plan`.
        setup: the rest.
    """
    walk = Walk(read, setup)
    asked, horizon = origins[0], setup.horizon_days
    leaving = leavers(timeline, asked, horizon, setup.truth)
    folds = [_fold(timeline, origin, walk, setup) for origin in reversed(origins)][::-1]
    found = Backtest(folds, [])
    walk.watch(asked.known_ms + horizon * MS_PER_DAY)
    log = walk.alerts()
    if walk.customers:
        found.quality = quality(log, walk.customers, asked, horizon)
    if leaving:
        found.lead = lead(episodes(log), leaving, from_truth=bool(setup.truth))
    return found


def _rfm_of(everybody: Rfm, panel: Panel, keys: list[bytes]) -> Rfm:
    """Histories of the given customers, in their order."""
    place = {panel.keys[customer].encode(): i for i, customer in enumerate(everybody.customer.tolist())}
    at = np.array([place[key] for key in keys], np.int64)
    return Rfm(*(getattr(everybody, name)[at] for name in Rfm.__slots__))


def _fold(timeline: Timeline, origin: Origin, walk: Walk, setup: Setup) -> Fold:
    horizon = setup.horizon_days
    walk.to(origin.known_ms)
    cut = timeline.until(origin.known_ms)
    panel = walk.panel(origin.known_ms)
    warnings: list[str] = []
    parameters = setup.parameters
    if setup.fit is not None:
        setup.on_progress("Fitting on what was known", 0, 0)
        parameters, told = setup.fit(panel, day_of(origin.known_ms), horizon)
        warnings += told
    parameters = with_horizon(parameters, horizon)
    walk.adopt(parameters)
    number = {key: i for i, key in enumerate(timeline.keys)}
    found = outcome(timeline, origin.known_ms, horizon * MS_PER_DAY)
    risk = walk.risk(parameters, number, origin.scored_ms)
    judged = np.flatnonzero(found.judged & np.isfinite(risk))
    happened = found.churned[judged]
    by_model: dict[str, Floats | str] = {OURS: risk[judged]} if len(judged) else {OURS: "nobody to judge"}
    setup.on_progress("Fitting the baselines", 0, 0)
    buys = found.buys[judged]
    day = day_of(origin.known_ms)
    known = _rfm_of(panel.at(day), panel, [timeline.keys[i] for i in judged[buys].tolist()])
    others = contenders(
        panel, known, buys, day, horizon, lambda: contract_rate(cut, origin.known_ms, horizon)
    )
    by_model |= others.said
    results = {
        name: Result(why_absent=told) if isinstance(told, str) else Result(Judged(happened, told))
        for name, told in by_model.items()
    }
    warnings += others.remarks
    warnings += _absent(results)
    setup.on_progress("Resampling", 0, 0)
    resamples = _measure(results, len(judged), setup.resamples)
    fold = Fold(
        origin=origin,
        n_buys=int(found.buys[judged].sum()),
        n_contractual=int(found.contractual[judged].sum()),
        n_over=found.n_over,
        churn_rate=float(happened.mean()) if len(judged) else float("nan"),
        foretold=float(risk[judged].mean()) if len(judged) else float("nan"),
        results=results,
        weeks=_weeks(timeline, origin, walk, parameters, number, found, setup),
        model_version=parameters.model_version,
        resamples=resamples,
        warnings=warnings,
    )
    fold.warnings += _remarks(fold, happened)
    return fold


def _measure(results: dict[str, Result], n: int, resamples: int | None) -> int:
    """Fill in measures, intervals and differences; returns the number of resamples."""
    judged = {name: result.judged for name, result in results.items() if result.judged is not None}
    if not judged or not n:
        return 0
    resamples = resamples or resampling.resamples_for(n)
    drawn = resampling.bootstrap(judged, resamples)
    for name, each in judged.items():
        result = results[name]
        result.measures = {what: float(values[0]) for what, values in each.measures().items()}
        result.measures["lift_max"] = float(each.lift_max()[0])
        result.intervals = {what: resampling.interval(drawn[name][what]) for what in MEASURES}
        if OURS in judged and name != OURS:
            result.ours_minus_this = {
                what: (
                    results[OURS].measures[what] - result.measures[what],
                    *resampling.interval(drawn[OURS][what] - drawn[name][what]),
                )
                for what in MEASURES
            }
    return resamples


def _weeks(
    timeline: Timeline,
    origin: Origin,
    walk: Walk,
    parameters: Parameters,
    number: dict[bytes, int],
    found: Outcome,
    setup: Setup,
) -> Weeks | None:
    """Foretold against realised share without a purchase, as the horizon goes by.

    A fitted layer speaks of one horizon. For a shorter one its say, in log-odds beside the purchase model's
    at the whole horizon, is added to the purchase model's at the shorter one.
    """
    buys = np.flatnonzero(found.buys)
    if not len(buys):
        return None
    horizon = setup.horizon_days
    step = 7 * max(1, -(-horizon // (7 * MOST_WEEKS)))
    days = np.unique(np.append(np.arange(step, horizon, step), horizon))
    after = timeline.bought_ms > origin.known_ms
    first_ms = np.full(len(number), np.iinfo(np.int64).max)
    np.minimum.at(first_ms, timeline.buyer[after], timeline.bought_ms[after])
    bare = without_layer(parameters)

    def log_odds(parameters: Parameters) -> Floats:
        return logit(np.clip(walk.risk(parameters, number, origin.scored_ms)[buys], TINY, 1.0 - TINY))

    layer = log_odds(parameters) - log_odds(bare)
    foretold, realised = [], []
    for i, day in enumerate(days.tolist()):
        foretold.append(float(np.nanmean(expit(log_odds(with_horizon(bare, day)) + layer))))
        realised.append(float((first_ms[buys] > origin.known_ms + day * MS_PER_DAY).mean()))
        setup.on_progress("Scoring week by week", i + 1, len(days))
    return Weeks(days, np.array(foretold), np.array(realised))


def _absent(results: dict[str, Result]) -> list[str]:
    """A sentence for each reason, with the models that are not there because of it."""
    reasons = dict.fromkeys(result.why_absent for result in results.values() if result.why_absent)
    return [
        f"no {', '.join(name for name, result in results.items() if result.why_absent == why)}: {why}"
        for why in reasons
    ]


def _remarks(fold: Fold, happened: Bools) -> list[str]:
    said = []
    if fold.n_over:
        said.append(f"{fold.n_over} customers left out: their contract was over before the origin")
    if fold.n and (happened.all() or not happened.any()):
        said.append("all customers met the same outcome: nothing can be ranked, AUC and lift are empty")
    elif fold.n < 200:
        said.append(f"only {fold.n} customers are judged: intervals are wide")
    if fold.n and abs(fold.foretold - fold.churn_rate) > GAP:
        said.append(
            f"calibration gap: {fold.foretold:.3f} foretold, {fold.churn_rate:.3f} happened; "
            "customers changed since the windows that the model learnt from: fit again more often"
        )
    return said
