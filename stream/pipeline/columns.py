"""Events -> columns: each type's fields become arrays."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from schemas.interaction import (
    Delivery,
    Engagement,
    Event,
    Payment,
    Profile,
    Purchase,
    Subscription,
    Ticket,
)
from stream.model.columns import (
    PRIORITIES,
    TIERS,
    Columns,
    Evidence,
    Exceptions,
    Ints,
    Profiles,
    PromiseEvents,
    Purchases,
    Subscriptions,
    channel_bit,
    currency_number,
    seconds,
)
from stream.model.override import EXCEPTIONS
from stream.model.promises import Step
from stream.pipeline.decode import EARLIEST_MS, LAST_MS, Decoded, type_name
from stream.pipeline.grades import GRADES, evidence
from stream.pipeline.times import epoch_ms

__all__ = ["columns"]

PRIORITY: dict[str | None, int] = {None: 0} | {name: i + 1 for i, name in enumerate(PRIORITIES)}
TIER: dict[str | None, int] = {None: 0} | {name: i + 1 for i, name in enumerate(TIERS)}
DELIVERY_STEP = {"promised": Step.PROMISED, "arrived": Step.ARRIVED, "failed": Step.FAILED}
TICKET_STEP = {
    "opened": Step.OPENED,
    "first_reply": Step.REPLIED,
    "resolved": Step.RESOLVED,
    "reopened": Step.REOPENED,
}
MAX_LOCALE_BYTES = 8
SUBSCRIPTION_STATUS = ("started", "renewed", "cancel_requested", "cancelled", "expired")
EVENT_ID, AMOUNT, CURRENCY, CHANNEL, STATUS = map(
    attrgetter, ("event_id", "amount", "currency", "channel", "status")
)


def _hashes(texts: Iterable[str], n: int) -> NDArray[np.uint64]:
    """64-bit XXH3, never 0: identity of an event or a promise. One false match in 10^18 comparisons."""
    hashes = np.fromiter(map(xxh3_64_intdigest, map(str.encode, texts)), np.uint64, n)
    return np.maximum(hashes, np.uint64(1))


def columns(decoded: Decoded) -> Columns:
    """Columns of a run, in arrival order."""
    events = decoded.events
    kinds = list(map(type, events))
    number_of = {kind: number for number, kind in enumerate(dict.fromkeys(kinds))}
    numbers = np.fromiter(map(number_of.__getitem__, kinds), np.int64, len(kinds))
    result = Columns(
        keys=decoded.keys,
        event_hash=_hashes(map(EVENT_ID, events), len(events)),
        time_ms=decoded.times_ms,
    )
    graded: list[Evidence] = []
    promised: list[PromiseEvents] = []
    exceptional: list[Exceptions] = []
    for kind, number in number_of.items():
        name, at = type_name(kind), np.flatnonzero(numbers == number)
        chosen: list[Any] = list(map(events.__getitem__, at.tolist()))
        if name in GRADES:
            graded.append(evidence(name, at, chosen))
        if name in FILLS:
            FILLS[name](result, at, chosen)
        if name in PROMISES:
            promised.append(PROMISES[name](at, chosen))
        if name in EXCEPTIONAL:
            exceptional.append(_exceptions(name, at, chosen))
    if exceptional:
        result.exceptions = Exceptions(
            np.concatenate([part.at for part in exceptional]),
            np.concatenate([part.place for part in exceptional]),
        )
    if graded:
        result.evidence = _joined_evidence(graded)
    if promised:
        result.promises = _in_arrival_order(promised)
    return result


def _purchases(result: Columns, at: Ints, events: Sequence[Purchase]) -> None:
    amounts = np.fromiter(map(AMOUNT, events), np.float64, len(events))
    result.purchases = Purchases(
        at,
        np.rint(amounts * 10_000.0).astype(np.int64),
        _numbers(currency_number, list(map(CURRENCY, events))),
        _numbers(channel_bit, list(map(CHANNEL, events))),
    )


def _numbers(number: Callable[[Any], int], names: list[Any]) -> Ints:
    """The number of each name; there are few different ones."""
    known = {name: number(name) for name in set(names)}
    if len(known) == 1:
        return np.full(len(names), known[names[0]], np.int64)
    return np.fromiter(map(known.__getitem__, names), np.int64, len(names))


def _engagements(result: Columns, at: Ints, events: Sequence[Engagement]) -> None:
    kind = np.array([event.kind for event in events])
    result.unsubscribed = at[kind == "unsubscribed"]
    result.resubscribed = at[kind == "resubscribed"]
    result.engaged = at[kind != "unsubscribed"]


def _payments(result: Columns, at: Ints, events: Sequence[Payment]) -> None:
    result.payment_failed = at[[event.status == "failed" for event in events]]


def _subscriptions(result: Columns, at: Ints, events: Sequence[Subscription]) -> None:
    status = np.array([SUBSCRIPTION_STATUS.index(event.status) for event in events], np.int64)
    result.subscriptions = Subscriptions(at, status, _optional_seconds([event.term_end for event in events]))


def _profiles(result: Columns, at: Ints, events: Sequence[Profile]) -> None:
    result.profiles = Profiles(
        at,
        [(event.segment or "").encode() for event in events],
        [TIER[event.tier] for event in events],
        [_locale(event.locale) for event in events],
    )


def _locale(text: str | None) -> bytes:
    """At most as many bytes as a row has room for; a longer text in another script is no locale: not cut."""
    found = (text or "").encode()
    return found if len(found) <= MAX_LOCALE_BYTES else b""


FILLS: dict[str, Callable[[Columns, Ints, Sequence[Any]], None]] = {
    "purchase": _purchases,
    "engagement": _engagements,
    "payment": _payments,
    "subscription": _subscriptions,
    "profile": _profiles,
}


def _deliveries(at: Ints, events: Sequence[Delivery]) -> PromiseEvents:
    """Steps of deliveries; handing over to the carrier neither makes nor keeps a promise."""
    step = _numbers(lambda status: DELIVERY_STEP.get(status, -1), list(map(STATUS, events)))
    if step.min() < 0:
        at, step = at[step >= 0], step[step >= 0]
        events = [event for event in events if event.status in DELIVERY_STEP]
    return PromiseEvents(
        at,
        _hashes([f"delivery:{event.delivery_id}" for event in events], len(events)),
        step,
        np.zeros(len(events), np.int64),
        _optional_seconds([event.promised_at for event in events]),
        np.zeros(len(events), np.int64),
    )


def _tickets(at: Ints, events: Sequence[Ticket]) -> PromiseEvents:
    """Steps of tickets; an escalation is a complaint, not a step (`grades`)."""
    step = _numbers(lambda status: TICKET_STEP.get(status, -1), list(map(STATUS, events)))
    kept = step >= 0
    steps = [event for event, keep in zip(events, kept.tolist(), strict=True) if keep]
    return PromiseEvents(
        at[kept],
        _hashes([f"ticket:{event.ticket_id}" for event in steps], len(steps)),
        step[kept],
        np.array([PRIORITY[event.priority] for event in steps], np.int64),
        _optional_seconds([event.due_at for event in steps]),
        _numbers(channel_bit, [event.channel for event in steps]),
    )


PROMISES: dict[str, Callable[[Ints, Sequence[Any]], PromiseEvents]] = {
    "delivery": _deliveries,
    "ticket": _tickets,
}


EXCEPTIONAL: dict[
    str, tuple[str, str, str]
] = {  # type -> its exception, and the field and value that make it
    "refund": ("chargeback", "kind", "chargeback"),
    "incident": ("critical_incident", "severity", "critical"),
}


def _exceptions(name: str, at: Ints, events: Sequence[Event]) -> Exceptions:
    exception, field, value = EXCEPTIONAL[name]
    chosen = at[[getattr(event, field) == value for event in events]]
    return Exceptions(chosen, np.full(len(chosen), EXCEPTIONS.index(exception)))


def _joined_evidence(parts: list[Evidence]) -> Evidence:
    return Evidence(
        np.concatenate([part.at for part in parts]),
        np.concatenate([part.code for part in parts]),
    )


def _in_arrival_order(parts: list[PromiseEvents]) -> PromiseEvents:
    at = np.concatenate([part.at for part in parts])
    order = np.argsort(at, kind="stable")
    return PromiseEvents(
        at[order],
        np.concatenate([part.ref for part in parts])[order],
        np.concatenate([part.step for part in parts])[order],
        np.concatenate([part.priority for part in parts])[order],
        np.concatenate([part.due_s for part in parts])[order],
        np.concatenate([part.channel for part in parts])[order],
    )


def _optional_seconds(times: Sequence[datetime | None]) -> NDArray[np.uint32]:
    """Seconds of each time, 0 where None; a time outside 1990-2100 says nothing and counts as absent."""
    at = np.flatnonzero([time is not None for time in times])
    result = np.zeros(len(times), np.uint32)
    time_ms = epoch_ms([time for time in times if time is not None])
    inside = (time_ms >= EARLIEST_MS) & (time_ms <= LAST_MS)
    result[at[inside]] = seconds(time_ms[inside])
    return result
