"""What if: candidate actions done to a copy of a customer's row, by the code that would really do them.

Each plan, one action or two, is a list of ordinary interactions that go through `Pipeline.step` as if they
had just arrived. So what-if equals doing it (tested), and no second model of the scores exists.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from stream.alerts.life import open_alerts
from stream.alerts.rules import Rule, Rules
from stream.model.columns import Ints, currency_code
from stream.model.parameters import Parameters
from stream.model.score import Scores, score
from stream.pipeline.actions import Action, Effort, candidates, promise_ref
from stream.pipeline.effects import Effects
from stream.pipeline.encode import rfc3339
from stream.pipeline.record import FileRecord, Record
from stream.state.facts import facts
from stream.state.ledger import ledger, rename
from stream.state.table import CustomerTable

__all__ = [
    "Goal",
    "Plan",
    "Question",
    "Steps",
    "WhatIf",
    "default_goals",
    "goal_of",
    "interactions",
    "whatif",
    "whatifs",
]


class Steps(Protocol):
    """What is needed of `step.Pipeline`, which itself asks what-if of the alerts that it opens."""

    @property
    def parameters(self) -> Parameters:
        """Of the model."""
        ...

    @property
    def rules(self) -> Rules:
        """Of the alerts."""
        ...

    def trial(self) -> "Steps":
        """The same model with the wall's clock and without alerts."""
        ...

    def new_table(self) -> CustomerTable:
        """An empty partition."""
        ...

    def step(self, table: CustomerTable, records: Sequence[Record], now_ms: int) -> Effects:
        """Apply a run."""
        ...

    def scores(self, table: CustomerTable, now_ms: int) -> tuple[list[bytes], Scores]:
        """Keys and scores of every customer."""
        ...


@dataclass(frozen=True, slots=True)
class Goal:
    """Trust above a number of points, or churn risk below a probability: what an alert needs to be over.

    `rule_id` names the rule that asks for it, "" where a person did.
    """

    score: Literal["trust", "churn_risk"]
    beyond: float
    rule_id: str = ""

    def gap(self, trust_centi: int, risk_e4: int) -> float:
        """How far published values are from it, as a share of the scale; 0 only if it is reached.

        An absent risk reaches nothing: of such a customer nothing can be said.
        """
        if self.score == "trust":
            short = round(self.beyond * 100) + 1 - trust_centi
        else:
            short = risk_e4 + 1 - round(self.beyond * 10_000) if risk_e4 >= 0 else 10_000
        return max(0, short) / 10_000


class Question(NamedTuple):
    """About one customer: what must be reached; ids of tickets and deliveries by reference, where known."""

    key: bytes
    goals: tuple[Goal, ...]
    names: Mapping[int, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Plan:
    """One or two actions, and the scores as they would be published right after.

    Attributes:
        actions: in the order of doing.
        effort: their sum, minutes.
        trust: points.
        churn_risk: None where absent.
        gap: to all goals together; 0 if the plan is enough.
    """

    actions: tuple[Action, ...]
    effort: float
    trust: float
    churn_risk: float | None
    gap: float

    @property
    def enough(self) -> bool:
        """Every goal is reached."""
        return self.gap == 0.0


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer about one customer.

    Attributes:
        goals: all of which a plan must reach.
        now: the plan of doing nothing.
        plans: single actions and, if none of them is enough, the pairs that are; what is enough first, by
            effort, then what comes nearest.
        n_pairs: pairs that were tried; 0 if a single action is enough or nothing is needed.
        n_left_out: open promises that were too many to try.
    """

    goals: tuple[Goal, ...]
    now: Plan
    plans: list[Plan]
    n_pairs: int
    n_left_out: int

    @property
    def best(self) -> Plan | None:
        """The smallest plan that is enough; None if none is, or if nothing needs to be done."""
        first = self.plans[0] if self.plans else None
        return first if first is not None and first.enough and not self.now.enough else None


def default_goals(pipeline: Steps, table: CustomerTable, row: int, now_ms: int) -> tuple[Goal, ...]:
    """What the customer's open alerts need to be over; without one, what keeps each rule from opening."""
    opened = open_alerts(table.alerts, row, pipeline.rules)
    if opened:
        return _toughest([goal_of(rule, rule.clear) for rule, _since in opened])
    known = facts(table, np.array([row]), now_ms, pipeline.parameters)
    uncertainty = score(known, now_ms, pipeline.parameters).trust.uncertainty[0]
    days = int(known.risk.purchase_days[0])
    return _toughest(
        [
            goal_of(rule, rule.open)
            for rule in pipeline.rules.rule
            if days >= rule.min_purchase_days and uncertainty <= rule.max_uncertainty
        ]
    )


def whatif(
    pipeline: Steps,
    table: CustomerTable,
    key: bytes,
    now_ms: int,
    goals: Sequence[Goal],
    efforts: Mapping[str, Effort],
    names: Mapping[int, str],
) -> WhatIf:
    """Try what could be done about one customer now; see `whatifs`.

    Args:
        pipeline: of the live scores; its clock does not matter, scores hold at `now_ms`.
        table: holds the customer; not written to.
        key: the customer, known to the table.
        now_ms: when it would be done.
        goals: thresholds; all must be cleared.
        efforts: by code of action.
        names: ids of tickets and deliveries by reference (`actions.names_of`), as far as they are known.
    """
    return whatifs(pipeline, table, [Question(key, tuple(goals), names)], now_ms, efforts)[0]


def whatifs(
    pipeline: Steps,
    table: CustomerTable,
    questions: Sequence[Question],
    now_ms: int,
    efforts: Mapping[str, Effort],
    max_pairs: int | None = None,
) -> list[WhatIf]:
    """Try what could be done about some customers now, all in two steps: single actions, then pairs.

    Args:
        pipeline: as in `whatif`.
        table: holds the customers; not written to.
        questions: a customer may have several.
        now_ms: when it would be done.
        efforts: by code of action.
        max_pairs: pairs tried for all questions together, the first ones first; a question whose pairs are
            too many then goes without, as if no pair were enough. None: any number.
    """
    trial = _Trial(pipeline, table, questions, now_ms)
    found = trial.candidates(efforts)
    singles = trial.run([(), *((action,) for action in actions)] for actions, _ in found)
    wanted, n_pairs = [], 0
    for (actions, _), plans in zip(found, singles, strict=True):
        pairs = [] if any(plan.enough for plan in plans) else list(combinations(actions, 2))
        if max_pairs is not None and n_pairs + len(pairs) > max_pairs:
            pairs = []
        n_pairs += len(pairs)
        wanted.append(pairs)
    doubles = trial.run(wanted) if n_pairs else [[] for _ in questions]
    return [
        _answer(question, plans, pairs, n_left_out)
        for question, plans, pairs, (_, n_left_out) in zip(questions, singles, doubles, found, strict=True)
    ]


def _answer(question: Question, plans: list[Plan], pairs: list[Plan], n_left_out: int) -> WhatIf:
    now, *singles = plans
    chosen = [pair for pair in pairs if pair.enough]
    if pairs and not chosen:
        chosen = [min(pairs, key=_order)]
    return WhatIf(question.goals, now, sorted(singles + chosen, key=_order), len(pairs), n_left_out)


def interactions(actions: Sequence[Action], customer_id: str, now_ms: int) -> list[dict[str, Any]]:
    """The interactions of some actions, as they would be sent."""
    return [
        {
            "event_id": f"what-if-{now_ms}-{number}",
            "customer_id": customer_id,
            "occurred_at": rfc3339(now_ms).isoformat(timespec="milliseconds"),
        }
        | action.fields
        for number, action in enumerate(actions, start=1)
    ]


def goal_of(rule: Rule, beyond: float) -> Goal | None:
    """A rule's threshold as a goal; None of a rule that looks at something else than a score."""
    if rule.kind == "trust_below":
        return Goal("trust", beyond, rule.id)
    return Goal("churn_risk", beyond, rule.id) if rule.kind == "churn_risk_above" else None


def _toughest(goals: Sequence[Goal | None]) -> tuple[Goal, ...]:
    """One goal per score: whoever reaches it reaches the others."""
    trust = [goal for goal in goals if goal is not None and goal.score == "trust"]
    risk = [goal for goal in goals if goal is not None and goal.score == "churn_risk"]
    return (
        *sorted(trust, key=lambda goal: -goal.beyond)[:1],
        *sorted(risk, key=lambda goal: goal.beyond)[:1],
    )


def _order(plan: Plan) -> tuple[Any, ...]:
    """Enough before not enough; then by effort, the former, or by how near it comes, the latter."""
    names = [(action.code, action.about) for action in plan.actions]
    return plan.gap, plan.effort, len(names), names


def _purchase(row: np.void) -> tuple[float, str]:
    """Mean amount of a purchase day, in the contract's bounds, and its currency; "XXX" is none."""
    currency = currency_code(int(row["currency"])) if row["currency"] else "XXX"
    return round(min(1e9, int(row["amount_e4"]) / 10_000 / max(1, int(row["n_days"]))), 2), currency


class _Trial:
    """The rows of some questions, to be copied as often as there are plans."""

    def __init__(
        self, pipeline: Steps, table: CustomerTable, questions: Sequence[Question], now_ms: int
    ) -> None:
        self._pipeline = pipeline.trial()  # scores hold at `now_ms`
        self._questions, self._now_ms = questions, now_ms
        self._values = table.encode(np.array([table.index[question.key] for question in questions]))

    def candidates(self, efforts: Mapping[str, Effort]) -> list[tuple[list[Action], int]]:
        """Actions that make sense. A promise without a name is given one in the copy: then it can be kept."""
        parameters, now_ms = self._pipeline.parameters, self._now_ms
        table, rows = self._copies(range(len(self._questions)))
        known = facts(table, rows, now_ms, parameters)
        found = []
        for i, (row, question) in enumerate(zip(rows.tolist(), self._questions, strict=True)):
            of_row = known.of(np.array([i]))
            purchase = _purchase(table.rows[row])
            actions, n_left_out = candidates(
                of_row, ledger(table, row), question.names, purchase, now_ms, parameters, efforts
            )
            called = {
                action.ref: promise_ref(action.fields["type"], action.about)
                for action in actions
                if action.ref
            }
            rename(table, row, called)
            found.append((actions, n_left_out))
        self._values = table.encode(rows)
        return found

    def run(self, wanted: Iterable[Sequence[tuple[Action, ...]]]) -> list[list[Plan]]:
        """Do each plan of each question to a copy of its own; customers do not touch each other."""
        plans = [(i, plan) for i, of_one in enumerate(wanted) for plan in of_one]
        table, rows = self._copies(i for i, _plan in plans)
        keys = table.key_list(rows)
        events = [
            (key, event)
            for key, (_i, plan) in zip(keys, plans, strict=True)
            for event in interactions(plan, key.decode(), self._now_ms)
        ]
        records = [
            FileRecord("interactions", 0, n, self._now_ms, key, json.dumps(event).encode())
            for n, (key, event) in enumerate(events)
        ]
        effects = self._pipeline.step(table, records, self._now_ms)
        assert not effects.dead_letters, effects.dead_letters
        known_keys, scores = self._pipeline.scores(table, self._now_ms)  # as `step` has published
        assert known_keys == keys
        done: list[list[Plan]] = [[] for _ in self._questions]
        published = zip(scores.trust_centi.tolist(), scores.risk_e4.tolist(), strict=True)
        for (i, plan), (trust, risk) in zip(plans, published, strict=True):
            effort = sum(action.effort for action in plan)
            gap = sum(goal.gap(trust, risk) for goal in self._questions[i].goals)
            done[i].append(Plan(plan, effort, trust / 100, risk / 10_000 if risk >= 0 else None, gap))
        return done

    def _copies(self, which: Iterable[int]) -> tuple[CustomerTable, Ints]:
        """A table with a copy of each of some questions' rows, and their numbers."""
        values = [self._values[i] for i in which]
        table = self._pipeline.new_table()
        table.load([b"%d" % number for number in range(len(values))], values)
        return table, np.arange(len(values))
