"""A backtest honest in time: fitted and scored on what was known at an origin, judged by what came after.

The future is kept out by not being there: the pipeline is given the events up to the origin and no others,
and every model is fitted on a panel made of those events alone. Only `outcome` reads on. Customers are scored
by the live `Pipeline`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from schemas.interaction import Interaction
from stream.alerts.rules import Rules
from stream.model.columns import MS_PER_DAY
from stream.model.parameters import Parameters
from stream.offline import bootstrap as resampling
from stream.offline.contenders import CONTENDERS, contenders, contract_rate
from stream.offline.metrics import MEASURES, Judged
from stream.offline.origins import Origin
from stream.offline.panel import Panel, Rfm, day_of, panel_of
from stream.offline.timeline import Outcome, Timeline, outcome
from stream.pipeline import Effects, FileRecord, Pipeline
from stream.pipeline.decode import decode

__all__ = ["MODELS", "Backtest", "Fold", "Result", "Setup", "Weeks", "backtest"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

OURS = "kizuna"
MODELS = (OURS, *CONTENDERS)
GAP = 0.05  # predicted against realised rate of a fold: beyond it the fit no longer holds
MOST_WEEKS = 26  # points of the curve over the horizon
STEP = 20_000  # records of one step of the pipeline; the scores do not depend on it


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
class Setup:
    """What a backtest needs besides the file.

    Attributes:
        horizon_days: h.
        parameters: to start from.
        fit: (panel that ends at the origin, its day, h) to parameters and warnings; None scores with
            `parameters` as they are.
        rules: of alerts.
        now_ms: wall time, for the limit on events ahead of it.
        resamples: of the bootstrap; None: as many as the customers allow.
        on_progress: (step, done, of how much or 0).
    """

    horizon_days: int
    parameters: Parameters
    rules: Rules
    now_ms: int
    fit: Callable[[Panel, int, int], tuple[Parameters, list[str]]] | None = None
    resamples: int | None = None
    on_progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None


@dataclass(slots=True)
class Backtest:
    """All folds, the asked origin first, then backwards in time."""

    folds: list[Fold]
    warnings: list[str]


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
    walk = _Walk(read, setup)
    folds = [_fold(timeline, origin, walk, setup) for origin in reversed(origins)][::-1]
    return Backtest(folds, [])


class _Walk:
    """One table carried from origin to origin: each event is applied once, and none before its time."""

    def __init__(self, read: Callable[[], Iterable[FileRecord]], setup: Setup) -> None:
        self.read, self._setup = read, setup
        self._pipeline = Pipeline(setup.parameters, setup.rules, clock="event")
        self._table = self._pipeline.new_table()
        self._until_ms = -1  # lines without a readable time have timestamp -1 and are counted by the timeline

    def to(self, time_ms: int) -> None:
        """Apply every event up to and including `time_ms`."""
        chosen = (each for each in self.read() if self._until_ms < each.timestamp <= time_ms)
        done = 0
        for run in _runs(chosen):
            self._pipeline.step(self._table, run, self._setup.now_ms)
            done += len(run)
            self._setup.on_progress("Replaying events up to the origin", done, 0)
        self._until_ms = time_ms

    def adopt(self, parameters: Parameters) -> Pipeline:
        """Go on with parameters fitted at the origin reached; stored sums do not depend on what is fitted."""
        assert parameters.statistics_hash == self._pipeline.statistics
        self._pipeline = Pipeline(parameters, self._setup.rules, clock="event")
        return self._pipeline

    def risk(self, parameters: Parameters, number: dict[bytes, int], time_ms: int) -> Floats:
        """(customers of the timeline,) churn risk at a time; nan where absent or unknown."""
        pipeline = Pipeline(parameters, self._setup.rules, clock="event")
        keys, scores = pipeline.scores(self._table, time_ms)
        risk = np.full(len(number), np.nan)
        risk[[number[key] for key in keys]] = scores.risk.churn_risk
        return risk


def _events(records: Iterable[FileRecord], until_ms: int, now_ms: int) -> Iterator[Interaction]:
    """The valid events up to a time."""
    for run in _runs(each for each in records if each.timestamp <= until_ms):
        yield from decode(run, now_ms, Effects()).events


def _rfm_of(everybody: Rfm, panel: Panel, keys: list[bytes]) -> Rfm:
    """Histories of the given customers, in their order."""
    place = {panel.keys[customer].encode(): i for i, customer in enumerate(everybody.customer.tolist())}
    at = np.array([place[key] for key in keys], np.int64)
    return Rfm(*(getattr(everybody, name)[at] for name in Rfm.__slots__))


def _runs(records: Iterator[FileRecord]) -> Iterator[list[FileRecord]]:
    while run := list(islice(records, STEP)):
        yield run


def _fold(timeline: Timeline, origin: Origin, walk: _Walk, setup: Setup) -> Fold:
    horizon = setup.horizon_days
    walk.to(origin.known_ms)
    cut = timeline.until(origin.known_ms)
    panel = panel_of(_events(walk.read(), origin.known_ms, setup.now_ms))
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


def with_horizon(parameters: Parameters, horizon_days: int) -> Parameters:
    """The same parameters speaking of another horizon."""
    return replace(parameters, churn=replace(parameters.churn, horizon_days=horizon_days))


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
    walk: _Walk,
    parameters: Parameters,
    number: dict[bytes, int],
    found: Outcome,
    setup: Setup,
) -> Weeks | None:
    """Foretold against realised share without a purchase, as the horizon goes by."""
    buys = np.flatnonzero(found.buys)
    if not len(buys):
        return None
    horizon = setup.horizon_days
    step = 7 * max(1, -(-horizon // (7 * MOST_WEEKS)))
    days = np.unique(np.append(np.arange(step, horizon, step), horizon))
    after = timeline.bought_ms > origin.known_ms
    first_ms = np.full(len(number), np.iinfo(np.int64).max)
    np.minimum.at(first_ms, timeline.buyer[after], timeline.bought_ms[after])
    foretold, realised = [], []
    for i, day in enumerate(days.tolist()):
        walk_risk = walk.risk(with_horizon(parameters, day), number, origin.scored_ms)[buys]
        foretold.append(float(np.nanmean(walk_risk)))
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
