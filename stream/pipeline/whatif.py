"""What if: candidate actions done to a copy of a customer's row, by the code that would really do them.

Each plan, one action or two, is a list of ordinary interactions that go through `Pipeline.step` as if they
had just arrived. So what-if equals doing it (tested), and no second model of the scores exists.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from stream.alerts.life import open_alerts
from stream.alerts.rules import Rule
from stream.model.columns import currency_code
from stream.model.score import score
from stream.pipeline.actions import Action, Effort, candidates, promise_ref
from stream.pipeline.encode import rfc3339
from stream.pipeline.record import FileRecord
from stream.pipeline.step import Pipeline
from stream.state.facts import facts
from stream.state.ledger import ledger, rename
from stream.state.table import CustomerTable

__all__ = ["Goal", "Plan", "WhatIf", "default_goals", "interactions", "whatif"]


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


def default_goals(pipeline: Pipeline, table: CustomerTable, row: int, now_ms: int) -> tuple[Goal, ...]:
    """What the customer's open alerts need to be over; without one, what keeps each rule from opening."""
    opened = open_alerts(table.alerts, row, pipeline.rules)
    if opened:
        return _toughest([_goal(rule, rule.clear) for rule, _since in opened])
    known = facts(table, np.array([row]), now_ms, pipeline.parameters)
    uncertainty = score(known, now_ms, pipeline.parameters).trust.uncertainty[0]
    days = int(known.risk.purchase_days[0])
    return _toughest(
        [
            _goal(rule, rule.open)
            for rule in pipeline.rules.rule
            if days >= rule.min_purchase_days and uncertainty <= rule.max_uncertainty
        ]
    )


def whatif(
    pipeline: Pipeline,
    table: CustomerTable,
    key: bytes,
    now_ms: int,
    goals: Sequence[Goal],
    efforts: Mapping[str, Effort],
    names: Mapping[int, str],
) -> WhatIf:
    """Try what could be done about one customer now.

    Args:
        pipeline: of the live scores; its clock does not matter, scores hold at `now_ms`.
        table: holds the customer; not written to.
        key: the customer, known to the table.
        now_ms: when it would be done.
        goals: thresholds; all must be cleared.
        efforts: by code of action.
        names: ids of tickets and deliveries by reference (`actions.names_of`), as far as they are known.
    """
    trial = _Trial(pipeline, table, key, now_ms, tuple(goals))
    actions, n_left_out = trial.candidates(efforts, names)
    now, *plans = trial.run([(), *((action,) for action in actions)])
    pairs: list[Plan] = []
    if not now.enough and not any(plan.enough for plan in plans):
        pairs = trial.run(list(combinations(actions, 2)))
    chosen = [pair for pair in pairs if pair.enough]
    if pairs and not chosen:
        chosen = [min(pairs, key=_order)]
    return WhatIf(trial.goals, now, sorted(plans + chosen, key=_order), len(pairs), n_left_out)


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


def _goal(rule: Rule, beyond: float) -> Goal:
    return Goal("trust" if rule.kind == "trust_below" else "churn_risk", beyond, rule.id)


def _toughest(goals: Sequence[Goal]) -> tuple[Goal, ...]:
    """One goal per score: whoever reaches it reaches the others."""
    trust = [goal for goal in goals if goal.score == "trust"]
    risk = [goal for goal in goals if goal.score == "churn_risk"]
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
    """One customer's row, to be copied as often as there are plans."""

    def __init__(
        self, pipeline: Pipeline, table: CustomerTable, key: bytes, now_ms: int, goals: tuple[Goal, ...]
    ) -> None:
        self.goals = goals
        self._pipeline = Pipeline(pipeline.parameters, pipeline.rules)  # scores hold at `now_ms`
        self._key, self._now_ms = key, now_ms
        self._value = table.encode(np.array([table.index[key]]))[0]

    def candidates(self, efforts: Mapping[str, Effort], names: Mapping[int, str]) -> tuple[list[Action], int]:
        """Actions that make sense. A promise without a name is given one in the copy: then it can be kept."""
        parameters, now_ms = self._pipeline.parameters, self._now_ms
        table = self._pipeline.new_table()
        table.load([self._key], [self._value])
        row = int(table.index[self._key])
        known = facts(table, np.array([row]), now_ms, parameters)
        actions, n_left_out = candidates(
            known, ledger(table, row), names, _purchase(table.rows[row]), now_ms, parameters, efforts
        )
        called = {
            action.ref: promise_ref(action.fields["type"], action.about) for action in actions if action.ref
        }
        rename(table, row, called)
        self._value = table.encode(np.array([row]))[0]
        return actions, n_left_out

    def run(self, plans: Sequence[tuple[Action, ...]]) -> list[Plan]:
        """Do each to a copy of its own, all in one step; customers do not touch each other."""
        table = self._pipeline.new_table()
        keys = [b"%d" % number for number in range(len(plans))]
        table.load(keys, [self._value] * len(keys))
        events = [
            (key, event)
            for key, plan in zip(keys, plans, strict=True)
            for event in interactions(plan, key.decode(), self._now_ms)
        ]
        records = [
            FileRecord("interactions", 0, i, self._now_ms, key, json.dumps(event).encode())
            for i, (key, event) in enumerate(events)
        ]
        effects = self._pipeline.step(table, records, self._now_ms)
        assert not effects.dead_letters, effects.dead_letters
        known_keys, scores = self._pipeline.scores(table, self._now_ms)  # as `step` has published
        assert known_keys == keys
        published = zip(scores.trust_centi.tolist(), scores.risk_e4.tolist(), strict=True)
        return [
            Plan(
                plan,
                effort=sum(action.effort for action in plan),
                trust=trust / 100,
                churn_risk=risk / 10_000 if risk >= 0 else None,
                gap=sum(goal.gap(trust, risk) for goal in self.goals),
            )
            for plan, (trust, risk) in zip(plans, published, strict=True)
        ]
