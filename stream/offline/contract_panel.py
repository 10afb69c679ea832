"""Histories of contractual customers: what was known of their contracts on a day, and what came of them.

Conventions:
    Days are whole UTC days since 1990-01-01, counted from 0; "on a day" is at its end. Times `*_s` are
    seconds since 1990 plus one with 0 = absent, as in a stored row.

A contractual customer is one with a subscription event. Of events with the same customer and `event_id` the
earliest counts. A customer's subscriptions are one contract, as in a row: the latest start or renewal, the
latest cancellation, the latest end of term.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.interaction import Interaction, Subscription
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Ints, seconds
from stream.model.parameters import Parameters
from stream.model.score import Facts
from stream.offline import history
from stream.pipeline import Effects
from stream.pipeline.columns import columns
from stream.pipeline.decode import Decoded, decode
from stream.pipeline.record import Record
from stream.pipeline.times import epoch_ms
from stream.state.apply import apply
from stream.state.facts import facts
from stream.state.table import CustomerTable

__all__ = [
    "ContractPanel",
    "ContractState",
    "Outcomes",
    "contract_panel_of",
    "end_of",
    "outcomes",
    "read_contract_panel",
]

Bools = NDArray[np.bool_]

BATCH = 5_000
S_PER_DAY = 86_400
MAX_GRACE_DAYS = 14.0
LATE_SHARE = 0.95  # of the renewals that came after the end of their term come within the days of grace
STARTED, RENEWED, CANCEL_REQUESTED, CANCELLED, EXPIRED = range(5)


class ContractState(NamedTuple):
    """What the steps up to a day say of every customer of the panel; (n,), 0 = absent."""

    renewed_s: Ints
    cancel_s: Ints
    ended_s: Ints
    term_end_s: Ints


class Outcomes(NamedTuple):
    """What came of the m contracts that ran on a day.

    Attributes:
        customers: index into `ContractPanel.keys`, ascending.
        ended: no longer under contract at the end of the horizon.
        known: the panel reaches to the end of the horizon; the same for all.
    """

    customers: Ints
    ended: Bools
    known: Bools


@dataclass(frozen=True, slots=True)
class ContractPanel:
    """Every event of n contractual customers by time, and the m steps of their contracts as arrays.

    Attributes:
        keys: customer ids, by first appearance in time.
        events: all their events, by time.
        customer: (m,) index into `keys` of each step, by time.
        time_s: (m,) when.
        status: (m,) started, renewed, cancel_requested, cancelled, expired.
        term_end_s: (m,) the end of term that it named.
        last_day: day of the latest event, also of customers without a contract; -1 in an empty panel.
    """

    keys: list[str]
    events: Decoded
    customer: Ints
    time_s: Ints
    status: Ints
    term_end_s: Ints
    last_day: int

    def state(self, day: int) -> ContractState:
        """The contracts on a day; nothing after it is looked at."""
        known = self.time_s <= _last_second(day)
        who, when, status = self.customer[known], self.time_s[known], self.status[known]

        def latest(chosen: Bools, times: Ints) -> Ints:
            found = np.zeros(len(self.keys), np.int64)
            np.maximum.at(found, who[chosen], times[chosen])
            return found

        return ContractState(
            renewed_s=latest(status <= RENEWED, when),
            cancel_s=latest(status == CANCEL_REQUESTED, when),
            ended_s=latest(status >= CANCELLED, when),
            term_end_s=latest(np.ones(len(who), np.bool_), self.term_end_s[known]),
        )

    def renewals(self, day: int) -> tuple[int, float]:
        """How renewals are reported up to a day.

        Returns:
            (number of starts and renewals after a customer's first, days of grace): within the days of grace
            came 95 % of the renewals that came after the end of their term; 1 to 14.
        """
        kept = (self.time_s <= _last_second(day)) & (self.status <= RENEWED)
        order = np.lexsort((self.time_s[kept], self.customer[kept]))
        who, when, end = (column[kept][order] for column in (self.customer, self.time_s, self.term_end_s))
        again = who[1:] == who[:-1]
        late = (when[1:] - end[:-1])[again & (end[:-1] > 0) & (when[1:] > end[:-1])]
        grace = float(np.quantile(late, LATE_SHARE)) / S_PER_DAY if len(late) else 0.0
        return int(again.sum()), min(max(1.0, grace), MAX_GRACE_DAYS)

    def facts(self, days: Sequence[int], model: Parameters) -> Iterator[tuple[Ints, Facts]]:
        """What the live state knows on each of the days, which ascend.

        The events go through the code that runs live, once for all days.

        Yields:
            (index into `keys`, facts), of everybody seen by then, in the same order.
        """
        table, index = CustomerTable(model.statistics_hash), {k: i for i, k in enumerate(self.keys)}
        done = 0
        for day in days:
            stop = int(np.searchsorted(self.events.times_ms, end_of(day), side="right"))
            for start in range(done, stop, BATCH):
                part = slice(start, min(start + BATCH, stop))
                run = Decoded(self.events.events[part], self.events.keys[part], self.events.times_ms[part])
                apply(table, columns(run), model)
            done = max(done, stop)
            rows = table.live(0, table.n_rows)
            customers = np.array([index[key.decode()] for key in table.key_list(rows)], np.int64)
            yield customers, facts(table, rows, end_of(day), model)


def end_of(day: int) -> int:
    """The last millisecond of a day, epoch ms."""
    return EPOCH_1990_MS + (day + 1) * MS_PER_DAY - 1


def _last_second(day: int) -> int:
    return (day + 1) * S_PER_DAY


def under_contract(state: ContractState, day: int, grace_days: float, *, renewals_reported: bool) -> Bools:
    """Mask of customers whose contract runs on a day.

    It has ended when it was cancelled or expired after the last start or renewal, or when its term is over
    for more than the days of grace and nobody renewed; the latter not where renewals are never reported.
    """
    begun = (state.renewed_s > 0) | (state.cancel_s > 0)
    over = (state.term_end_s > state.renewed_s) & (state.term_end_s > 0)
    over &= state.term_end_s + grace_days * S_PER_DAY < _last_second(day)
    return begun & (state.ended_s <= state.renewed_s) & ~(over & renewals_reported)


def outcomes(
    panel: ContractPanel, origin_day: int, horizon_days: int, until_day: int | None = None
) -> Outcomes:
    """Who was under contract on the origin, and was no longer `horizon_days` later.

    Won back within the horizon is not ended. How renewals are reported decides when a term that nobody
    renewed counts as over (`ContractPanel.renewals`).

    Args:
        panel: the histories.
        origin_day: the last day that a score may know.
        horizon_days: outcomes are those of the days (origin, origin + horizon].
        until_day: how renewals are reported is read up to this day; to the end of the horizon by default.
    """
    end = origin_day + horizon_days
    again, grace = panel.renewals(end if until_day is None else until_day)
    before, after = (
        under_contract(panel.state(day), day, grace, renewals_reported=again > 0) for day in (origin_day, end)
    )
    customers = np.flatnonzero(before)
    return Outcomes(customers, ~after[customers], np.full(len(customers), end <= panel.last_day))


def contract_panel_of(events: Iterable[Interaction]) -> ContractPanel:
    """The panel of interactions that were decoded before; customers without a contract may be among them."""
    found = list(events)
    contractual = {event.customer_id for event in found if isinstance(event, Subscription)}
    kept = [event for event in found if event.customer_id in contractual]
    times = epoch_ms([event.occurred_at for event in found])
    return _panel(kept, epoch_ms([event.occurred_at for event in kept]), int(times.max(initial=-1)))


def read_contract_panel(
    path: Path,
    *,
    now_ms: int,
    customers: Collection[str] | None = None,
    on_progress: Callable[[int], None] = lambda _n_lines: None,
) -> ContractPanel:
    """The panel of a file with one interaction per line; only contractual customers are held in memory.

    Bad lines are left out; `panel.read_panel` counts them.

    Args:
        path: the file.
        now_ms: wall time, for the limit on events ahead of it.
        customers: the contractual ones, if known; else the file is read twice.
        on_progress: called with the number of lines so far.

    Raises:
        DataError: the file cannot be read.
    """
    if customers is None:
        runs = _decoded((r for r in history.read(path) if b"subscription" in (r.value or b"")), now_ms)
        customers = {e.customer_id for run in runs for e in run.events if isinstance(e, Subscription)}
    wanted = {customer.encode() for customer in customers}
    lines, last_ms = 0, -1

    def chosen() -> Iterator[Record]:
        nonlocal lines, last_ms
        for record in history.read(path):
            lines += 1
            if lines % BATCH == 0:
                on_progress(lines)
            last_ms = max(last_ms, min(record.timestamp, now_ms))
            if record.key in wanted:
                yield record

    events: list[Interaction] = []
    times: list[Ints] = []
    for run in _decoded(chosen(), now_ms):
        events += run.events
        times.append(run.times_ms)
    on_progress(lines)
    return _panel(events, np.concatenate(times) if times else np.empty(0, np.int64), last_ms)


def _decoded(records: Iterable[Record], now_ms: int) -> Iterator[Decoded]:
    iterator = iter(records)
    while run := list(islice(iterator, BATCH)):
        yield decode(run, now_ms, Effects())


def _panel(events: Sequence[Interaction], times_ms: Ints, last_ms: int) -> ContractPanel:
    by_time = np.argsort(times_ms, kind="stable").tolist()
    seen: set[tuple[str, str]] = set()
    kept: list[int] = []
    for i in by_time:
        identity = events[i].customer_id, events[i].event_id
        if identity not in seen:
            seen.add(identity)
            kept.append(i)
    chosen, times = [events[i] for i in kept], times_ms[np.array(kept, np.int64)]
    index: dict[str, int] = {}
    who = np.array([index.setdefault(event.customer_id, len(index)) for event in chosen], np.int64)
    keys = [event.customer_id.encode() for event in chosen]
    steps = np.array([i for i, event in enumerate(chosen) if isinstance(event, Subscription)], np.int64)
    part = Decoded([chosen[i] for i in steps.tolist()], [keys[i] for i in steps.tolist()], times[steps])
    subscriptions = columns(part).subscriptions
    return ContractPanel(
        keys=list(index),
        events=Decoded(chosen, keys, times),
        customer=who[steps],
        time_s=seconds(times[steps]).astype(np.int64),
        status=subscriptions.status,
        term_end_s=subscriptions.term_end_s.astype(np.int64),
        last_day=(last_ms - EPOCH_1990_MS) // MS_PER_DAY if last_ms >= EPOCH_1990_MS else -1,
    )
