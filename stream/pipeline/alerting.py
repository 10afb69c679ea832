"""Alerts of one publication: rules looked at, held back or let through, and said as records."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.command import CommandV1
from stream.alerts import taken_back
from stream.alerts.commands import Refused
from stream.alerts.evaluate import Evaluated, evaluate
from stream.alerts.life import Transition
from stream.alerts.rules import Rules
from stream.alerts.storm import Gate
from stream.model.columns import EPOCH_1990_MS, Floats, Ints
from stream.model.score import Facts, Scores
from stream.pipeline.data_alert import told, watch
from stream.pipeline.decisions import Decided
from stream.pipeline.decode import Decoded
from stream.pipeline.derive import worth
from stream.pipeline.effects import Effects
from stream.pipeline.encode import encode_alerts
from stream.pipeline.enrich import Playbook, Scored, causes, enrich
from stream.pipeline.measure import measure
from stream.pipeline.reasons import TopReasons
from stream.pipeline.whatif import Steps
from stream.state.table import CustomerTable

__all__ = ["Alerting", "Arrived"]

Arrived = tuple[Decoded, NDArray[np.bool_]]
"""Events of a run, and which of them were accepted."""


class Alerting:
    """Rules and playbook of a pipeline. Nothing is held back under the event clock: nobody waits for it.

    Args:
        pipeline: whose scores are looked at.
        rules: that are looked at.
        clock: of the pipeline.
        playbook: what is recommended; None: only what the rules know.
        versions: (rule version, model version).
    """

    def __init__(
        self,
        pipeline: Steps,
        rules: Rules,
        clock: Literal["wall", "event"],
        playbook: Playbook | None,
        versions: tuple[str, str],
    ) -> None:
        self._pipeline = pipeline
        self._rules = rules
        self._clock = clock
        self._playbook = playbook
        self._versions = versions

    def begin(self, table: CustomerTable) -> None:
        """Before a partition's alerts are moved: what becomes of those whose rules were taken back."""
        if table.ruled != self._versions[0]:
            table.rules = taken_back.begin(table.alerts, table.rules, self._rules)
            table.ruled = self._versions[0]

    def evaluate(
        self,
        table: CustomerTable,
        rows: Ints,
        store: NDArray[np.void],
        known: Facts,
        scores: Scores,
        now_ms: int,
        wall_ms: int,
        decided: Decided | None = None,
    ) -> Evaluated:
        """Move the alerts of n customers on, after what people did to them.

        Args:
            table: holds them; its slots and its storm are written to.
            rows: (n,) row numbers, distinct.
            store: (n,) a copy of the rows.
            known: their facts at `now_ms`.
            scores: of the same.
            now_ms: time of the scores.
            wall_ms: the wall's.
            decided: what people did to alerts of these rows just before.
        """
        parameters = self._pipeline.parameters
        gate = None
        if self._clock == "wall":

            def at_risk(chosen: Ints) -> Floats:
                risk = known.risk.of(chosen)
                value, _ = worth(table, rows[chosen], risk, now_ms, parameters)
                return value * scores.risk.churn_risk[chosen]

            newest_ms, segment = table.watermark_ms, store["segment"]
            limits, customers = self._rules.storm, len(table)
            gate = Gate(table.storm, limits, customers, now_ms, wall_ms, newest_ms, segment, at_risk)
        measured = measure(self._rules, table, rows, store, known, scores, now_ms, parameters)
        evaluated = evaluate(
            table.alerts,
            rows,
            store["events"].astype(np.int64),
            (store["last_s"].astype(np.int64) - 1) * 1000 + EPOCH_1990_MS,
            measured,
            self._rules,
            now_ms,
            gate,
            taken_back.removed(table.rules, self._rules),
        )
        if decided is not None:  # of one customer, what people did comes first
            done = decided.among(rows, measured, self._rules)
            evaluated.transitions = sorted([*done, *evaluated.transitions], key=attrgetter("customer"))
        return evaluated

    def watch(self, table: CustomerTable, seq_before: int, now_ms: int, effects: Effects) -> None:
        """Say what became of the alert about the data since the storm had that `seq`."""
        if table.storm.since_ms:
            horizon_days = self._pipeline.parameters.churn.horizon_days
            watch(table, self._rules.storm, seq_before, now_ms, horizon_days, self._versions, effects)

    def about_the_data(
        self, table: CustomerTable, command: CommandV1, now_ms: int, effects: Effects
    ) -> Refused | bool:
        """Do a command about the alert about the data; False if it was done before."""
        horizon_days = self._pipeline.parameters.churn.horizon_days
        return told(table, command, self._rules.storm, now_ms, horizon_days, self._versions, effects)

    def tell(
        self,
        table: CustomerTable,
        rows: Ints,
        keys: list[bytes],
        before: NDArray[np.void],
        known: Facts,
        scores: Scores,
        reasons: TopReasons,
        transitions: Sequence[Transition],
        now_ms: int,
        arrived: Arrived | None,
        effects: Effects,
    ) -> None:
        """Add the records of some transitions, and count them.

        Args:
            table: holds the customers.
            rows: (n,) row numbers, ascending.
            keys: (n,) whose they are.
            before: (n,) rows as they were before this publication.
            known: their facts.
            scores: of the same.
            reasons: as published.
            transitions: of these customers.
            now_ms: time of the scores.
            arrived: the events that made it necessary; None for time alone.
            effects: receives the records.
        """
        if not transitions:
            return
        said = reasons.of(np.unique([each.customer for each in transitions]))
        added = None
        if self._playbook is not None:
            caused = {} if arrived is None else causes({keys[i] for i in said}, *arrived)
            scored = Scored(table, rows, keys, known, scores, now_ms)
            added = enrich(self._pipeline, self._playbook, scored, transitions, said, caused)
        records = encode_alerts(
            keys, before, scores, said, transitions, added, self._pipeline.parameters, self._versions
        )
        effects.alerts += records
        effects.alert_log += records
        for each in transitions:
            effects.count(each)
