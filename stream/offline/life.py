"""One invented customer's record: events written down, and how contented the customer is at a time.

A life is a script with chance in it. `Life` writes the events down; nothing here knows what a score is.
"""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, NamedTuple

from schemas.interaction import (
    Engagement,
    Event,
    Interaction,
    Loyalty,
    Payment,
    Purchase,
    Referral,
    Refund,
    Review,
    Subscription,
    Survey,
    Ticket,
)

__all__ = ["DAY_MS", "HOUR_MS", "Life", "Spell", "acts", "moment"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

GRUDGE_DAYS = 45  # whoever stays after a spell of trouble is over it by then
BY_CUSTOMER: dict[type[Event], frozenset[str] | None] = {
    Purchase: None,
    Refund: None,
    Survey: None,
    Review: None,
    Engagement: None,
    Referral: None,
    Ticket: frozenset({"opened", "reopened", "escalated"}),
    Payment: frozenset({"succeeded"}),
    Subscription: frozenset({"started", "renewed", "cancel_requested"}),
    Loyalty: frozenset({"joined", "earned", "redeemed", "left"}),
}


class Spell(NamedTuple):
    """A time of trouble.

    Attributes:
        cause: key of `trouble.TROUBLES`.
        start_ms: of the first thing that goes wrong; dissatisfaction begins.
        end_ms: when the customer leaves, or begins to forgive.
        leaves: which of the two.
    """

    cause: str
    start_ms: float
    end_ms: float
    leaves: bool


class Life:
    """Events of one customer, in any order until they are sorted; `chance` is the only source of chance.

    Args:
        chance: seeded for this customer.
        customer_id: of every event.
        end_ms: nothing is written down after it; a life goes on, its record stops.

    Attributes:
        spell: its time of trouble, if there is one.
        voice: probability that it says what it thinks when something goes wrong for it.
    """

    def __init__(self, chance: Random, customer_id: str, end_ms: float) -> None:
        self.chance = chance
        self.customer_id = customer_id
        self.end_ms = end_ms
        self.events: list[Interaction] = []
        self.spell: Spell | None = None
        self.voice = 0.5
        self._n = 0

    def add(self, kind: type[Event], at_ms: float, /, **fields: object) -> None:
        """Write an event down; its id tells it from all others of this customer."""
        self._n += 1
        if at_ms <= self.end_ms:
            make: Any = kind  # each type has fields of its own
            self.events.append(make(self.event_id(), self.customer_id, moment(at_ms), **fields))

    def event_id(self) -> str:
        """Id of the event being written down."""
        return f"{self.customer_id}-{self._n}"

    def name(self, what: str) -> str:
        """A reference that no other customer uses."""
        return f"{what}-{self.customer_id}-{self._n}"

    def within(self, low_days: float, high_days: float) -> float:
        """A duration in ms, evenly between the two."""
        return self.chance.uniform(low_days, high_days) * DAY_MS

    def happens(self, probability: float) -> bool:
        """Toss a coin."""
        return self.chance.random() < probability

    def mood(self, at_ms: float) -> float:
        """How dissatisfied the customer is, 0-1: in a spell it grows from 0.3, to 1 for those who will leave.

        Those who stay reach 0.7 and are over it `GRUDGE_DAYS` after the end.
        """
        spell = self.spell
        if spell is None or at_ms < spell.start_ms:
            return 0.0
        worst = 1.0 if spell.leaves else 0.7
        if at_ms < spell.end_ms:
            return 0.3 + (worst - 0.3) * (at_ms - spell.start_ms) / (spell.end_ms - spell.start_ms)
        if spell.leaves:
            return worst
        return max(0.0, worst * (1.0 - (at_ms - spell.end_ms) / (GRUDGE_DAYS * DAY_MS)))

    def forget(self, after_ms: float) -> None:
        """Strike out what a customer who left at that time would have had to do itself."""
        last = moment(after_ms)
        self.events = [event for event in self.events if event.occurred_at <= last or not acts(event)]


def acts(event: Interaction) -> bool:
    """Whether the customer does this; a parcel, our reply or a failed charge may follow who has left."""
    kinds = BY_CUSTOMER.get(type(event), frozenset())
    return kinds is None or getattr(event, "status", getattr(event, "kind", "")) in kinds


def moment(at_ms: float) -> datetime:
    """Aware datetime of epoch ms, to the second."""
    return EPOCH + timedelta(seconds=int(at_ms // 1000))
