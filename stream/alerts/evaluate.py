"""One evaluation of every rule for n customers: columns in, moves of the few out.

Conventions:
    n customers, R rules, m slots of one rule among these customers. `now_ms` is a parameter.

Laws: at most one open alert per customer and rule; `seq` grows by one per published transition; a value that
is absent neither opens nor resolves. A transition depends on the published (rounded) values, the slots, the
rules and the time alone, so the chain of scores determines the chain of alerts. A customer without a slot
whom no rule holds for costs a few vector operations.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stream.alerts.life import Move, Seen, Transition, move
from stream.alerts.moves import Bools, Lines, Slots, lines_of
from stream.alerts.rules import Rule, Rules
from stream.model.columns import Floats, Ints
from stream.state.alerts import LIVE, AlertSlots, State

__all__ = ["Evaluated", "Gate", "Measured", "evaluate"]


@dataclass(slots=True)
class Measured:
    """What the rules look at, of n customers.

    Attributes:
        value: (R, n), in the rule's unit, rounded to `1 / UNITS[kind]`; nan where unknown.
        in_scope: (R, n); out of scope nothing opens.
    """

    value: Floats
    in_scope: Bools


@dataclass(slots=True)
class Evaluated:
    """What an evaluation did.

    Attributes:
        transitions: to be published, by customer, then rule.
        moved: (n,) customers whose slots changed, those in or out of PENDING too.
    """

    transitions: list[Transition]
    moved: Bools


class Gate(Protocol):
    """Storm control: why each of some would-be openings is held back, 0 where it is not."""

    def __call__(self, rule: Rule, chosen: Ints, /, *, released: bool) -> NDArray[np.uint8]:
        """Answer for the customers `chosen` (indices); `released`: they are held back already."""
        ...


def evaluate(
    alerts: AlertSlots,
    rows: Ints,
    events: Ints,
    last_ms: Ints,
    measured: Measured,
    rules: Rules,
    now_ms: int,
    gate: Gate | None = None,
    removed: Mapping[int, Rule] | None = None,
) -> Evaluated:
    """Move every rule of n customers on.

    Args:
        alerts: of the table, written to.
        rows: (n,) distinct.
        events: (n,) accepted so far.
        last_ms: (n,) time of the customer's latest event.
        measured: of the same customers and rules.
        rules: that are evaluated.
        now_ms: time of the evaluation.
        gate: what holds alerts back; nothing does if None.
        removed: rules that were in force before, by their keys: what is left of their alerts ends.
    """
    who = _Customers(alerts, rows, events, last_ms, now_ms, gate)
    owner, place = alerts.places(rows)
    key_of = alerts.slots["rule"][place]
    gone = np.ones(len(place), np.bool_)
    for r, rule in enumerate(rules.rule):
        lines = lines_of(rule)
        value = lines.sign * measured.value[r]
        triggered = value <= lines.open
        triggered &= measured.in_scope[r]
        mine = np.flatnonzero(key_of == lines.key)
        gone[mine] = False
        fresh = triggered.copy()
        fresh[owner[mine]] = False
        new = np.flatnonzero(fresh)
        if len(new):
            added = alerts.claim(rows[new], lines.key)
            who.evaluate(
                rule, lines, np.append(owner[mine], new), np.append(place[mine], added), value, triggered
            )
        elif len(mine):
            who.evaluate(rule, lines, owner[mine], place[mine], value, triggered)
    alerts.slots["due_ms"][place[gone]] = 0  # nothing looks at a rule that is gone
    for key, rule in (removed or {}).items():
        mine = np.flatnonzero(gone & (key_of == key))
        who.end(rule, owner[mine].tolist(), place[mine].tolist())
    return Evaluated(sorted(who.transitions, key=attrgetter("customer")), who.moved)


class _Customers:
    """The n customers of one evaluation, and what it has done so far."""

    def __init__(
        self,
        alerts: AlertSlots,
        rows: Ints,
        events: Ints,
        last_ms: Ints,
        now_ms: int,
        gate: Gate | None,
    ) -> None:
        self.alerts, self.events, self.last_ms, self.now_ms, self.gate = alerts, events, last_ms, now_ms, gate
        self.transitions: list[Transition] = []
        self.moved = np.zeros(len(rows), np.bool_)

    def evaluate(
        self, rule: Rule, lines: Lines, at: Ints, place: Ints, value: Floats, triggered: Bools
    ) -> None:
        """Move the m slots of one rule on; `at` are their customers."""
        slots = Slots(
            lines=lines,
            slots=self.alerts.at(place),
            value=value[at],
            triggered=triggered[at],
            events=self.events[at],
            last_ms=self.last_ms[at],
            until_ms=self._until_ms(place),
            now_ms=self.now_ms,
        )
        how, level = slots.moves()
        held = self._held(rule, at, how)
        how[(how == Move.RELEASE) & (held > 0)] = Move.STAY
        chosen = np.flatnonzero(how)
        if len(chosen):
            chosen = chosen[np.argsort(at[chosen], kind="stable")]
            whose = at[chosen]
            columns = (
                place[chosen],
                how[chosen],
                whose,
                self.events[whose],
                level[chosen],
                held[chosen],
                lines.sign * value[whose],
            )
            for slot, what, i, events, severity, why, seen in zip(
                *(c.tolist() for c in columns), strict=True
            ):
                known = Seen(i, events, severity, why, seen, self.now_ms)
                told = move(self.alerts, slot, rule, Move(what), known)
                if told is not None:
                    self.transitions.append(told)
            self.moved[whose] = True
            slots.slots = self.alerts.at(place)
            slots.until_ms = self._until_ms(place)
        self.alerts.set_due(place, slots.due())

    def end(self, rule: Rule, at: list[int], place: list[int]) -> None:
        """End what is left of the alerts of a rule that is gone; `at` are their customers."""
        for i, slot in zip(at, place, strict=True):
            state = State(int(self.alerts.slots["state"][slot]))
            if state not in LIVE and state is not State.SUPPRESSED:
                continue
            how = Move.DROP if state is State.SUPPRESSED else Move.REMOVE
            seen = Seen(i, int(self.events[i]), 0, 0, float("nan"), self.now_ms)
            told = move(self.alerts, slot, rule, how, seen)
            assert told is not None
            self.transitions.append(told)
            self.moved[i] = True

    def _until_ms(self, place: Ints) -> Ints:
        """When each slot's snooze ends, 0 where there is none."""
        until = np.zeros(len(place), np.int64)
        if self.alerts.people:
            for k in np.flatnonzero(self.alerts.slots["state"][place] == State.SNOOZED).tolist():
                said = self.alerts.people.get(int(place[k]))
                until[k] = said.snooze.until_ms if said is not None and said.snooze is not None else 0
        return until

    def _held(self, rule: Rule, at: Ints, how: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Why each opening or release is held back, 0 where it is not."""
        held = np.zeros(len(at), np.uint8)
        if self.gate is not None:
            for kind in (Move.RELEASE, Move.OPEN):
                asking = np.flatnonzero(how == kind)
                if len(asking):
                    held[asking] = self.gate(rule, at[asking], released=kind is Move.RELEASE)
        return held
