"""When somebody bought or signed, as flat arrays; and what became of whom after an origin.

Conventions:
    Customers are numbered in the order of first appearance, times are epoch ms. Events are decoded and
    refused by the pipeline's own decoder. Purchases sent twice stay: whether somebody bought is the same.

Outcome of a customer who buys: no purchase in (origin, origin + horizon]. Of one with a contract (any
subscription event): at the end of the horizon it is cancelled, expired, or its term has run out without a
renewal; `contract_panel.under_contract` says when a term is over, here and where the hazard is fitted.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from schemas import dead_letter
from schemas.interaction import Interaction, Purchase, Subscription
from stream.model.columns import EPOCH_1990_MS, seconds
from stream.offline.contract_panel import ContractPanel, under_contract
from stream.offline.panel import day_of
from stream.pipeline import DeadLetter, Effects, FileRecord
from stream.pipeline.decode import Decoded, decode
from stream.pipeline.times import to_ms

__all__ = ["Outcome", "Timeline", "outcome", "read_timeline"]

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

BATCH = 5_000
TOLD = 3  # refused lines that are told one by one; all are counted
STATUSES = ("started", "renewed", "cancel_requested", "cancelled", "expired")


@dataclass(slots=True)
class Timeline:
    """Purchases and contract steps of a file, by time; everything else is only counted.

    Attributes:
        keys: customer ids.
        buyer: (p,) customer of each purchase, `bought_ms` its time.
        holder: (c,) customer of each contract step, `stepped_ms` its time, `status` index into `STATUSES`,
            `term_end_ms` the end of term it names, 0 if none.
        n_events: valid lines.
        first_ms: earliest event of any type; 0 without events.
        last_ms: latest.
        causes: refused lines by cause.
        refused: the first three of them, as (line, cause, detail).
    """

    keys: list[bytes]
    buyer: Ints
    bought_ms: Ints
    holder: Ints
    stepped_ms: Ints
    status: Ints
    term_end_ms: Ints
    n_events: int = 0
    first_ms: int = 0
    last_ms: int = 0
    causes: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[int, str, str]] = field(default_factory=list)

    def until(self, time_ms: int) -> "Timeline":
        """The same file as it was then: later purchases and steps are not in the result at all."""
        p, c = self.bought_ms <= time_ms, self.stepped_ms <= time_ms
        return Timeline(
            self.keys,
            self.buyer[p],
            self.bought_ms[p],
            self.holder[c],
            self.stepped_ms[c],
            self.status[c],
            self.term_end_ms[c],
            first_ms=self.first_ms,
            last_ms=min(self.last_ms, time_ms),
        )

    def contracts(self) -> ContractPanel:
        """The steps alone, as the fit of contracts has them."""
        order = np.argsort(self.stepped_ms, kind="stable")
        named = self.term_end_ms > 0
        return ContractPanel(
            keys=[key.decode() for key in self.keys],
            events=Decoded(),
            customer=self.holder[order],
            time_s=seconds(self.stepped_ms[order]).astype(np.int64),
            status=self.status[order],
            term_end_s=np.where(named, seconds(np.where(named, self.term_end_ms, EPOCH_1990_MS)), 0)[
                order
            ].astype(np.int64),
            last_day=day_of(self.last_ms),
        )

    @property
    def is_contractual(self) -> Bools:
        """(customers,) any subscription event."""
        return np.bincount(self.holder, minlength=len(self.keys)) > 0

    @property
    def has_bought(self) -> Bools:
        """(customers,) any purchase."""
        return np.bincount(self.buyer, minlength=len(self.keys)) > 0


@dataclass(slots=True)
class Outcome:
    """What became of the customers known at an origin; arrays (customers,).

    Attributes:
        buys: bought by then and has no contract: judged by purchases.
        contractual: has a contract that was not over: judged by it.
        churned: of those two; False elsewhere.
        n_over: customers left out, their contract was over before the origin.
    """

    buys: Bools
    contractual: Bools
    churned: Bools
    n_over: int

    @property
    def judged(self) -> Bools:
        """Whoever can churn."""
        return self.buys | self.contractual


def outcome(timeline: Timeline, origin_ms: int, horizon_ms: int) -> Outcome:
    """What became of whom in (origin, origin + horizon]; who is judged depends on what was known then."""
    end_ms = origin_ms + horizon_ms
    before, by_end = timeline.until(origin_ms), timeline.until(end_ms)
    known, n = before.is_contractual, len(timeline.keys)
    contractual = known & _runs(before, origin_ms)
    buys = before.has_bought & ~known
    again = np.bincount(by_end.buyer[by_end.bought_ms > origin_ms], minlength=n) > 0
    # Nobody can tell of a term that ends after the data do whether it was renewed.
    seen_ms = max(origin_ms, min(end_ms, timeline.last_ms))
    churned = np.where(buys, ~again, contractual & ~_runs(by_end, seen_ms))
    return Outcome(buys, contractual, churned, int((known & ~contractual).sum()))


def _runs(cut: Timeline, time_ms: int) -> Bools:
    """Whose contract runs: as `fit_contract` defines it, how renewals are reported read up to then."""
    contracts, day = cut.contracts(), day_of(time_ms)
    again, grace_days = contracts.renewals(day)
    return under_contract(contracts.state(day), day, grace_days, renewals_reported=again > 0)


def read_timeline(
    records: Iterable[FileRecord],
    now_ms: int,
    on_progress: Callable[[int], None] = lambda _n_records: None,
) -> Timeline:
    """Read a whole history once, in any order of its lines.

    Args:
        records: as `history.read` gives them.
        now_ms: wall time, for the limit on events ahead of it.
        on_progress: called with the number of records so far.
    """
    effects, reader, iterator = Effects(), _Reader(), iter(records)
    while run := list(islice(iterator, BATCH)):
        good = decode(run, now_ms, effects)
        reader.add(good.keys, good.events, good.times_ms)
        del effects.dead_letters[TOLD:]
        on_progress(effects.n_records)
    timeline = reader.done()
    timeline.causes = effects.causes
    timeline.refused = [_told(letter) for letter in effects.dead_letters]
    return timeline


class _Reader:
    """Collects the arrays of a `Timeline`."""

    def __init__(self) -> None:
        self.number: dict[bytes, int] = {}
        self.bought: list[tuple[int, int]] = []
        self.stepped: list[tuple[int, int, int, int]] = []
        self.n_events, self.first_ms, self.last_ms = 0, 0, 0

    def add(self, keys: list[bytes], events: list[Interaction], times_ms: Ints) -> None:
        if not len(times_ms):
            return
        earliest, latest = int(times_ms.min()), int(times_ms.max())
        self.first_ms = min(self.first_ms, earliest) if self.n_events else earliest
        self.last_ms = max(self.last_ms, latest)
        self.n_events += len(events)
        for key, event, time_ms in zip(keys, events, times_ms.tolist(), strict=True):
            customer = self.number.setdefault(key, len(self.number))
            if isinstance(event, Purchase):
                self.bought.append((customer, time_ms))
            elif isinstance(event, Subscription):
                end_ms = 0 if event.term_end is None else to_ms(event.term_end)
                self.stepped.append((customer, time_ms, STATUSES.index(event.status), end_ms))

    def done(self) -> Timeline:
        bought = np.array(self.bought, np.int64).reshape(-1, 2)
        # Once each: a start that was sent twice is no renewal.
        steps = np.unique(np.array(self.stepped, np.int64).reshape(-1, 4), axis=0)
        return Timeline(
            list(self.number),
            bought[:, 0],
            bought[:, 1],
            steps[:, 0],
            steps[:, 1],
            steps[:, 2],
            steps[:, 3],
            n_events=self.n_events,
            first_ms=self.first_ms,
            last_ms=self.last_ms,
        )


def _told(letter: DeadLetter) -> tuple[int, str, str]:
    said = dead_letter.said(letter.headers)
    return int(said["offset"]), said["cause"], said["detail"]
