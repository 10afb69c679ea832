"""The functional core: `step(table, records, now_ms) -> Effects`; live worker, replay and tests call it.

One step is one transaction: what it changes in the table and what it returns belong together. It reads no
clock and does no I/O. Two clocks are possible: `wall`, where scores hold at `now_ms`; and `event`, where they
hold at the highest event time seen by the partition, and every customer is swept each time that passes a
multiple of `event_clock_sweep_days`, so that a replay hears silence at the times at which it was silent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from stream.alerts.rules import Rules
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Ints
from stream.model.drift import Sums
from stream.model.explain import Explanation, explain, observations
from stream.model.override import Standing, standing
from stream.model.parameters import Parameters
from stream.model.score import Facts, Scores, score
from stream.pipeline.alerting import Alerting, Arrived
from stream.pipeline.columns import columns
from stream.pipeline.decisions import Decided, decide
from stream.pipeline.decode import Decoded, decode, type_name
from stream.pipeline.effects import Effects
from stream.pipeline.encode import encode_scores
from stream.pipeline.enrich import Playbook
from stream.pipeline.outcomes import outcomes
from stream.pipeline.reasons import TopReasons, top_reasons
from stream.pipeline.record import Record
from stream.state import checkpoints
from stream.state.apply import apply
from stream.state.facts import facts
from stream.state.layout import put, take
from stream.state.table import CustomerTable

__all__ = ["Pipeline"]

BAND_EDGES = (0.2, 0.4, 0.6, 0.8)
BANDS = ("0-20", "20-40", "40-60", "60-80", "80-100")


class Pipeline:
    """Parameters and rules, ready to step. Holds no state of customers; safe to share between partitions.

    With a playbook alerts also say what to do; without one only what the rules know, which is all that a
    judgement of the rules needs.
    """

    def __init__(
        self,
        parameters: Parameters,
        rules: Rules,
        clock: Literal["wall", "event"] = "wall",
        playbook: Playbook | None = None,
        command_key: bytes | None = None,
    ) -> None:
        self.parameters = parameters
        self.rules = rules
        self.clock = clock
        self.playbook = playbook
        self.model_version = parameters.model_version
        self.statistics = parameters.statistics_hash
        self.sweep_every_ms = parameters.publication.event_clock_sweep_days * MS_PER_DAY
        self._command_key = command_key
        self._by_id = {rule.id: rule for rule in rules.rule}
        self._alerting = Alerting(self, rules, clock, playbook, (rules.version, self.model_version))

    def trial(self) -> "Pipeline":
        """The same model with the wall's clock and without alerts: for what-if, on copies of rows."""
        return Pipeline(self.parameters, Rules())

    def new_table(self) -> CustomerTable:
        """An empty partition."""
        return CustomerTable(self.statistics)

    def step(
        self,
        table: CustomerTable,
        records: Sequence[Record],
        now_ms: int,
        *,
        wall_ms: int | None = None,
        commands: Sequence[Record] = (),
    ) -> Effects:
        """Apply one run of records and score whom it touched; then what people decided.

        Args:
            table: the partition's rows, changed in place.
            records: one partition's records in offset order; bad ones become dead letters.
            now_ms: time the customers are scored at; the wall's, or that of a backlog.
            wall_ms: wall time, for the limit on events ahead of it; `now_ms` if not given.
            commands: records of the topic of commands, after the interactions: whoever these make known may
                be decided about. Bad ones become dead letters too.
        """
        self._alerting.begin(table)
        effects, given_up, storm_seq = Effects(), table.tails.given_up, table.storm.seq
        dirty: list[Written] = []
        wall_ms = now_ms if wall_ms is None else wall_ms
        decoded = decode(records, wall_ms, effects)
        for start, stop, sweep_ms in self._segments(table.watermark_ms, decoded.times_ms):
            if sweep_ms is not None:
                dirty.append(
                    self._publish(
                        table, table.live(0, table.n_rows), sweep_ms, wall_ms, effects, everything=False
                    )
                )
            part = decoded.part(start, stop)
            if not len(part.events):
                continue
            touched, accepted = apply(table, columns(part), self.parameters)
            table.watermark_ms = max(table.watermark_ms, int(part.times_ms.max()))
            _count(part, accepted, effects)
            if len(touched):
                time_ms = self._time_ms(table, now_ms)
                arrived = part, accepted
                dirty.append(
                    self._publish(table, touched, time_ms, wall_ms, effects, everything=True, arrived=arrived)
                )
        if commands:
            time_ms = self._time_ms(table, now_ms)
            about_the_data = partial(self._alerting.about_the_data, table, now_ms=time_ms, effects=effects)
            decided = decide(
                table, commands, wall_ms, time_ms, self._by_id, self._command_key, about_the_data, effects
            )
            if len(decided.rows):
                dirty.append(
                    self._publish(
                        table, decided.rows, time_ms, wall_ms, effects, everything=True, decided=decided
                    )
                )
        self._alerting.watch(table, storm_seq, self._time_ms(table, now_ms), effects)
        _write_rows(table, dirty, effects)
        effects.promises_given_up = table.tails.given_up - given_up
        return effects

    def sweep(self, table: CustomerTable, start: int, stop: int, now_ms: int) -> Effects:
        """Score the rows [start, stop) because time has passed; publishes what moved or is a horizon old."""
        return self._look(table, table.live(start, stop), now_ms)

    def due(self, table: CustomerTable, now_ms: int, limit: int = 1_000) -> Effects:
        """Score the rows of alerts that time alone may move, at most `limit`; publishes only what moved."""
        self._alerting.begin(table)
        time_ms = self._time_ms(table, now_ms)
        return self._look(table, table.alerts.due(time_ms, limit), now_ms)

    def _time_ms(self, table: CustomerTable, now_ms: int) -> int:
        """The time that scores of now hold at: the partition's own under the event clock."""
        return table.watermark_ms if self.clock == "event" else now_ms

    def _look(self, table: CustomerTable, rows: Ints, now_ms: int) -> Effects:
        effects = Effects()
        if len(rows):
            time_ms = self._time_ms(table, now_ms)
            _write_rows(
                table, [self._publish(table, rows, time_ms, now_ms, effects, everything=False)], effects
            )
        return effects

    def _segments(self, watermark_ms: int, times_ms: Ints) -> list["Segment"]:
        """Cut a run where the event clock passes a sweep; one segment under the wall clock."""
        n = len(times_ms)
        if self.clock == "wall" or n == 0:
            return [Segment(0, n, None)]
        clock = np.maximum.accumulate(np.maximum(times_ms, watermark_ms))
        period = clock // self.sweep_every_ms
        before = np.concatenate(
            [[watermark_ms // self.sweep_every_ms if watermark_ms else period[0]], period[:-1]]
        )
        cuts = np.flatnonzero(period != before)
        segments = [Segment(0, int(cuts[0]) if len(cuts) else n, None)]
        for cut, end in zip(cuts.tolist(), np.append(cuts, n)[1:].tolist(), strict=True):
            segments.append(Segment(cut, end, int(period[cut]) * self.sweep_every_ms))
        return segments

    def _publish(
        self,
        table: CustomerTable,
        rows: Ints,
        now_ms: int,
        wall_ms: int,
        effects: Effects,
        *,
        everything: bool,
        arrived: Arrived | None = None,
        decided: Decided | None = None,
    ) -> "Written":
        """Score `rows` at a time, move their alerts, add the records; returns the rows that changed.

        `wall_ms`: how far behind it `now_ms` is may hold alerts back.
        `arrived`: the events that made it necessary, and which of them were accepted; None for time alone.
        `decided`: what people did to alerts of these rows just before; published with all of them.
        """
        store = take(table.rows, rows)
        known = facts(table, rows, now_ms, self.parameters, store)
        scores = score(known, now_ms, self.parameters)
        standings = self._standings(table, rows, now_ms)
        evaluated = self._alerting.evaluate(table, rows, store, known, scores, now_ms, wall_ms, decided)
        transitions = evaluated.transitions
        today = (now_ms - EPOCH_1990_MS) // MS_PER_DAY + 1
        due = checkpoints.due(store, scores.risk_e4, today, self.parameters.churn.horizon_days)
        if everything:
            publish = np.ones(len(rows), np.bool_)
        else:  # whatever moves an alert is published, so the chain of scores explains the chain of alerts
            publish = self._moved(scores, store) | evaluated.moved | due
            for i, holds in standings.items():
                publish[i] |= table.tails.marks(int(rows[i])).published != holds.mark
        if not publish.all():
            chosen = np.flatnonzero(publish)
            rows, known, scores, store, due = (
                rows[chosen],
                known.of(chosen),
                scores.of(chosen),
                take(store, chosen),
                due[chosen],
            )
            standings = {
                int(np.searchsorted(chosen, i)): holds for i, holds in standings.items() if publish[i]
            }
            places = np.searchsorted(chosen, [each.customer for each in transitions]).tolist()
            transitions = [replace(each, customer=i) for each, i in zip(transitions, places, strict=True)]
        keys = table.key_list(rows)
        if len(rows):
            reasons = self._encode(keys, store, known, scores, now_ms, effects, standings)
            self._alerting.tell(
                table, rows, keys, store, known, scores, reasons, transitions, now_ms, arrived, effects
            )
            for i, holds in standings.items():
                table.tails.marks(int(rows[i])).published = holds.mark
            store["seq"] += 1
            store["trust_centi"], store["risk_e4"] = scores.trust_centi, scores.risk_e4
            if due.any():
                fresh = np.flatnonzero(due)
                risk_e4, contractual = scores.risk_e4[fresh], known.risk.contractual[fresh]
                checkpoints.note(store, fresh, risk_e4, contractual, today)
            put(table.rows, rows, store)
        return Written(rows, keys)

    def _standings(self, table: CustomerTable, rows: Ints, now_ms: int) -> dict[int, Standing]:
        """What holds at a time beside the scores, of the few rows with marks, by their place in `rows`."""
        marked = table.tails.marked
        if not marked:
            return {}
        places = [(i, row) for i, row in enumerate(rows.tolist()) if row in marked]
        marks = [(i, table.tails.marks(row)) for i, row in places]
        return {i: standing(each.last_s, each.override, now_ms, self.parameters) for i, each in marks}

    def _moved(self, scores: Scores, store: NDArray[np.void]) -> NDArray[np.bool_]:
        """Mask of customers whose scores moved far enough for a sweep to say so, or came or went."""
        limits = self.parameters.publication
        trust = np.abs(scores.trust_centi - store["trust_centi"]) >= round(limits.sweep_trust_points * 100)
        risk = np.abs(scores.risk_e4 - store["risk_e4"]) >= round(limits.sweep_churn_risk * 10_000)
        return trust | risk | ((scores.risk_e4 < 0) != (store["risk_e4"] < 0))

    def _encode(
        self,
        keys: list[bytes],
        before: NDArray[np.void],
        known: Facts,
        scores: Scores,
        now_ms: int,
        effects: Effects,
        standings: Mapping[int, Standing],
    ) -> TopReasons:
        """Records of n customers; returns the reasons in them."""
        reasons = top_reasons(scores, observations(known, scores, now_ms, self.parameters))
        effects.scores += encode_scores(
            keys, before, scores, reasons, now_ms, self.parameters, self.model_version, standings
        )
        return reasons

    def explain(self, table: CustomerTable, key: bytes, now_ms: int) -> Explanation | None:
        """Every reason of one customer at a time; None if unknown."""
        row = table.index.get(key)
        if row is None:
            return None
        known = facts(table, np.array([row]), now_ms, self.parameters)
        return explain(known, score(known, now_ms, self.parameters), now_ms, self.parameters)

    def standing(self, table: CustomerTable, key: bytes, now_ms: int) -> Standing:
        """What forces or overrides the band of one customer at a time; nothing of an unknown one."""
        row = table.index.get(key)
        found = {} if row is None else self._standings(table, np.array([row]), now_ms)
        return found.get(0, Standing((), None))

    def scores(self, table: CustomerTable, now_ms: int) -> tuple[list[bytes], Scores]:
        """Keys and scores of every customer at a time, nothing published; for evaluation and read-outs."""
        rows = table.live(0, table.n_rows)
        return table.key_list(rows), score(
            facts(table, rows, now_ms, self.parameters), now_ms, self.parameters
        )

    def score_records(self, table: CustomerTable, rows: Ints, now_ms: int) -> list[bytes]:
        """ScoreV1 of some customers at a time, as they would be published; nothing changes."""
        known = facts(table, rows, now_ms, self.parameters)
        effects = Effects()
        scores = score(known, now_ms, self.parameters)
        standings = self._standings(table, rows, now_ms)
        store = take(table.rows, rows)
        self._encode(table.key_list(rows), store, known, scores, now_ms, effects, standings)
        return [value for _, value in effects.scores]

    def outcomes(self, table: CustomerTable, start: int, stop: int) -> Sums:
        """What came of published risks whose horizon is over, of the rows [start, stop)."""
        return outcomes(table, table.live(start, min(stop, table.n_rows)), self.parameters)

    def bands(self, table: CustomerTable, start: int, stop: int) -> dict[tuple[str, str], int]:
        """Customers of the rows [start, stop) by (score, band) as last published; bands of a fifth."""
        rows = table.rows[start : min(stop, table.n_rows)]
        published = rows["seq"] > 0
        risk = rows["risk_e4"][published]
        risk = risk[risk >= 0]
        counts = {
            ("trust", band): count for band, count in _by_band(rows["trust_centi"][published] / 10_000.0)
        }
        return counts | {("churn_risk", band): count for band, count in _by_band(risk / 10_000.0)}


class Segment(NamedTuple):
    """Events [start, stop) of a run, with the sweep that comes before them."""

    start: int
    stop: int
    sweep_ms: int | None


class Written(NamedTuple):
    """Rows that one publication changed, ascending and distinct, and whose they are."""

    rows: Ints
    keys: list[bytes]


def _by_band(share: NDArray[np.float64]) -> list[tuple[str, int]]:
    counts = np.bincount(np.digitize(share, BAND_EDGES), minlength=len(BANDS))
    return list(zip(BANDS, counts.tolist(), strict=True))


def _count(part: Decoded, accepted: NDArray[np.bool_], effects: Effects) -> None:
    """Outcomes by type; duplicates are few, so they are counted one by one."""
    repeated = Counter(type(part.events[i]) for i in np.flatnonzero(~accepted).tolist())
    for kind, n in Counter(map(type, part.events)).items():
        if n > repeated[kind]:
            effects.outcomes[type_name(kind), "scored"] += n - repeated[kind]
        if repeated[kind]:
            effects.outcomes[type_name(kind), "duplicate"] += repeated[kind]


def _write_rows(table: CustomerTable, dirty: list[Written], effects: Effects) -> None:
    if len(dirty) == 1:
        rows, keys = dirty[0]
    elif dirty:
        rows = np.unique(np.concatenate([written.rows for written in dirty]))
        keys = table.key_list(rows)
    else:
        return
    effects.changelog.extend(zip(keys, table.encode(rows), strict=True))
