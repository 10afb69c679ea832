"""Invented customers with a known truth: who left, when and why. The same seed gives the same bytes."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from random import Random
from typing import NamedTuple

from schemas.interaction import Interaction
from stream.offline.life import DAY_MS, Life, moment, shopper, subscriber
from stream.offline.trouble import TROUBLE_DAYS, TROUBLES

__all__ = ["History", "Truth", "generate", "truth_csv"]

P_PLANTED = 0.15
P_SUBSCRIBER = 0.2
P_PARDONED = 0.05  # share that lives through the same trouble and stays: trouble does not decide, it tells


class Truth(NamedTuple):
    """What became of one customer.

    Attributes:
        customer_id: `gen-` and a number: never mistaken for a real one.
        churned: left within the history.
        churn_at: from when it did nothing more; None if it stayed.
        cause: key of `TROUBLES` for planted churners; "drifted_away" for those who just stopped; else "".
    """

    customer_id: str
    churned: bool
    churn_at: datetime | None
    cause: str


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
    """Invent a history.

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
        if number % 1000 == 0 or number == customers:
            on_progress(number)
    events.sort(key=lambda event: (event.occurred_at, event.customer_id))
    return History(events, truth)


def truth_csv(truth: Iterable[Truth]) -> Iterator[str]:
    """Lines of the truth file, heading first."""
    yield "customer_id,churned,churn_at,cause\n"
    for row in truth:
        at = "" if row.churn_at is None else row.churn_at.isoformat().replace("+00:00", "Z")
        yield f"{row.customer_id},{int(row.churned)},{at},{row.cause}\n"


def _live(life: Life, days: float) -> Truth:
    """Draw a kind of life and, for some, the trouble that ends it."""
    chance, length_ms = life.chance, days * DAY_MS
    live = subscriber if life.happens(P_SUBSCRIBER) else shopper
    start_ms = life.end_ms - length_ms * chance.uniform(0.5, 1.0)
    if not life.happens(P_PLANTED):
        left_ms = live(life, start_ms, None)
        if left_ms is not None and left_ms <= life.end_ms:
            return Truth(life.customer_id, True, moment(left_ms), "drifted_away")
        if life.happens(P_PARDONED):
            TROUBLES[chance.choice(list(TROUBLES))](life, chance.uniform(start_ms, life.end_ms))
        return Truth(life.customer_id, False, None, "")
    cause = chance.choice(list(TROUBLES))
    churn_ms = start_ms + (life.end_ms - start_ms) * chance.uniform(0.5, 0.9)
    live(life, start_ms, churn_ms)
    TROUBLES[cause](life, max(start_ms, churn_ms - TROUBLE_DAYS * DAY_MS))
    return Truth(life.customer_id, True, moment(churn_ms), cause)
