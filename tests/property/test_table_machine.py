"""A table lives through steps, sweeps, restarts and erasures, beside an oracle that only keeps lists."""

from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from schemas.alert import AlertV1
from schemas.codec import decode_alert, decode_score
from schemas.score import ScoreV1
from stream.model import parameters
from stream.pipeline import Effects, Pipeline
from tests import calm
from tests.oracles import Oracle, alert_differences, score_differences, table_differences
from tests.strategies import DAY_MS, END_MS, Body, bodies, records

PIPELINE = Pipeline(parameters.load(), calm.RULES)


class TableMachine(RuleBasedStateMachine):
    """Wall clock; at most one delivery and one ticket per customer, so that no promise is folded."""

    def __init__(self) -> None:
        super().__init__()
        self.table = PIPELINE.new_table()
        self.oracle = Oracle(PIPELINE.parameters, PIPELINE.rules)
        self.log: dict[bytes, bytes] = {}
        self.scores: list[ScoreV1] = []
        self.alerts: list[AlertV1] = []
        self.now_ms = END_MS
        self.ids = count()
        self.last: list[Body] = []

    def keep(self, effects: Effects) -> None:
        self.log.update(effects.changelog)
        self.scores += [decode_score(value) for _, value in effects.scores]
        self.alerts += [decode_alert(value) for _, value in effects.alert_log]

    def take(self, found: list[Body]) -> None:
        source = records(found)
        self.keep(PIPELINE.step(self.table, source, self.now_ms))
        for each in source:
            self.oracle.feed(each, self.now_ms)

    @rule(found=bodies(max_size=12, customers=4))
    def step(self, found: list[Body]) -> None:
        self.last = [body | {"event_id": f"e{next(self.ids)}"} for body in found]
        self.take(self.last)

    @rule()
    def the_same_again(self) -> None:
        self.take(self.last)

    @rule(days=st.integers(0, 40))
    def time_passes(self, days: int) -> None:
        self.now_ms += days * DAY_MS
        self.keep(PIPELINE.sweep(self.table, 0, self.table.n_rows, self.now_ms))

    @rule()
    def restart(self) -> None:
        self.table = PIPELINE.new_table()
        self.table.load(list(self.log), list(self.log.values()))

    @rule(who=st.integers(0, 3))
    def erase(self, who: int) -> None:
        name = f"c{who}"
        self.table.load([name.encode()], [None])
        self.log.pop(name.encode(), None)
        self.oracle.forget(name)
        self.scores = [score for score in self.scores if score.customer_id != name]
        self.alerts = [alert for alert in self.alerts if alert.customer_id != name]

    @invariant()
    def rows_are_the_oracles(self) -> None:
        assert table_differences(self.oracle, self.table) == []
        assert len(self.table) == len(self.oracle.events)

    def teardown(self) -> None:
        """The whole chain at the end: every score and alert that was ever published."""
        assert score_differences(self.oracle, self.scores) == []
        assert alert_differences(self.oracle, self.scores, self.alerts) == []


TestTableMachine = TableMachine.TestCase
TestTableMachine.settings = settings(max_examples=40, stateful_step_count=20)
