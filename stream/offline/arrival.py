"""How a history arrives: disorder, late records, duplicates, wrong clocks, bad records; at rates one chooses.

What happened stays what it was; only clocks change events. A consumer that is right ends, with every record
taken, with the scores of the clean history: whatever the disorder, the lateness and the duplicates.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from schemas.codec import encode
from schemas.interaction import Engagement, Interaction, Referral, Review, Survey
from stream.offline.bad import KINDS, spoil

__all__ = ["MAX_SHARE", "Arrivals", "Bad", "Rates", "arrive"]

MAX_SHARE = 0.5
JITTER_S = 900.0  # disorder: several producers, a retry
LATE_DAYS, LATEST_DAYS = 2.0, 14.0  # mean and longest delay of a device that was off, a nightly upload
RETRY_S = 600.0  # a duplicate follows soon after: a producer that heard no acknowledgement
SKEW_H = 12.0  # less than the day ahead from which an event is refused
PROGRESS_EVERY = 20_000
OWN_CLOCK = (Engagement, Survey, Review, Referral)  # stamped where the customer is, not by us

Share = Annotated[float, Meta(ge=0.0, le=MAX_SHARE)]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Shares of events, each 0-`MAX_SHARE`; all 0: the file is the history, in the order of time.

    Attributes:
        disorder: arrive up to a quarter of an hour after their time.
        late: arrive a day to two weeks after it.
        duplicates: arrive twice, the second time within ten minutes.
        skew: share of customers whose own device's clock is wrong, by up to 12 hours either way.
        bad: bad records, in events; they come in addition.
    """

    disorder: Share = 0.0
    late: Share = 0.0
    duplicates: Share = 0.0
    skew: Share = 0.0
    bad: Share = 0.0


class Bad(NamedTuple):
    """A bad record of the file: its line from 1, and a key of `KINDS`."""

    line: int
    kind: str


@dataclass(slots=True)
class Arrivals:
    """What was done to a history, filled while its lines are taken.

    Attributes:
        lines: so far.
        disordered: events that arrived up to a quarter of an hour late.
        late: events that arrived a day or more late.
        duplicates: lines that repeat an earlier one.
        skewed: events whose time was changed.
        bad: every bad record.
    """

    lines: int = 0
    disordered: int = 0
    late: int = 0
    duplicates: int = 0
    skewed: int = 0
    bad: list[Bad] = field(default_factory=list)

    @property
    def kinds(self) -> Counter[str]:
        """Bad records by kind."""
        return Counter(each.kind for each in self.bad)

    @property
    def causes(self) -> Counter[str]:
        """Dead letters that a replay of the file must bury, by cause."""
        return Counter(KINDS[each.kind].cause for each in self.bad)


class _Arrival(NamedTuple):
    at: datetime
    number: int  # of the event in the history, and below of what comes at the same time
    twice: int
    line: bytes
    kind: str


def arrive(
    events: Sequence[Interaction],
    rates: Rates,
    seed: int,
    account: Arrivals,
    on_progress: Callable[[int], None] = lambda _n_events: None,
) -> Iterator[bytes]:
    """Lines of the file, without line breaks, in the order of arrival.

    Each customer's chance is its own, so a larger crowd begins with the same customers' records.

    Args:
        events: in the order of time.
        rates: of everything that goes wrong.
        seed: of all chance.
        account: filled on the way; complete with the last line.
        on_progress: called with the number of events so far.
    """
    if rates == Rates():
        arrivals = _clean(events, on_progress)
    else:
        arrivals = iter(sorted(_all(events, rates, seed, account, on_progress)))
    for arrival in arrivals:
        account.lines += 1
        if arrival.kind:
            account.bad.append(Bad(account.lines, arrival.kind))
        yield arrival.line


def _clean(events: Sequence[Interaction], on_progress: Callable[[int], None]) -> Iterator[_Arrival]:
    for number, event in enumerate(events):
        if number % PROGRESS_EVERY == 0:
            on_progress(number)
        yield _Arrival(event.occurred_at, number, 0, encode(event), "")


def _all(
    events: Sequence[Interaction],
    rates: Rates,
    seed: int,
    account: Arrivals,
    on_progress: Callable[[int], None],
) -> Iterator[_Arrival]:
    senders: dict[str, _Sender] = {}
    for number, event in enumerate(events):
        if number % PROGRESS_EVERY == 0:
            on_progress(number)
        sender = senders.get(event.customer_id)
        if sender is None:
            sender = senders[event.customer_id] = _Sender(event.customer_id, rates, seed)
        yield from sender.send(number, event, account)


class _Sender:
    """Where one customer's records come from."""

    def __init__(self, customer_id: str, rates: Rates, seed: int) -> None:
        self._chance = chance = Random(f"{seed}/arrival/{customer_id}")
        self._rates = rates
        wrong_by = timedelta(seconds=round(chance.uniform(-SKEW_H, SKEW_H) * 3600))
        self._skew = wrong_by if chance.random() < rates.skew else timedelta()

    def send(self, number: int, event: Interaction, account: Arrivals) -> Iterator[_Arrival]:
        """One event's records: itself, perhaps again, perhaps a bad one beside it."""
        chance, rates, at = self._chance, self._rates, event.occurred_at
        if self._skew and isinstance(event, OWN_CLOCK):
            event = replace(event, occurred_at=at + self._skew)
            account.skewed += 1
        if chance.random() < rates.disorder:
            at += timedelta(seconds=chance.uniform(0.0, JITTER_S))
            account.disordered += 1
        if chance.random() < rates.late:
            at += timedelta(days=min(LATEST_DAYS, 1.0 + chance.expovariate(1.0 / LATE_DAYS)))
            account.late += 1
        line = encode(event)
        yield _Arrival(at, number, 0, line, "")
        if chance.random() < rates.duplicates:
            yield _Arrival(at + timedelta(seconds=chance.uniform(0.0, RETRY_S)), number, 1, line, "")
            account.duplicates += 1
        if chance.random() < rates.bad:
            kind = chance.choice(list(KINDS))
            yield _Arrival(at, number, 2, spoil(event, kind, chance), kind)
