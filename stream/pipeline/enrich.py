"""What an alert says beyond its rule: trend, value at risk, what to do, what would be enough, what caused it.

Computed for the few customers with a transition, and only then: a step without one pays nothing.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from math import isnan
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.alert import Action, WhatIf
from schemas.interaction import Delivery, Ticket
from schemas.score import Reason
from stream.alerts.life import Transition, named, rank
from stream.alerts.plays import Advice, Plays, advise
from stream.model import derived
from stream.model.columns import Floats, Ints, currency_code
from stream.model.parameters import Parameters
from stream.model.score import Facts, Scores
from stream.pipeline.actions import Effort, promise_ref
from stream.pipeline.decode import Decoded
from stream.pipeline.derive import hops, worth
from stream.pipeline.encode import Enriched, rfc3339
from stream.pipeline.record import Record
from stream.pipeline.whatif import Goal, Plan, Question, Steps, goal_of, whatifs
from stream.state.alerts import State
from stream.state.past import trust_then
from stream.state.promises import ledgers
from stream.state.table import CustomerTable

__all__ = ["Cause", "Playbook", "Scored", "causes", "enrich"]

TREND_DAYS = 7
REPEATED = 2  # tickets that went through more than one channel: once may happen to anybody
SPURIOUS = derived.LOYALTY.index("spurious")
TRIED = ("opened", "released", "escalated")
"""Transitions of which a what-if is asked: somebody begins to act. Later ones repeat no search."""
OVER = (State.RESOLVED, State.EXPIRED)
HOLDING: dict[tuple[bool, bool], frozenset[str]] = {
    (hopping, spurious): frozenset(["channel_hopping"] * hopping + ["spurious_loyalty"] * spurious)
    for hopping in (False, True)
    for spurious in (False, True)
}
"""Circumstances by which of them hold."""
MS_PER_HOUR = 3_600_000
# W3C Trace Context, version 00; identifiers that are all zeros name nothing.
TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Playbook:
    """What is recommended, and how hard a step searches for what would be enough.

    Attributes:
        plays: by cause.
        efforts: of single actions, by code.
        max_questions: what-ifs of one step: the most severe alerts, then the most value at risk; the others
            go without, so that a storm of alerts stalls no worker.
        max_pairs: pairs of actions tried for all of them together.
    """

    plays: Plays
    efforts: Mapping[str, Effort]
    max_questions: int = 10
    max_pairs: int = 100


class Cause(NamedTuple):
    """The last accepted interaction of a customer in a step; `names`: tickets and deliveries by reference."""

    event_id: str
    traceparent: str | None
    names: dict[int, str]


def causes(wanted: Set[bytes], part: Decoded, accepted: NDArray[np.bool_]) -> dict[bytes, Cause]:
    """What each of some customers' last accepted interaction in a run was.

    Args:
        wanted: customers.
        part: events of the run.
        accepted: (n,) of the events; duplicates cause nothing.
    """
    last: dict[bytes, int] = {}
    names: defaultdict[bytes, dict[int, str]] = defaultdict(dict)
    theirs = np.fromiter(map(wanted.__contains__, part.keys), np.bool_, len(part.keys))
    for i in np.flatnonzero(theirs & accepted).tolist():
        key, event = part.keys[i], part.events[i]
        last[key] = i
        if isinstance(event, Ticket):
            names[key][promise_ref("ticket", event.ticket_id)] = event.ticket_id
        elif isinstance(event, Delivery):
            names[key][promise_ref("delivery", event.delivery_id)] = event.delivery_id
    return {
        key: Cause(part.events[i].event_id, _traceparent(part.records[i]), names[key])
        for key, i in last.items()
    }


class Scored(NamedTuple):
    """Customers who were scored just now, in a table that is not written to.

    Attributes:
        table: holds them.
        rows: (n,) row numbers, ascending.
        keys: (n,) whose they are.
        known: their facts.
        scores: theirs.
        now_ms: time of the scores.
    """

    table: CustomerTable
    rows: Ints
    keys: Sequence[bytes]
    known: Facts
    scores: Scores
    now_ms: int


def enrich(
    pipeline: Steps,
    playbook: Playbook,
    scored: Scored,
    moved: Sequence[Transition],
    reasons: Mapping[int, Sequence[Reason]],
    caused: Mapping[bytes, Cause],
) -> list[Enriched]:
    """What is added to the records of some transitions, in their order; nothing changes.

    Args:
        pipeline: whose scores they are.
        playbook: what is recommended.
        scored: the customers.
        moved: the transitions.
        reasons: as published, of each customer with a transition.
        caused: by `causes`; empty if time alone moved them.
    """
    whose = [each.customer for each in moved]
    customers = np.unique(whose)
    figures = _figures(scored, customers, pipeline.parameters)
    of = dict(zip(customers.tolist(), figures.published(), strict=True))
    advice = _advised(playbook.plays, moved, reasons, of)
    enough = _enough(pipeline, playbook, scored, moved, of, caused)
    return [
        _enriched(of[i], found, _action(each, found, enough.get(k)), caused.get(scored.keys[i]))
        for k, (each, i, found) in enumerate(zip(moved, whose, advice, strict=True))
    ]


class _Figure(NamedTuple):
    trend: float | None
    at_risk: float | None
    currency: str | None
    circumstances: frozenset[str]


@dataclass(slots=True)
class _Figures:
    """Of n customers; nan where nothing can be said."""

    trend: Floats
    at_risk: Floats
    currency: NDArray[np.uint16]
    hopping: NDArray[np.bool_]
    spurious: NDArray[np.bool_]

    def published(self) -> list[_Figure]:
        """Of each customer, as published."""
        codes = {number: currency_code(number) for number in set(self.currency.tolist()) if number}
        at_risk = np.where(self.currency > 0, self.at_risk, np.nan)
        columns = (self.trend, at_risk, self.currency, self.hopping, self.spurious)
        return [
            _Figure(
                _rounded(trend),
                _rounded(risk),
                None if isnan(risk) else codes[currency],
                HOLDING[hopping, spurious],
            )
            for trend, risk, currency, hopping, spurious in zip(*(c.tolist() for c in columns), strict=True)
        ]


def _figures(scored: Scored, customers: Ints, parameters: Parameters) -> _Figures:
    table, now_ms, rows = scored.table, scored.now_ms, scored.rows[customers]
    known, scores = scored.known.of(customers), scored.scores.of(customers)
    then = trust_then(table, rows, now_ms, TREND_DAYS, parameters)
    value, _ = worth(table, rows, known.risk, now_ms, parameters)
    p_active = derived.active(known.risk, now_ms, parameters)
    trust = scores.trust
    loyalty = derived.loyalty(trust.trust, trust.uncertainty, p_active, parameters.derived)
    _, hopped = hops(*ledgers(table.rows, table.tails, rows), len(rows))
    return _Figures(
        trend=(trust.trust - then) / TREND_DAYS,
        at_risk=value * scores.risk.churn_risk,
        currency=table.rows["currency"][rows],
        hopping=hopped >= REPEATED,
        spurious=loyalty == SPURIOUS,
    )


def _advised(
    plays: Plays,
    moved: Sequence[Transition],
    reasons: Mapping[int, Sequence[Reason]],
    of: Mapping[int, _Figure],
) -> list[Advice]:
    """What to do about each; in a storm the same few advices come again and again, so each is found once."""
    found: dict[Hashable, Advice] = {}
    result = []
    for each in moved:
        why, circumstances = reasons[each.customer], of[each.customer].circumstances
        who = named(each.rule, each.severity, each.said)
        signs = tuple([(said.score, said.code, said.contribution > 0.0) for said in why if said.contribution])
        looked_at = each.rule.id, signs, circumstances, who
        if looked_at not in found:
            found[looked_at] = advise(each.rule, why, plays, circumstances, who)
        result.append(found[looked_at])
    return result


def _enough(
    pipeline: Steps,
    playbook: Playbook,
    scored: Scored,
    moved: Sequence[Transition],
    of: Mapping[int, _Figure],
    caused: Mapping[bytes, Cause],
) -> dict[int, WhatIf]:
    """The smallest plan that would clear each alert that begins, by its place in `moved`."""
    trust = scored.scores.trust_centi / 100
    goals = {
        i: goal
        for i, each in enumerate(moved)
        if each.kind in TRIED and (goal := _goal(each, trust[each.customer])) is not None
    }
    first = sorted(goals, key=lambda i: _urgency(moved[i], of[moved[i].customer]))[: playbook.max_questions]
    if not first:
        return {}
    whose = [scored.keys[moved[i].customer] for i in first]
    known = [caused[key].names if key in caused else {} for key in whose]
    questions = [Question(key, (goals[i],), names) for key, i, names in zip(whose, first, known, strict=True)]
    answers = whatifs(pipeline, scored.table, questions, scored.now_ms, playbook.efforts, playbook.max_pairs)
    plans = ((i, names, answer.best) for i, names, answer in zip(first, known, answers, strict=True))
    return {i: _what_if(plan, names) for i, names, plan in plans if plan is not None}


def _enriched(figure: _Figure, advice: Advice, action: Action | None, cause: Cause | None) -> Enriched:
    return Enriched(
        recommended_action=advice.code,
        action=action,
        trend=figure.trend,
        value_at_risk=figure.at_risk,
        currency=figure.currency,
        event_id=None if cause is None else cause.event_id,
        traceparent=None if cause is None else cause.traceparent,
    )


def _urgency(moved: Transition, figure: _Figure) -> tuple[int, float]:
    return -rank(moved.severity), -(figure.at_risk or 0.0)


def _goal(moved: Transition, trust: float) -> Goal | None:
    """What would clear the alert; None where no score alone says so."""
    rule = moved.rule
    if rule.kind == "trust_drop" and not np.isnan(moved.value):
        return Goal("trust", round(trust + moved.value - rule.clear, 2), rule.id)
    return goal_of(rule, rule.clear)


def _what_if(plan: Plan, names: Mapping[int, str]) -> WhatIf:
    return WhatIf(
        actions=[action.code for action in plan.actions],
        about=[names.get(action.ref) for action in plan.actions],
        effort_minutes=plan.effort,
        trust=plan.trust,
        churn_risk=plan.churn_risk,
    )


def _action(moved: Transition, advice: Advice, enough: WhatIf | None) -> Action | None:
    """None while nobody is to act: it is held back, or over."""
    if moved.state in OVER or not moved.opened_ms:
        return None
    due_at = rfc3339(moved.opened_ms + round(advice.due_hours * MS_PER_HOUR))
    return Action(advice.code, advice.cause, advice.owner, due_at, enough)


def _traceparent(record: Record) -> str | None:
    """The record's trace, if it names one, once and well formed."""
    found = [value for name, value in record.headers or () if name == "traceparent"]
    if len(found) != 1 or found[0] is None or TRACEPARENT.fullmatch(found[0]) is None:
        return None
    return found[0].decode()


def _rounded(value: float) -> float | None:
    return None if isnan(value) else round(value, 2) + 0.0
