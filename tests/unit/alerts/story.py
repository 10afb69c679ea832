"""One customer whose values are told one after the other, an hour apart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.alerts.evaluate import Gate, Measured, evaluate
from stream.alerts.life import Transition
from stream.alerts.rules import Rule, Rules
from stream.state.alerts import AlertSlots, State
from tests.strategies import HOUR_MS, START_MS

__all__ = ["DEFAULTS", "LOW", "RISK", "Holding", "Story", "low"]

DEFAULTS: dict[str, Any] = {"severity": "warning", "owner": "support", "action": "call"}
LOW = Rule(id="low", kind="trust_below", open=40.0, clear=50.0, **DEFAULTS)
RISK = Rule(id="risk", kind="churn_risk_above", open=0.85, clear=0.75, **DEFAULTS)
HERE = np.array([3])


def low(**own: Any) -> Rule:
    """A rule on trust, 40 and 50, with fields of its own."""
    return Rule(id="low", kind="trust_below", open=40.0, clear=50.0, **DEFAULTS | own)


class Holding:
    """A gate that holds everything back for one reason, or nothing."""

    def __init__(self, why: int = 1) -> None:
        self.why = why
        self.asked: list[bool] = []

    def __call__(self, _rule: Rule, chosen: NDArray[np.int64], *, released: bool) -> NDArray[np.uint8]:
        self.asked.append(released)
        return np.full(len(chosen), self.why, np.uint8)


class Story:
    """Alerts of one row under some rules, all of which see the same value."""

    def __init__(self, *rules: Rule, gate: Gate | None = None) -> None:
        self.rules = Rules(rule=rules)
        self.alerts = AlertSlots(8)
        self.gate = gate
        self.now_ms = START_MS
        self.events = 1
        self.last_ms = START_MS

    def tell(
        self, value: float | None, *, hours: float = 1.0, heard: bool = True, in_scope: bool = True
    ) -> list[Transition]:
        """Evaluate once, so many hours later; `heard`: the customer said something then."""
        self.now_ms += int(hours * HOUR_MS)
        if heard:
            self.events, self.last_ms = self.events + 1, self.now_ms
        n = len(self.rules.rule)
        measured = Measured(np.full((n, 1), np.nan if value is None else value), np.full((n, 1), in_scope))
        told = evaluate(
            self.alerts,
            HERE,
            np.array([self.events]),
            np.array([self.last_ms]),
            measured,
            self.rules,
            self.now_ms,
            self.gate,
        ).transitions
        assert all(each.now_ms == self.now_ms for each in told)
        return told

    def kinds(self, *values: float | None, heard: bool = True) -> list[str]:
        """What is published for a sequence of values; "" for nothing."""
        return [" ".join(each.kind for each in self.tell(value, heard=heard)) for value in values]

    @property
    def slot(self) -> np.void:
        """The slot of the first rule."""
        [place] = self.alerts.find(HERE, self.rules.rule[0].key).tolist()
        slot: np.void = self.alerts.slots[place]
        return slot

    @property
    def place(self) -> int:
        """Place of the slot of the first rule."""
        return int(self.alerts.find(HERE, self.rules.rule[0].key)[0])

    @property
    def state(self) -> State:
        """State of the slot of the first rule."""
        return State(int(self.slot["state"]))

    @property
    def due_in_hours(self) -> float | None:
        """When time alone may move the first rule's slot; None for never."""
        due = int(self.slot["due_ms"])
        return (due - self.now_ms) / HOUR_MS if due else None
