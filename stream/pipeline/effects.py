"""What one step wants written: the engine writes all of it in one transaction, or none."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from stream.alerts.life import Transition
from stream.alerts.storm import HELD

__all__ = ["DeadLetter", "Effects"]

KeyValue = tuple[bytes, bytes]


class DeadLetter(NamedTuple):
    """A refused record as it came, with the cause in its headers."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


@dataclass(slots=True)
class Effects:
    """Records to write, per topic, in order; and what to count.

    Attributes:
        changelog: rows of touched customers; later ones of a key supersede earlier ones.
        scores: ScoreV1 records, keyed by customer.
        alerts: latest state per `customer|rule`; later ones of a key supersede earlier ones.
        alert_log: every transition, same keys.
        dead_letters: refused records.
        outcomes: events by (type, outcome), outcome one of scored, duplicate, invalid; type "unknown"
        where unreadable. Commands have the type "command" and are applied, superseded or invalid.
        causes: dead letters by cause.
        opened: alerts opened, those that were held back before included, by severity.
        resolved: alerts resolved or expired, by severity; not those that never opened.
        suppressed: alerts held back, by reason.
        promises_given_up: open promises counted as broken because a customer had more than a row may hold.
        n_records: records of the run, dead ones included.
    """

    changelog: list[KeyValue] = field(default_factory=list)
    scores: list[KeyValue] = field(default_factory=list)
    alerts: list[KeyValue] = field(default_factory=list)
    alert_log: list[KeyValue] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    opened: Counter[str] = field(default_factory=Counter)
    resolved: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    promises_given_up: int = 0
    n_records: int = 0

    def also(self, later: "Effects") -> None:
        """Take on what the next look at the same table wants written: both in one transaction, in order."""
        for name in ("changelog", "scores", "alerts", "alert_log", "dead_letters"):
            getattr(self, name).extend(getattr(later, name))
        for name in ("outcomes", "causes", "opened", "resolved", "suppressed"):
            getattr(self, name).update(getattr(later, name))
        self.promises_given_up += later.promises_given_up
        self.n_records += later.n_records

    def count(self, transition: Transition) -> None:
        """Count one transition of an alert."""
        if transition.kind in ("opened", "released"):
            self.opened[transition.severity] += 1
        elif transition.kind == "suppressed":
            self.suppressed[HELD[transition.held - 1]] += 1
        elif transition.opened_ms and transition.kind in ("resolved", "expired"):
            self.resolved[transition.severity] += 1
