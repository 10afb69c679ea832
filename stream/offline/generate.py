"""Invented customers with a known truth: who left, when and why, and who was let down and stayed."""

from collections.abc import Callable, Iterable
from random import Random
from typing import NamedTuple

from schemas.interaction import Interaction
from stream.offline.everyday import mishaps
from stream.offline.life import DAY_MS, Life, acts, moment
from stream.offline.rhythm import shopper, subscriber
from stream.offline.trouble import TROUBLES, draw, make_up
from stream.offline.truth import Truth

__all__ = ["UNPLANTED", "History", "generate"]

P_SUBSCRIBER = 0.2
UNPLANTED = "drifted_away"
"""Cause of those who left without trouble: nothing that happened to them tells."""


class History(NamedTuple):
    """Events of all customers in the order of time, and the truth of each customer in the order of ids."""

    events: list[Interaction]
    truth: list[Truth]


def generate(
    customers: int,
    days: float,
    seed: int,
    end_ms: int,
    on_progress: Callable[[int], None] = lambda _n_customers: None,
) -> History:
    """Invent a history. The same arguments give the same events.

    Args:
        customers: how many people; each is drawn by itself, so a larger crowd begins with the same ones.
        days: length of the history.
        seed: of all chance.
        end_ms: when it ends; nothing happens later.
        on_progress: called with the number of customers so far.
    """
    events: list[Interaction] = []
    truth: list[Truth] = []
    for number in range(1, customers + 1):
        life = Life(Random(f"{seed}/{number}"), f"gen-{number:06}", end_ms)
        truth.append(_live(life, days))
        events += life.events
        if number % 500 == 0 or number == customers:
            on_progress(number)
    events.sort(key=lambda event: (event.occurred_at, event.customer_id))
    return History(events, truth)


def _live(life: Life, days: float) -> Truth:
    """Draw a kind of life, perhaps a time of trouble, and what becomes of it."""
    chance, who = life.chance, life.customer_id
    contractual = life.happens(P_SUBSCRIBER)
    start_ms = life.end_ms - days * DAY_MS * chance.uniform(0.5, 1.0)
    spell = life.spell = draw(life, start_ms, contractual)
    left_ms = subscriber(life, start_ms) if contractual else shopper(life, start_ms)
    if left_ms is not None and not (spell is not None and spell.leaves):
        # Who drops out after a purchase still looks at what it bought: gone is who does nothing more.
        left_ms = max([left_ms, *_deeds_after(left_ms, life.events)])
    mishaps(life, start_ms, life.end_ms if left_ms is None else left_ms)
    if spell is not None and (left_ms is None or spell.start_ms < left_ms):
        TROUBLES[spell.cause].script(life, spell)
        make_up(life, spell)
        unhappy_at = moment(spell.start_ms)
    else:
        spell = unhappy_at = None
    if left_ms is None or left_ms > life.end_ms:
        return Truth(who, False, None, spell.cause if spell is not None else "", unhappy_at)
    life.forget(left_ms)
    cause = spell.cause if spell is not None and spell.leaves else UNPLANTED
    return Truth(who, True, moment(left_ms), cause, unhappy_at)


def _deeds_after(left_ms: float, events: Iterable[Interaction]) -> list[float]:
    left = moment(left_ms)
    deeds = [event for event in events if event.occurred_at > left and acts(event)]
    return [event.occurred_at.timestamp() * 1000.0 for event in deeds]
