"""What the rules look at: the value and the scope of each rule, for n customers at once.

A value is a whole number of the published steps of its kind (`rule.SCALE`), divided once: thresholds are
rounded alike, so equality is exact.

Two kinds cost another scoring of a customer: what trust was some days ago, and the lifetime value. They are
computed only for customers who have a slot, or for whom a bound that costs a few sums does not rule out that
the rule opens; of the others the value is unknown, which moves nothing.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from stream.alerts.evaluate import Measured
from stream.alerts.rules import SCALE, Rule, Rules
from stream.model import derived
from stream.model.columns import Floats, Ints, currency_number
from stream.model.evidence import DIMENSION_OF
from stream.model.parameters import Parameters
from stream.model.score import Facts, Scores
from stream.model.trust import ALL_CAUSES
from stream.pipeline.scope import Profile, in_scope
from stream.state.past import most_then, trust_then
from stream.state.promises import most_late_s
from stream.state.table import CustomerTable

__all__ = ["measure"]

Bools = NDArray[np.bool_]
SECONDS_PER_HOUR = 3_600.0


@dataclass(slots=True)
class _Seen:
    """The n customers of one call."""

    table: CustomerTable
    rows: Ints
    store: NDArray[np.void]
    known: Facts
    scores: Scores
    now_ms: int
    parameters: Parameters
    has_slot: Bools
    late: Floats | None = field(default=None)


def measure(
    rules: Rules,
    table: CustomerTable,
    rows: Ints,
    store: NDArray[np.void],
    known: Facts,
    scores: Scores,
    now_ms: int,
    parameters: Parameters,
) -> Measured:
    """Values as published and scopes of every rule; nan where a value is unknown, or cannot matter.

    Args:
        rules: R of them.
        table: the state.
        rows: (n,) distinct, live.
        store: a copy of these rows.
        known: their facts at `now_ms`.
        scores: of the same.
        now_ms: time of the scores.
        parameters: of the model.
    """
    n = len(rows)
    uncertainty = np.round(scores.trust.uncertainty, 4)
    profile = Profile(store, known.risk.purchase_days, uncertainty)
    has_slot = table.alerts.heads[rows] > 0
    seen = _Seen(table, rows, store, known, scores, now_ms, parameters, has_slot)
    found = Measured(np.empty((len(rules.rule), n)), np.empty((len(rules.rule), n), np.bool_))
    for r, rule in enumerate(rules.rule):
        found.in_scope[r] = in_scope(rule, profile)
        found.value[r] = _value(rule, seen, found.in_scope[r])
    return found


def _value(rule: Rule, seen: _Seen, wanted: Bools) -> Floats:
    """What a rule looks at; `wanted`: whom it may open for."""
    match rule.kind:
        case "trust_below":
            return seen.scores.trust_centi / SCALE[rule.kind]
        case "churn_risk_above":
            risk = seen.scores.risk_e4
            return np.where(risk >= 0, risk / SCALE[rule.kind], np.nan)
        case "trust_drop":
            return _drop(rule, seen, wanted)
        case "component_below":
            return _rounded(rule, _component(rule.component or "", seen.scores.trust.contributions))
        case "promise_overdue":
            return _late(seen)
        case "payment_failed":
            return _rounded(rule, seen.known.risk.payment_failures)
        case "value_at_risk_above":
            return _rounded(rule, _at_risk(rule, seen, wanted))


def _rounded(rule: Rule, value: Floats) -> Floats:
    scale = SCALE[rule.kind]
    steps: Floats = np.rint(value * scale)
    steps /= scale
    return steps


def _component(name: str, contributions: Floats) -> Floats:
    """Points that a cause, or all causes of a dimension, add to trust."""
    if name in ALL_CAUSES:
        return contributions[:, ALL_CAUSES.index(name)]
    of_it = [k for k, cause in enumerate(ALL_CAUSES) if DIMENSION_OF[cause] == name]
    total = contributions[:, of_it[0]].copy()
    for k in of_it[1:]:
        total += contributions[:, k]
    return total


def _late(seen: _Seen) -> Floats:
    """Hours by which the most overdue open promise is late, rounded down: nothing opens before its time."""
    if seen.late is None:
        seen.late = np.zeros(len(seen.rows))
        overdue = np.flatnonzero(seen.known.risk.overdue)
        if len(overdue):
            table, scale = seen.table, SCALE["promise_overdue"]
            late_s = most_late_s(table.rows, table.tails, seen.rows[overdue], seen.now_ms, seen.parameters)
            seen.late[overdue] = np.floor(late_s * scale / SECONDS_PER_HOUR) / scale
    return seen.late


def _drop(rule: Rule, seen: _Seen, wanted: Bools) -> Floats:
    """By how many points trust is below that of some days ago."""
    days, scale, centi = rule.days or 0, SCALE[rule.kind], seen.scores.trust_centi
    most = most_then(
        seen.table, seen.rows, seen.store, seen.known.positive, seen.now_ms, days, seen.parameters
    )
    chosen = np.flatnonzero(
        seen.has_slot | (wanted & (most * scale + 1.0 - centi >= round(rule.open * scale)))
    )
    found = np.full(len(seen.rows), np.nan)
    if len(chosen):
        then = trust_then(seen.table, seen.rows[chosen], seen.now_ms, days, seen.parameters)
        found[chosen] = (np.rint(then * scale) - centi[chosen]) / scale
    return found


def _at_risk(rule: Rule, seen: _Seen, wanted: Bools) -> Floats:
    """Lifetime value times churn risk, of customers who pay in the rule's currency alone."""
    risk, facts, parameters = seen.scores.risk.churn_risk, seen.known.risk, seen.parameters
    ours = seen.store["currency"] == currency_number(rule.currency or "")
    ours &= ~np.isnan(risk)
    ours &= seen.has_slot | (
        wanted & (derived.most_value(facts, seen.now_ms, parameters) * risk >= rule.open - 0.01)
    )
    chosen = np.flatnonzero(ours)
    found = np.full(len(seen.rows), np.nan)
    if len(chosen):
        tails = map(seen.table.tails.get, seen.rows[chosen].tolist())
        several = np.fromiter(
            (tail is not None and bool(tail.amounts) for tail in tails), np.bool_, len(chosen)
        )
        value, _reason = derived.value(facts.of(chosen), several, seen.now_ms, parameters)
        found[chosen] = value * risk[chosen]
    return found
