"""Kinds of trouble: what goes wrong for a customer over weeks, until it leaves or forgives.

Each is what drives people away in the literature on service failure (Keaveney 1995: core service failures,
failed encounters, responses to failure, pricing; Roos 1999: switching is a path of weeks to months, not a
moment), not what our model is known to react to. How often and how long is declared, not measured:

- a quarter of customers meets trouble once in a history; half of them leave over it, the others stay after
  the same events, so that trouble tells and does not decide;
- from the first failure to leaving takes 50 days in the median, a sixth under 30 days, a sixth over 80;
- a failure is voiced (survey, review, complaint) with the customer's own probability `Life.voice`, one third
  in the mean, since most of the dissatisfied never complain (Goodman, TARP). The others are seen only by what
  we did to them, and `fading_interest` by nothing but absence.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from schemas.interaction import (
    Delivery,
    Engagement,
    Incident,
    Loyalty,
    Payment,
    Purchase,
    Recovery,
    Refund,
    Ticket,
)
from stream.offline.everyday import answer, rate
from stream.offline.life import DAY_MS, HOUR_MS, Life, Spell, moment

__all__ = ["P_TROUBLE", "TROUBLES", "Trouble", "draw", "make_up"]

P_TROUBLE = 0.25
FIRST_DAYS = 14.0  # nobody is in trouble before
MEDIAN_DAYS, SPREAD, SHORTEST_DAYS, LONGEST_DAYS = 50.0, 0.5, 10.0, 180.0
P_MADE_UP = 0.6  # of those who stay: we made up for it; the others got over it


class Trouble(NamedTuple):
    """One kind.

    Attributes:
        script: what happens in the spell.
        shoppers: how common among shoppers, against the other kinds.
        subscribers: the same among subscribers.
        p_leaves: share of those it meets that leave over it.
    """

    script: Callable[[Life, Spell], None]
    shoppers: float
    subscribers: float
    p_leaves: float


def draw(life: Life, start_ms: float, contractual: bool) -> Spell | None:
    """Whether, when and why this customer gets into trouble, and whether it will leave over it."""
    chance = life.chance
    life.voice = chance.betavariate(1.0, 2.0)
    first_ms = start_ms + FIRST_DAYS * DAY_MS
    if not life.happens(P_TROUBLE) or first_ms >= life.end_ms:
        return None
    weights = [each.subscribers if contractual else each.shoppers for each in TROUBLES.values()]
    cause = chance.choices(list(TROUBLES), weights)[0]
    begin_ms = chance.uniform(first_ms, life.end_ms)
    days = chance.lognormvariate(0.0, SPREAD) * MEDIAN_DAYS
    end_ms = begin_ms + min(LONGEST_DAYS, max(SHORTEST_DAYS, days)) * DAY_MS
    return Spell(cause, begin_ms, end_ms, life.happens(TROUBLES[cause].p_leaves))


def _failures(life: Life, spell: Spell, low: int, high: int) -> Iterator[float]:
    """Times of a number of failures: the first begins the spell, the others follow within its first 85 %."""
    yield spell.start_ms
    n, length_ms = life.chance.randint(low, high), spell.end_ms - spell.start_ms
    yield from sorted(spell.start_ms + length_ms * life.chance.uniform(0.1, 0.85) for _ in range(n - 1))


def _voices(life: Life, at_ms: float, *instruments: str) -> None:
    if life.happens(life.voice):
        answer(life, at_ms + life.within(0.5, 3), life.chance.choice(instruments))


def _late_deliveries(life: Life, spell: Spell) -> None:
    """Two to four parcels come 3-14 days late; one in five fails and is sent again."""
    for at_ms in _failures(life, spell, 2, 4):
        order, parcel = life.name("order"), life.name("parcel")
        promised_ms = at_ms + life.within(-1, 1)  # the trouble begins when the promise is broken
        ordered_ms = promised_ms - life.within(3, 5)
        came_ms = promised_ms + life.within(3, 14)
        amount = round(life.chance.uniform(15, 80), 2)
        shipped_ms = ordered_ms + 0.7 * (came_ms - ordered_ms)  # it is our warehouse that is late
        life.add(Purchase, ordered_ms, amount=amount, currency="EUR", order_id=order, channel="web")
        life.add(Delivery, ordered_ms + HOUR_MS, delivery_id=parcel, status="promised", order_id=order,
                 promised_at=moment(promised_ms))  # fmt: skip
        life.add(Delivery, shipped_ms, delivery_id=parcel, status="shipped", order_id=order)
        if life.happens(0.2):
            failed_ms = life.chance.uniform(shipped_ms, came_ms)
            life.add(Delivery, failed_ms, delivery_id=parcel, status="failed", order_id=order)
        life.add(Delivery, came_ms, delivery_id=parcel, status="arrived", order_id=order)
        _voices(life, came_ms, "nps", "csat")


def _unresolved_tickets(life: Life, spell: Spell) -> None:
    """One to three tickets: answered late, reopened or escalated; the last one of a leaver stays open."""
    times = list(_failures(life, spell, 1, 3))
    for at_ms in times:
        about = {
            "ticket_id": life.name("ticket"),
            "priority": life.chance.choices(("normal", "high", "urgent"), (5, 4, 1))[0],
            "channel": life.chance.choice(("chat", "email", "phone")),
        }
        life.add(Ticket, at_ms, status="opened", **about)
        life.add(Ticket, at_ms + life.within(1, 4), status="first_reply", **about)
        if life.happens(life.voice):
            life.add(Ticket, at_ms + life.within(5, 8), status="escalated", **about)
        if at_ms == times[-1] and spell.leaves:
            continue
        solved_ms = at_ms + life.within(8, 20)
        life.add(Ticket, solved_ms, status="resolved", **about)
        if life.happens(0.4):
            life.add(Ticket, solved_ms + life.within(1, 3), status="reopened", **about)
            life.add(Ticket, solved_ms + life.within(6, 12), status="resolved", **about)
        _voices(life, solved_ms, "csat", "ces1", "ces2")


def _poor_quality(life: Life, spell: Spell) -> None:
    """Goods or service are not what was promised: sent back, complained about, rated."""
    for at_ms in _failures(life, spell, 2, 4):
        if life.happens(0.5):
            life.add(
                Refund, at_ms, amount=25.0, currency="EUR", kind=life.chance.choice(("return", "refund"))
            )
        if life.happens(life.voice):
            rate(life, at_ms + life.within(0.5, 4))
        _voices(life, at_ms, "nps", "csat")
    if life.happens(0.3):
        life.add(Loyalty, spell.end_ms - life.within(0, 10), kind="left")


def _billing_errors(life: Life, spell: Spell) -> None:
    """Wrong charges: some fail, some are complained about, one in seven is contested at the bank."""
    for at_ms in _failures(life, spell, 2, 3):
        severity = life.chance.choices(("minor", "major"), (4, 6))[0]
        life.add(Incident, at_ms, kind="billing_error", severity=severity)
        if life.happens(0.6):
            life.add(Payment, at_ms + life.within(0, 2), status="failed", amount=19.0, currency="EUR")
        if life.happens(life.voice):
            about = {"ticket_id": life.name("ticket"), "priority": "high", "channel": "phone"}
            life.add(Ticket, at_ms + DAY_MS, status="opened", **about)
            life.add(Ticket, at_ms + life.within(2, 4), status="first_reply", **about)
            life.add(Ticket, at_ms + life.within(5, 12), status="resolved", **about)
            life.add(Refund, at_ms + life.within(6, 13), amount=19.0, currency="EUR")
        if life.happens(0.15):
            life.add(Refund, at_ms + life.within(3, 15), amount=19.0, currency="EUR", kind="chargeback")
        _voices(life, at_ms, "csat", "nps")


def _breach(life: Life, spell: Spell) -> None:
    """Personal data are lost; we apologise, some answer in kind."""
    life.add(Incident, spell.start_ms, kind="breach", severity="critical")
    life.add(Recovery, spell.start_ms + life.within(1, 4), kind="apology")
    _voices(life, spell.start_ms, "nps")
    if life.happens(0.3):
        life.add(Engagement, spell.start_ms + life.within(1, 10), kind="unsubscribed")


def _fading_interest(life: Life, spell: Spell) -> None:
    """Nothing that we did: interest fades, visits and purchases with it, and some no longer want our mail."""
    if life.happens(0.3):
        life.add(Engagement, life.chance.uniform(spell.start_ms, spell.end_ms), kind="unsubscribed")


def make_up(life: Life, spell: Spell) -> None:
    """For many of those who stay we made up for it."""
    if not spell.leaves and life.happens(P_MADE_UP):
        life.add(Recovery, spell.end_ms, kind=life.chance.choice(("apology", "compensation")))
        _voices(life, spell.end_ms + life.within(10, 30), "csat")


TROUBLES: dict[str, Trouble] = {
    "late_deliveries": Trouble(_late_deliveries, 25, 0, 0.5),
    "unresolved_tickets": Trouble(_unresolved_tickets, 20, 30, 0.55),
    "poor_quality": Trouble(_poor_quality, 20, 15, 0.5),
    "billing_errors": Trouble(_billing_errors, 10, 25, 0.5),
    "breach": Trouble(_breach, 3, 5, 0.6),
    "fading_interest": Trouble(_fading_interest, 22, 25, 0.7),
}
"""By the cause that the truth names; weights are in percent of each kind of customer."""
