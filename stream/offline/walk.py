"""One table carried from origin to origin by the live `Pipeline`: each event once, none before its time."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from schemas.alert import AlertV1
from schemas.codec import decode_alert
from schemas.interaction import Interaction
from stream.alerts.rules import Rules
from stream.model.parameters import Parameters
from stream.offline.contract_panel import contract_panel_of
from stream.offline.panel import Panel, day_of, panel_of
from stream.offline.truth import Truth
from stream.pipeline import Effects, FileRecord, Pipeline
from stream.pipeline.decode import decode

__all__ = ["Setup", "Walk", "with_horizon", "without_layer"]

STEP = 20_000  # records of one step of the pipeline; the scores do not depend on it


@dataclass(slots=True)
class Setup:
    """What a backtest needs besides the file.

    Attributes:
        horizon_days: h.
        parameters: to start from.
        rules: of alerts.
        now_ms: wall time, for the limit on events ahead of it.
        fit: (panel that ends at the origin, its day, h) to parameters and warnings; None scores with
            `parameters` as they are.
        truth: who left and when, where that is known; empty if not.
        resamples: of the bootstrap; None: as many as the customers allow.
        on_progress: (step, done, of how much or 0).
    """

    horizon_days: int
    parameters: Parameters
    rules: Rules
    now_ms: int
    fit: Callable[[Panel, int, int], tuple[Parameters, list[str]]] | None = None
    truth: Sequence[Truth] = ()
    resamples: int | None = None
    on_progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None


class Walk:
    """The customers as of the time that was walked to, and the alerts on the way."""

    def __init__(self, read: Callable[[], Iterable[FileRecord]], setup: Setup) -> None:
        self._read, self._setup = read, setup
        self._pipeline = Pipeline(setup.parameters, setup.rules, clock="event")
        self._table = self._pipeline.new_table()
        self._until_ms = -1  # lines without a readable time have timestamp -1; the timeline counts them
        self._alerts: list[bytes] = []

    def to(self, time_ms: int, step: str = "Replaying events up to the origin") -> None:
        """Apply every event up to and including `time_ms`."""
        chosen = (each for each in self._read() if self._until_ms < each.timestamp <= time_ms)
        done = 0
        for run in _runs(chosen):
            effects = self._pipeline.step(self._table, run, self._setup.now_ms)
            self._alerts += (value for _key, value in effects.alert_log)
            done += len(run)
            self._setup.on_progress(step, done, 0)
        self._until_ms = time_ms

    def adopt(self, parameters: Parameters) -> None:
        """Go on with parameters fitted at the origin reached; stored sums do not depend on what is fitted."""
        assert parameters.statistics_hash == self._pipeline.statistics
        self._pipeline = Pipeline(parameters, self._setup.rules, clock="event")

    def watch(self, until_ms: int) -> None:
        """Go on beyond the last origin with the parameters of then, and listen to silence every day."""
        parameters = self._pipeline.parameters
        daily = replace(parameters.publication, event_clock_sweep_days=1)
        self.adopt(replace(parameters, publication=daily))
        self.to(until_ms, "Replaying the horizon for its alerts")

    def alerts(self) -> list[AlertV1]:
        """Transitions of alerts so far."""
        return list(map(decode_alert, self._alerts))

    @property
    def customers(self) -> int:
        """Known so far."""
        return len(self._table)

    def risk(self, parameters: Parameters, number: dict[bytes, int], time_ms: int) -> NDArray[np.float64]:
        """(len(number),) churn risk at a time, by customer's number; nan where absent or unknown."""
        pipeline = Pipeline(parameters, self._setup.rules, clock="event")
        keys, scores = pipeline.scores(self._table, time_ms)
        risk = np.full(len(number), np.nan)
        risk[[number[key] for key in keys]] = scores.risk.churn_risk
        return risk

    def panel(self, until_ms: int) -> Panel:
        """Purchases and contracts up to a time, and nothing else of the file.

        It ends with the day of that time even if nothing happened on it: the file goes on, so it was silent.
        """
        panel, day = panel_of(self._events(until_ms)), day_of(until_ms)
        who, contracts = panel.contractual, None
        if who:  # their events once more, and only theirs: nobody else's need to be held
            steps = contract_panel_of(each for each in self._events(until_ms) if each.customer_id in who)
            contracts = dataclasses.replace(steps, last_day=day)
        return dataclasses.replace(panel, last_day=day, contracts=contracts)

    def _events(self, until_ms: int) -> Iterator[Interaction]:
        for run in _runs(each for each in self._read() if each.timestamp <= until_ms):
            yield from decode(run, self._setup.now_ms, Effects()).events


def with_horizon(parameters: Parameters, horizon_days: int) -> Parameters:
    """The same parameters speaking of another horizon; a layer fitted for one does not come along."""
    if parameters.churn.horizon_days == horizon_days:
        return parameters
    bare = without_layer(parameters)
    return replace(bare, churn=replace(bare.churn, horizon_days=horizon_days))


def without_layer(parameters: Parameters) -> Parameters:
    """The purchase model alone."""
    return replace(parameters, churn=replace(parameters.churn, layer=None))


def _runs(records: Iterator[FileRecord]) -> Iterator[list[FileRecord]]:
    while run := list(islice(records, STEP)):
        yield run
