"""Purchase histories of many customers as flat arrays: what a fit and a backtest know up to a day.

Conventions:
    Days are whole UTC days since 1990-01-01, counted from 0, as in `model.risk.RiskFacts` (a stored row
    counts from 1). Amounts are in units of their currency; sums are exact: they are kept in 1/10,000.

Purchases of one customer on one day are one purchase day. Of events with the same customer and `event_id`
one counts, whatever their types: the earliest by day, so that no later record can hide one; of equals the
first in the file. For true duplicates that is what the live state does, which remembers only so many ids.
Amounts are bare numbers, as in a row: currencies are counted, not converted. Refunds take nothing off them.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from schemas import dead_letter
from schemas.interaction import LATEST, Interaction, Purchase, Subscription
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Floats, Ints
from stream.offline import history
from stream.offline.contract_panel import ContractPanel, read_contract_panel
from stream.pipeline import Effects
from stream.pipeline.decode import decode
from stream.pipeline.record import Record
from stream.pipeline.times import epoch_ms

__all__ = ["BadLine", "Panel", "Reading", "Rfm", "day_of", "panel_of", "read_panel"]

Bools = NDArray[np.bool_]

BATCH = 5_000
SHOWN = 3
"""Bad lines of which the cause is kept in words; all of them are counted."""

NEVER = int(LATEST.timestamp() * 1000 - EPOCH_1990_MS) // MS_PER_DAY + 1
"""A day after every event."""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that is no interaction: its number from 1, the cause that is counted, a detail for people."""

    line: int
    cause: str
    detail: str


@dataclass(slots=True)
class Reading:
    """An account of what was read: every line is counted in `n_lines` and at most once elsewhere.

    Attributes:
        n_lines: lines with anything in them.
        n_purchases: purchases kept.
        n_duplicates: events whose id their customer had before.
        n_other: events of other types; they are not needed here.
        causes: refused lines by cause.
        first_bad: the first few of them.
        currencies: purchases by currency.
        n_mixed: customers who paid in more than one currency.
    """

    n_lines: int = 0
    n_purchases: int = 0
    n_duplicates: int = 0
    n_other: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    first_bad: list[BadLine] = field(default_factory=list)
    currencies: Counter[str] = field(default_factory=Counter)
    n_mixed: int = 0


@dataclass(frozen=True, slots=True)
class Rfm:
    """What is known on a day of the n customers who had bought by then; all arrays (n,), times in days.

    Attributes:
        customer: index into `Panel.keys`, ascending.
        x: repeat purchase days.
        t_x: from the first purchase day to the last.
        T: from the first purchase day to that day.
        recency: from the last purchase day to that day, T - t_x.
        n_days: purchase days, x + 1.
        amount: sum of all amounts.
        first_amount: sum of the amounts of the first purchase day.
        contractual: had a subscription event by then; the purchase model does not speak of them.
    """

    customer: Ints
    x: Floats
    t_x: Floats
    T: Floats
    recency: Floats
    n_days: Ints
    amount: Floats
    first_amount: Floats
    contractual: Bools

    def __len__(self) -> int:
        return len(self.customer)

    def of(self, chosen: Bools) -> "Rfm":
        """Those of the customers for whom the mask is true."""
        return Rfm(*(getattr(self, name)[chosen] for name in self.__slots__))


@dataclass(frozen=True, slots=True)
class Panel:
    """Purchase days of many customers, ordered by customer, then by day; arrays (m,).

    Attributes:
        keys: customer ids in the order of first appearance, of everybody with a purchase or a subscription.
        customer: index into `keys`.
        day: days since 1990-01-01.
        amount_e4: sum of the day's amounts, 1/10,000 of the unit.
        currency: of its first purchase, index into `currencies`.
        currencies: names, in the order of first appearance.
        contract_from: (len(keys),) day of the first subscription event, `NEVER` without one.
        first_day: day of the earliest event of any type; 0 in an empty panel.
        last_day: day of the latest event of any type; -1 in an empty panel.
        reading: account of what was read.
        contracts: every event of the contractual customers, for the hazard of their contracts; None if it was
            not asked for or nobody has one.
    """

    keys: list[str]
    customer: Ints
    day: Ints
    amount_e4: Ints
    currency: Ints
    currencies: list[str]
    contract_from: Ints
    first_day: int
    last_day: int
    reading: Reading
    contracts: ContractPanel | None = None

    @property
    def contractual(self) -> frozenset[str]:
        """Customers with a subscription event."""
        return frozenset(self.keys[i] for i in np.flatnonzero(self.contract_from < NEVER).tolist())

    def at(self, day: int) -> Rfm:
        """Customers with a purchase up to and including a day; nothing after it is looked at."""
        known = self.day <= day
        customer, days, amount = self.customer[known], self.day[known], self.amount_e4[known]
        n_days = np.bincount(customer, minlength=len(self.keys)).astype(np.int64)
        bought = np.flatnonzero(n_days)
        n_days = n_days[bought]
        start = np.concatenate([[0], np.cumsum(n_days)[:-1]]).astype(np.int64)[: len(bought)]
        first, last = days[start], days[start + n_days - 1]
        total = np.add.reduceat(amount, start) if len(bought) else amount
        return Rfm(
            customer=bought,
            x=(n_days - 1).astype(np.float64),
            t_x=(last - first).astype(np.float64),
            T=(day - first).astype(np.float64),
            recency=(day - last).astype(np.float64),
            n_days=n_days,
            amount=total / 10_000.0,
            first_amount=amount[start] / 10_000.0,
            contractual=self.contract_from[bought] <= day,
        )

    def main_currency(self, day: int) -> tuple[str, float]:
        """The currency of most purchase days up to and including a day, and its share; ("", 1.0) of none."""
        counts = np.bincount(self.currency[self.day <= day], minlength=1)
        most = int(counts.argmax())
        return (self.currencies[most], counts[most] / counts.sum()) if counts.any() else ("", 1.0)

    def buyers(self, after: int, until: int) -> Bools:
        """Mask (len(keys),) of customers with a purchase in the days (after, until]."""
        found = np.zeros(len(self.keys), np.bool_)
        found[self.customer[(self.day > after) & (self.day <= until)]] = True
        return found


def day_of(time_ms: int) -> int:
    """The UTC day of a time, counted from 1990-01-01."""
    return (time_ms - EPOCH_1990_MS) // MS_PER_DAY


def read_panel(
    path: Path, *, now_ms: int, on_progress: Callable[[int], None] = lambda _n_lines: None
) -> Panel:
    """The panel of a file with one interaction per line, read as it streams by; twice if there are contracts.

    Bad lines are counted by cause in `Panel.reading`, as the worker would count its dead letters.

    Args:
        path: the file.
        now_ms: wall time, for the limit on events ahead of it.
        on_progress: called with the number of lines so far.

    Raises:
        DataError: the file cannot be read.
    """
    builder = _Builder()
    records = history.read(path)
    while run := list(islice(records, BATCH)):
        builder.decode(run, now_ms)
        on_progress(builder.reading.n_lines)
    panel = builder.panel()
    if not panel.contractual:
        return panel
    contracts = read_contract_panel(path, now_ms=now_ms, customers=panel.contractual, on_progress=on_progress)
    return replace(panel, contracts=contracts)


def panel_of(events: Iterable[Interaction]) -> Panel:
    """The panel of interactions that were decoded before, in the order in which they would be read."""
    builder = _Builder()
    iterator: Iterator[Interaction] = iter(events)
    while run := list(islice(iterator, BATCH)):
        builder.reading.n_lines += len(run)
        builder.add(run, epoch_ms([event.occurred_at for event in run]))
    return builder.panel()


class _Builder:
    """Grows by a run of events at a time; holds 24 bytes per event and 24 more per purchase."""

    def __init__(self) -> None:
        self.reading = Reading()
        self._index: dict[str, int] = {}
        self._customer, self._id, self._on = array("q"), array("Q"), array("q")
        self._at, self._amount, self._currency = array("q"), array("q"), array("q")
        self._currencies: dict[str, int] = {}
        self._contracts: list[tuple[int, int, int]] = []  # (event, customer, day)
        self._span: tuple[int, int] | None = None

    def decode(self, records: Sequence[Record], now_ms: int) -> None:
        effects = Effects()
        good = decode(records, now_ms, effects)
        self.reading.n_lines += len(records)
        self.reading.causes.update(effects.causes)
        for letter in effects.dead_letters[: max(0, SHOWN - len(self.reading.first_bad))]:
            said = dead_letter.said(letter.headers)
            self.reading.first_bad.append(BadLine(int(said["offset"]), said["cause"], said["detail"]))
        self.add(good.events, good.times_ms)

    def add(self, events: Sequence[Interaction], times_ms: Ints) -> None:
        if not len(events):
            return
        days = ((times_ms - EPOCH_1990_MS) // MS_PER_DAY).tolist()
        low, high = self._span or (days[0], days[0])
        self._span = min(low, *days), max(high, *days)
        for event, day in zip(events, days, strict=True):
            number = len(self._customer)
            customer = self._index.setdefault(event.customer_id, len(self._index))
            self._customer.append(customer)
            self._id.append(xxh3_64_intdigest(event.event_id.encode()))
            self._on.append(day)
            if isinstance(event, Purchase):
                self._at.append(number)
                self._amount.append(round(event.amount * 10_000.0))
                self._currency.append(self._currencies.setdefault(event.currency, len(self._currencies)))
            elif isinstance(event, Subscription):
                self._contracts.append((number, customer, day))

    def panel(self) -> Panel:
        first = self._first_of_each_id()
        at = np.array(self._at, np.int64)
        kept = first[at]
        owner, day = (np.array(column, np.int64)[at[kept]] for column in (self._customer, self._on))
        amount, currency = (np.array(column, np.int64)[kept] for column in (self._amount, self._currency))
        contract_from = np.full(len(self._index), NEVER, np.int64)
        for number, customer, on in self._contracts:
            if first[number]:
                contract_from[customer] = min(contract_from[customer], on)
        self._account(first, owner, currency)
        # Who neither bought nor subscribed has no place here.
        has = np.zeros(len(self._index), np.bool_)
        has[owner] = True
        has |= contract_from < NEVER
        renumbered = np.cumsum(has) - 1
        order = np.lexsort((day, owner))
        owner, day, amount = renumbered[owner[order]], day[order], amount[order]
        currency = currency[order]
        new = np.ones(len(owner), np.bool_)
        new[1:] = (owner[1:] != owner[:-1]) | (day[1:] != day[:-1])
        start = np.flatnonzero(new)
        low, high = self._span or (0, -1)
        return Panel(
            keys=[key for key, keep in zip(self._index, has.tolist(), strict=True) if keep],
            customer=owner[start],
            day=day[start],
            amount_e4=np.add.reduceat(amount, start) if len(start) else amount,
            currency=currency[start],
            currencies=list(self._currencies),
            contract_from=contract_from[has],
            first_day=low,
            last_day=high,
            reading=self.reading,
        )

    def _first_of_each_id(self) -> Bools:
        """Mask of the events that are not duplicates."""
        customer, ids = np.array(self._customer, np.int64), np.array(self._id, np.uint64)
        order = np.lexsort((np.array(self._on, np.int64), ids, customer))  # stable: then as in the file
        new = np.ones(len(ids), np.bool_)
        new[1:] = (customer[order][1:] != customer[order][:-1]) | (ids[order][1:] != ids[order][:-1])
        first = np.zeros(len(ids), np.bool_)
        first[order[new]] = True
        return first

    def _account(self, first: Bools, owner: Ints, currency: Ints) -> None:
        reading = self.reading
        reading.n_duplicates = int((~first).sum())
        reading.n_purchases = len(owner)
        reading.n_other = int(first.sum()) - len(owner)
        names = list(self._currencies)
        counts = np.bincount(currency, minlength=len(names)).tolist()
        reading.currencies = Counter({name: n for name, n in zip(names, counts, strict=True) if n})
        pairs = np.unique(owner * max(len(names), 1) + currency) // max(len(names), 1)
        reading.n_mixed = int((np.unique(pairs, return_counts=True)[1] > 1).sum())
