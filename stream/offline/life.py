"""One invented customer's life, event by event.

A life is a script with chance in it. `Life` writes the events down; the functions are the kinds of lives.
Nothing here knows what a score is.
"""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from schemas.interaction import (
    Delivery,
    Engagement,
    Event,
    Interaction,
    Loyalty,
    Payment,
    Profile,
    Purchase,
    Recovery,
    Referral,
    Refund,
    Review,
    Subscription,
    Survey,
    Ticket,
)

__all__ = ["DAY_MS", "HOUR_MS", "Life", "shopper", "subscriber"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

SEGMENTS = ("home", "family", "studio", "business")
LOCALES = ("en-GB", "de-DE", "ja-JP", "pt-BR")


class Life:
    """Events of one customer, in any order until they are sorted; `chance` is the only source of chance.

    Args:
        chance: seeded for this customer.
        customer_id: of every event.
        end_ms: nothing is written down after it; a life goes on, its record stops.
    """

    def __init__(self, chance: Random, customer_id: str, end_ms: int) -> None:
        self.chance = chance
        self.customer_id = customer_id
        self.end_ms = end_ms
        self.events: list[Interaction] = []
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


def moment(at_ms: float) -> datetime:
    """Aware datetime of epoch ms, to the second."""
    return EPOCH + timedelta(seconds=int(at_ms // 1000))


def shopper(life: Life, start_ms: float, stop_ms: float | None) -> float | None:
    """Buys at a rate of its own and may drop out after any purchase, as in the MBG/NBD.

    Returns:
        when it dropped out by itself; None if `stop_ms` ends it or it is still there.
    """
    chance = life.chance
    gap_days = 1.0 / chance.gammavariate(2.0, 1 / 50.0)
    p_drop = 0.0 if stop_ms is not None else chance.betavariate(1.0, 14.0)
    at_ms, last_ms = start_ms, life.end_ms if stop_ms is None else stop_ms
    _introduce(life, start_ms)
    while at_ms < last_ms:
        _order(life, at_ms)
        if life.happens(p_drop):
            return at_ms
        at_ms += max(0.05, chance.expovariate(1.0 / min(gap_days, 365.0))) * DAY_MS
    return None


def subscriber(life: Life, start_ms: float, stop_ms: float | None) -> float | None:
    """Pays by the month and uses what it pays for; may let the contract end after any month."""
    chance = life.chance
    contract, price = life.name("contract"), chance.choice((9.0, 19.0, 49.0))
    p_leave = 0.0 if stop_ms is not None else chance.betavariate(1.0, 40.0)
    at_ms, last_ms = start_ms, life.end_ms if stop_ms is None else stop_ms
    _introduce(life, start_ms)
    status = "started"
    while at_ms < last_ms:
        end_ms = at_ms + 30 * DAY_MS
        life.add(Payment, at_ms, status="succeeded", amount=price, currency="EUR")
        life.add(Subscription, at_ms, subscription_id=contract, status=status, term_end=moment(end_ms))
        for _ in range(chance.randrange(2, 7)):
            used_ms = at_ms + life.within(0, 30)
            if used_ms < last_ms:
                life.add(Engagement, used_ms, kind=chance.choice(("login", "feature_use", "feature_use")))
        if life.happens(p_leave):
            life.add(Subscription, end_ms - DAY_MS, subscription_id=contract, status="cancel_requested")
            life.add(Subscription, end_ms, subscription_id=contract, status="cancelled")
            return end_ms
        at_ms, status = end_ms, "renewed"
    if stop_ms is not None:
        life.add(Subscription, at_ms, subscription_id=contract, status="expired")
    return None


def _introduce(life: Life, at_ms: float) -> None:
    chance = life.chance
    tier = chance.choices(("standard", "silver", "gold", "platinum"), (70, 18, 9, 3))[0]
    life.add(Profile, at_ms, segment=chance.choice(SEGMENTS), tier=tier, locale=chance.choice(LOCALES))
    if life.happens(0.3):
        life.add(Loyalty, at_ms + HOUR_MS, kind="joined")


def _order(life: Life, at_ms: float) -> None:
    """A visit, a purchase, a delivery that is nearly always on time, and sometimes an opinion."""
    chance = life.chance
    order = life.name("order")
    amount = round(min(2_000.0, chance.lognormvariate(3.4, 0.6)), 2)
    life.add(Engagement, at_ms - 0.5 * HOUR_MS, kind=chance.choice(("visit", "email_click", "login")))
    life.add(Purchase, at_ms, amount=amount, currency="EUR", order_id=order, items=chance.randrange(1, 5))
    promised_ms = at_ms + life.within(3, 6)
    arrived_ms = promised_ms + (life.within(0.2, 3) if life.happens(0.06) else -life.within(0.1, 2))
    delivery = life.name("parcel")
    life.add(Delivery, at_ms + HOUR_MS, delivery_id=delivery, status="promised", order_id=order,
             promised_at=moment(promised_ms))  # fmt: skip
    life.add(Delivery, arrived_ms, delivery_id=delivery, status="arrived", order_id=order)
    if life.happens(0.12):
        life.add(Review, arrived_ms + life.within(1, 5), rating=chance.choices((3, 4, 5), (1, 3, 6))[0])
    if life.happens(0.15):
        life.add(Survey, arrived_ms + life.within(0, 2), instrument="nps", score=chance.randrange(7, 11))
    if life.happens(0.05):
        life.add(Refund, arrived_ms + life.within(1, 8), amount=amount, currency="EUR", order_id=order,
                 kind=chance.choice(("refund", "return")))  # fmt: skip
    if life.happens(0.25):
        life.add(Loyalty, arrived_ms, kind=chance.choice(("earned", "earned", "redeemed", "tier_up")))
    if life.happens(0.03):
        life.add(Referral, arrived_ms + life.within(1, 9))
    if life.happens(0.06):
        _solved_ticket(life, arrived_ms)


def _solved_ticket(life: Life, at_ms: float) -> None:
    ticket = life.name("ticket")
    life.add(Ticket, at_ms, ticket_id=ticket, status="opened")
    life.add(Ticket, at_ms + life.within(0.05, 0.8), ticket_id=ticket, status="first_reply")
    life.add(Ticket, at_ms + life.within(0.9, 2.8), ticket_id=ticket, status="resolved")
    life.add(Survey, at_ms + life.within(3, 4), instrument="csat", score=life.chance.choice((3, 4, 5, 5)))
    if life.happens(0.3):
        life.add(Recovery, at_ms + 3 * DAY_MS, kind="apology")
