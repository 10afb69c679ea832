"""Traffic that never ends, for the demo: scenes of a few events each, played in real time, all invented."""

from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from random import Random

from schemas.interaction import (
    Delivery,
    Engagement,
    Incident,
    Interaction,
    Payment,
    Purchase,
    Recovery,
    Review,
    Survey,
    Ticket,
)
from stream.offline.life import DAY_MS, Life, moment

__all__ = ["live"]

S_MS = 1000


def live(
    seed: int, start_ms: int, *, customers: int = 500, scenes_per_s: float = 4.0
) -> Iterator[Interaction]:
    """Interactions of `gen-` customers from `start_ms` on, in the order of time, without end.

    Whoever sends them waits for each one's time. Most scenes go well; in some everything goes wrong for one
    customer, and some of those are won back half a minute later.

    Args:
        seed: of all chance; with the same start the same traffic.
        start_ms: time of the first event.
        customers: how many people take part: the first of those that `generate` invents.
        scenes_per_s: beginnings of scenes; about five events each.
    """
    chance = Random(f"live/{seed}")
    waiting: list[tuple[float, int, Interaction]] = []
    at_ms, scene, n = float(start_ms), 0, 0
    while True:
        while waiting and waiting[0][0] <= at_ms:
            yield heappop(waiting)[2]
        scene += 1
        life = _Scene(chance, f"gen-{chance.randrange(1, customers + 1):06}", f"live-{start_ms}-{scene}")
        chance.choices(list(SCENES), list(SCENES.values()))[0](life, at_ms)
        for event in life.events:
            n += 1
            heappush(waiting, (event.occurred_at.timestamp() * 1000.0, n, event))
        at_ms += chance.expovariate(scenes_per_s) * S_MS


class _Scene(Life):
    """A life of half a minute, with event ids that no other run has."""

    def __init__(self, chance: Random, customer_id: str, name: str) -> None:
        super().__init__(chance, customer_id, end_ms=2**52)
        self._name = name

    def event_id(self) -> str:
        return f"{self._name}-{self._n}"

    def name(self, what: str) -> str:
        return f"{what}-{self._name}"


def _looks_around(life: Life, at_ms: float) -> None:
    life.add(Engagement, at_ms, kind="visit")
    life.add(Engagement, at_ms + 4 * S_MS, kind=life.chance.choice(("email_open", "login", "feature_use")))


def _buys(life: Life, at_ms: float) -> None:
    order, parcel = life.name("order"), life.name("parcel")
    amount = round(life.chance.lognormvariate(3.4, 0.6), 2)
    life.add(Engagement, at_ms, kind="visit")
    life.add(Purchase, at_ms + 2 * S_MS, amount=amount, currency="EUR", order_id=order)
    life.add(
        Delivery,
        at_ms + 4 * S_MS,
        delivery_id=parcel,
        status="promised",
        promised_at=moment(at_ms + 30 * S_MS),
        order_id=order,
    )
    life.add(Delivery, at_ms + 18 * S_MS, delivery_id=parcel, status="arrived", order_id=order)
    life.add(Survey, at_ms + 25 * S_MS, instrument="nps", score=life.chance.randrange(7, 11))


def _is_helped(life: Life, at_ms: float) -> None:
    ticket = life.name("ticket")
    life.add(Ticket, at_ms, ticket_id=ticket, status="opened")
    life.add(Ticket, at_ms + 6 * S_MS, ticket_id=ticket, status="first_reply")
    life.add(Ticket, at_ms + 15 * S_MS, ticket_id=ticket, status="resolved")
    life.add(Survey, at_ms + 20 * S_MS, instrument="csat", score=life.chance.randrange(4, 6))


def _is_let_down(life: Life, at_ms: float) -> None:
    """Everything goes wrong; afterwards silence."""
    parcel, ticket = life.name("parcel"), life.name("ticket")
    promised = moment(at_ms - 4 * DAY_MS)  # the date given to the customer has long passed
    life.add(Delivery, at_ms, delivery_id=parcel, status="promised", promised_at=promised)
    life.add(Ticket, at_ms + 2 * S_MS, ticket_id=ticket, status="opened", priority="urgent", due_at=promised)
    life.add(Payment, at_ms + 4 * S_MS, status="failed", amount=19.0, currency="EUR")
    life.add(Ticket, at_ms + 6 * S_MS, ticket_id=ticket, status="escalated", priority="urgent")
    life.add(Survey, at_ms + 8 * S_MS, instrument="nps", score=life.chance.randrange(0, 3))
    life.add(Review, at_ms + 10 * S_MS, rating=1)
    if life.happens(0.3):
        life.add(Incident, at_ms + 11 * S_MS, kind="breach", severity="critical")
    if life.happens(0.4):
        _is_won_back(life, at_ms + 30 * S_MS, parcel, ticket)


def _is_won_back(life: Life, at_ms: float, parcel: str, ticket: str) -> None:
    life.add(Delivery, at_ms, delivery_id=parcel, status="arrived")
    life.add(Ticket, at_ms + 2 * S_MS, ticket_id=ticket, status="resolved", priority="urgent")
    life.add(Recovery, at_ms + 4 * S_MS, kind="compensation", amount=25.0)
    life.add(Survey, at_ms + 8 * S_MS, instrument="csat", score=5)
    life.add(Survey, at_ms + 12 * S_MS, instrument="nps", score=10)
    life.add(Review, at_ms + 14 * S_MS, rating=5)


SCENES: dict[Callable[[Life, float], None], float] = {
    _looks_around: 0.45,
    _buys: 0.35,
    _is_helped: 0.15,
    _is_let_down: 0.05,
}
"""What may happen next, and how often."""
