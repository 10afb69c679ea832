"""Good customers whose parcel is late, and then comes: alerts to follow from their opening to their end."""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import count
from random import Random

from schemas.interaction import Delivery, Interaction, Purchase, Recovery, Survey, Ticket
from stream.offline.life import DAY_MS, HOUR_MS, Life, moment

__all__ = ["ARRIVES_S", "EVERY_S", "NAME", "late_parcels"]

NAME = "demo-late-"
"""Of these customers, before a number."""
EVERY_S = 120.0
ARRIVES_S = 240.0
"""Long enough to type a few commands; when it is over, the next one is open already."""
S_MS = 1000
ORDERS = 6
"""Before the late one, a month apart."""


def late_parcels(
    start_ms: int, *, every_s: float = EVERY_S, arrives_s: float = ARRIVES_S
) -> Iterator[tuple[int, Interaction]]:
    """Interactions of `demo-late-1`, `demo-late-2` ... with the time at which each is sent, without end.

    Each was content for half a year, and was promised a parcel for four days ago. At its turn it asks where
    that is. Later the parcel arrives, with an answer and a voucher.

    Args:
        start_ms: turn of the first.
        every_s: from one's turn to the next one's.
        arrives_s: from the complaint to the parcel.
    """
    waiting: list[tuple[int, int, Interaction]] = []
    for number in count(1):
        turn_ms = start_ms + round((number - 1) * every_s * S_MS)
        while waiting and waiting[0][0] < turn_ms:
            at_ms, _, event = heappop(waiting)
            yield at_ms, event
        story = _story(f"{NAME}{number}", turn_ms, round(arrives_s * S_MS))
        for place, (at_ms, event) in enumerate(story, start=number * len(story)):
            heappush(waiting, (at_ms, place, event))


def _story(customer_id: str, turn_ms: int, arrives_ms: int) -> list[tuple[int, Interaction]]:
    """What is sent of one customer, and when."""
    life = Life(Random(customer_id), customer_id, end_ms=2**52)
    for number in range(ORDERS):
        _is_content(life, turn_ms - (ORDERS - number) * 30 * DAY_MS, f"order-{number + 1}")
    ordered_ms, promised = turn_ms - 6 * DAY_MS, moment(turn_ms - 4 * DAY_MS)
    life.add(Purchase, ordered_ms, amount=80.0, currency="EUR", order_id="order-late")
    life.add(
        Delivery,
        ordered_ms + HOUR_MS,
        delivery_id="parcel-late",
        status="promised",
        promised_at=promised,
        order_id="order-late",
    )
    life.add(Ticket, turn_ms, ticket_id="where-is-it", status="opened", priority="normal")
    there_ms = turn_ms + arrives_ms
    life.add(Delivery, there_ms, delivery_id="parcel-late", status="arrived", order_id="order-late")
    life.add(Ticket, there_ms + 2 * S_MS, ticket_id="where-is-it", status="resolved", priority="normal")
    life.add(Recovery, there_ms + 4 * S_MS, kind="compensation", amount=10.0)
    life.add(Survey, there_ms + 6 * S_MS, instrument="csat", score=5)
    return [(max(turn_ms, round(event.occurred_at.timestamp() * 1000)), event) for event in life.events]


def _is_content(life: Life, at_ms: float, order: str) -> None:
    parcel = f"parcel-of-{order}"
    life.add(Purchase, at_ms, amount=60.0, currency="EUR", order_id=order)
    life.add(
        Delivery,
        at_ms + HOUR_MS,
        delivery_id=parcel,
        status="promised",
        promised_at=moment(at_ms + 3 * DAY_MS),
        order_id=order,
    )
    life.add(Delivery, at_ms + 2 * DAY_MS, delivery_id=parcel, status="arrived", order_id=order)
    life.add(Survey, at_ms + 4 * DAY_MS, instrument="nps", score=9)
