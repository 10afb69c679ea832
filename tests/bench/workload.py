"""Seeded interactions: the same seed, count and end time give the same bytes, on every machine.

Purchases, tickets, surveys and deliveries of customers drawn evenly. Tickets and deliveries have a life: what
was opened or promised is resolved or arrives later, in time. Events come in the order of their time,
which runs through the 30 days before the end, less up to an hour of lateness each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

__all__ = ["DAYS", "MIX", "Workload"]

DAYS = 30
DAY_MS = 86_400_000
HOUR_MS = 3_600_000

TERM_DAYS = 45
"""Deadlines lie beyond the end: by the wall clock, a backlog breaks each promise that is kept later in it."""

MIX = {"purchase": 0.50, "delivery": 0.30, "ticket": 0.08, "survey": 0.12}

PRIORITIES = ("low", "normal", "high", "urgent")
CHUNK = 50_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Event:
    """One interaction as it goes on the wire."""

    customer: int
    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Workload:
    """A repeatable stream of interactions.

    Attributes:
        n_events: how many.
        n_customers: drawn from evenly.
        seed: of the generator.
        end_ms: time of the last event.
        term_days: between a ticket or a parcel and its deadline.
    """

    n_events: int
    n_customers: int
    seed: int
    end_ms: int
    term_days: int = TERM_DAYS

    def events(self) -> Iterator[Event]:
        """All events in order; iterating again gives the same."""
        rng = np.random.default_rng(self.seed)
        lives = _Lives(timedelta(days=self.term_days))
        types = np.array(list(MIX))
        for start in range(0, self.n_events, CHUNK):
            n = min(CHUNK, self.n_events - start)
            customer = rng.integers(0, self.n_customers, n)
            kind = rng.choice(types, n, p=list(MIX.values()))
            amount = rng.gamma(2.0, 30.0, n)
            dice = rng.random(n)
            times = self._times(start, n, rng)
            columns = (customer.tolist(), kind.tolist(), times.tolist(), amount.tolist(), dice.tolist())
            for i, row in enumerate(zip(*columns, strict=True), start=start):
                yield _event(i, *row, lives)

    def _times(self, start: int, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
        share = np.arange(start, start + n) / self.n_events
        begin_ms = self.end_ms - DAYS * DAY_MS
        late = rng.integers(0, HOUR_MS, n)
        times: NDArray[np.int64] = begin_ms + np.rint(share * DAYS * DAY_MS).astype(np.int64) - late
        return times


class _Lives:
    """What is open of each customer, so that the next step of it can come."""

    def __init__(self, term: timedelta) -> None:
        self.term_ms = round(term.total_seconds() * 1000)
        self.tickets: dict[int, str] = {}
        self.deliveries: dict[int, str] = {}


def _event(
    i: int, customer: int, kind: str, time_ms: int, amount: float, dice: float, lives: _Lives
) -> Event:
    name = f"customer-{customer:06d}"
    head = (
        f'{{"type":"{kind}","event_id":"e-{i:09d}","customer_id":"{name}","occurred_at":"{_rfc3339(time_ms)}"'
    )
    if kind == "purchase":
        rest = f'"amount":{amount:.2f},"currency":"EUR","order_id":"o-{i:09d}","channel":"web"'
    elif kind == "survey":
        rest = f'"instrument":"nps","score":{int(dice**0.3 * 11)}'
    elif kind == "ticket":
        rest = _ticket(i, customer, time_ms, dice, lives)
    else:
        rest = _delivery(i, customer, time_ms, dice, lives)
    return Event(customer, name.encode(), f"{head},{rest}}}".encode())


def _ticket(i: int, customer: int, time_ms: int, dice: float, lives: _Lives) -> str:
    ticket = lives.tickets.pop(customer, None)
    if ticket is not None:
        return f'"ticket_id":"{ticket}","status":"resolved"'
    ticket = lives.tickets[customer] = f"t-{i:09d}"
    priority = PRIORITIES[int(dice * len(PRIORITIES))]
    due = _rfc3339(time_ms + lives.term_ms)
    return f'"ticket_id":"{ticket}","status":"opened","priority":"{priority}","due_at":"{due}"'


def _delivery(i: int, customer: int, time_ms: int, dice: float, lives: _Lives) -> str:
    delivery = lives.deliveries.pop(customer, None)
    if delivery is not None:
        return f'"delivery_id":"{delivery}","status":"{"arrived" if dice < 0.98 else "failed"}"'
    delivery = lives.deliveries[customer] = f"d-{i:09d}"
    promised = _rfc3339(time_ms + lives.term_ms)
    return f'"delivery_id":"{delivery}","status":"promised","promised_at":"{promised}"'


def _rfc3339(time_ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=time_ms)).strftime("%Y-%m-%dT%H:%M:%SZ")
