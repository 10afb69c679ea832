"""Kinds of trouble: what goes wrong before a planted churner leaves.

Each is what drives people away in the literature on service failure, not what our model is known to react to.
"""

from collections.abc import Callable

from schemas.interaction import (
    Delivery,
    Engagement,
    Incident,
    Loyalty,
    Payment,
    Purchase,
    Recovery,
    Refund,
    Review,
    Survey,
    Ticket,
)
from stream.offline.life import DAY_MS, Life, moment

__all__ = ["TROUBLES", "TROUBLE_DAYS"]

TROUBLE_DAYS = 21
"""From the first thing that goes wrong to silence."""


def _late_deliveries(life: Life, at_ms: float) -> None:
    for week in range(3):
        order_ms = at_ms + week * 5 * DAY_MS
        order, parcel = life.name("order"), life.name("parcel")
        promised_ms = order_ms + 3 * DAY_MS
        life.add(Purchase, order_ms, amount=30.0 + week, currency="EUR", order_id=order)
        life.add(Delivery, order_ms, delivery_id=parcel, status="promised", promised_at=moment(promised_ms))
        if week == 1:
            life.add(Delivery, promised_ms + DAY_MS, delivery_id=parcel, status="failed")
        elif week == 0:
            life.add(Delivery, promised_ms + life.within(6, 12), delivery_id=parcel, status="arrived")
    life.add(Survey, at_ms + 14 * DAY_MS, instrument="nps", score=life.chance.randrange(0, 5))


def _unresolved_tickets(life: Life, at_ms: float) -> None:
    ticket = life.name("ticket")
    life.add(Ticket, at_ms, ticket_id=ticket, status="opened", priority="high")
    life.add(Ticket, at_ms + life.within(2, 4), ticket_id=ticket, status="first_reply", priority="high")
    life.add(Ticket, at_ms + life.within(5, 7), ticket_id=ticket, status="escalated", priority="high")
    life.add(Survey, at_ms + 8 * DAY_MS, instrument="csat", score=life.chance.randrange(1, 3))
    life.add(Ticket, at_ms + 9 * DAY_MS, ticket_id=ticket, status="reopened", priority="urgent")
    life.add(Survey, at_ms + 12 * DAY_MS, instrument="ces2", score=life.chance.randrange(1, 3))


def _let_down(life: Life, at_ms: float) -> None:
    life.add(Survey, at_ms, instrument="nps", score=life.chance.randrange(0, 4))
    life.add(Review, at_ms + 2 * DAY_MS, rating=1)
    life.add(Survey, at_ms + 6 * DAY_MS, instrument="csat", score=1)
    life.add(Refund, at_ms + 7 * DAY_MS, amount=25.0, currency="EUR", kind="return")
    life.add(Loyalty, at_ms + 9 * DAY_MS, kind="left")


def _failed_payments(life: Life, at_ms: float) -> None:
    for attempt in range(3):
        life.add(Payment, at_ms + attempt * 3 * DAY_MS, status="failed", amount=19.0, currency="EUR")
    life.add(Incident, at_ms + 7 * DAY_MS, kind="billing_error", severity="major")
    life.add(Ticket, at_ms + 8 * DAY_MS, ticket_id=life.name("ticket"), status="opened", priority="urgent")


def _breach(life: Life, at_ms: float) -> None:
    life.add(Incident, at_ms, kind="breach", severity="critical")
    life.add(Recovery, at_ms + 2 * DAY_MS, kind="apology")
    life.add(Survey, at_ms + 5 * DAY_MS, instrument="nps", score=life.chance.randrange(0, 3))
    life.add(Engagement, at_ms + 6 * DAY_MS, kind="unsubscribed")


TROUBLES: dict[str, Callable[[Life, float], None]] = {
    "late_deliveries": _late_deliveries,
    "unresolved_tickets": _unresolved_tickets,
    "let_down": _let_down,
    "failed_payments": _failed_payments,
    "breach": _breach,
}
"""What a planted churner goes through in its last three weeks, by the cause that the truth names."""
