"""Promises: a ticket is a promise to solve, a delivery a promise to arrive.

Conventions:
    A promise is one `PROMISE` record; times are seconds since 1990 plus one (`columns.seconds`), 0 = not
    known. Facts merge by minimum and maximum, so they may arrive in any order: resolved before opened,
    arrived before promised.

A closed promise is evidence at the time it was closed. An open one past its due time weighs on the score as a
function of now: this is the part that a nightly job cannot see.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, PRIORITIES, Floats, Ints
from stream.model.evidence import growth, split_value
from stream.model.parameters import DueHours, Parameters

__all__ = [
    "PROMISE",
    "PROMISE_CAUSES",
    "Kind",
    "Step",
    "as_of",
    "closed",
    "evidence",
    "late_seconds",
    "merge",
    "overdue",
]

PROMISE = np.dtype(
    [
        ("ref", "<u8"),  # hash of kind and reference, 0 = empty slot
        ("opened", "<u4"),
        ("due", "<u4"),
        ("replied", "<u4"),
        ("closed", "<u4"),
        ("reopened", "<u4"),
        ("kind", "u1"),
        ("priority", "u1"),  # index into PRIORITIES plus one, 0 = none given
        ("failed", "u1"),
        ("channels", "u1"),  # bits of `columns.CHANNELS` through which the ticket was worked on
    ]
)
Promises = NDArray[np.void]
Judged = dict[str, NDArray[Any]]  # the fields that a judgement needs, of the chosen promises
_JUDGED = ("opened", "due", "replied", "closed", "priority", "failed")

PROMISE_CAUSES = ("delivery", "ticket")


class Kind(IntEnum):
    """What was promised."""

    DELIVERY = 1
    TICKET = 2


class Step(IntEnum):
    """What happened to a promise."""

    PROMISED = 0
    ARRIVED = 1
    FAILED = 2
    OPENED = 3
    REPLIED = 4
    RESOLVED = 5
    REOPENED = 6


def merge(
    promises: Promises, step: Ints, time_s: NDArray[np.uint32], due_s: NDArray[np.uint32], priority: Ints
) -> None:
    """Merge one event into each promise, in place; commutative and idempotent. All arrays (n,).

    A delivery is judged against its first promise, one without a known date being none; a ticket against the
    earliest due time given.
    """
    known_due = due_s > 0
    opens = ((step == Step.PROMISED) & known_due) | (step == Step.OPENED)
    earlier = opens & ((promises["opened"] == 0) | (time_s < promises["opened"]))
    same = opens & (time_s == promises["opened"])
    delivery = step == Step.PROMISED
    takes_due = known_due & (
        (delivery & (earlier | (same & (due_s < promises["due"]))))
        | (opens & ~delivery & ((promises["due"] == 0) | (due_s < promises["due"])))
    )
    promises["due"] = np.where(takes_due, due_s, promises["due"])
    promises["opened"] = np.where(earlier, time_s, promises["opened"])
    _earliest(promises, "closed", time_s, (step == Step.ARRIVED) | (step == Step.FAILED))
    _earliest(promises, "replied", time_s, step == Step.REPLIED)
    _latest(promises, "closed", time_s, step == Step.RESOLVED)
    _latest(promises, "reopened", time_s, step == Step.REOPENED)
    promises["failed"] |= step == Step.FAILED
    promises["priority"] = np.maximum(promises["priority"], priority)
    promises["kind"] = np.where(step <= Step.FAILED, Kind.DELIVERY, Kind.TICKET)


def _earliest(promises: Promises, name: str, time_s: NDArray[np.uint32], where: NDArray[np.bool_]) -> None:
    known = promises[name]
    promises[name] = np.where(where & ((known == 0) | (time_s < known)), time_s, known)


def _latest(promises: Promises, name: str, time_s: NDArray[np.uint32], where: NDArray[np.bool_]) -> None:
    promises[name] = np.where(where, np.maximum(time_s, promises[name]), promises[name])


def as_of(promises: Promises, now_ms: int) -> Promises:
    """Copy of promises without what happened after a time.

    What has no time of its own stays: priority, a ticket's due time. A ticket solved, opened again and solved
    again counts as open between: only the last solution is remembered.
    """
    then, now_s = promises.copy(), (now_ms - EPOCH_1990_MS) // 1000 + 1
    for name in ("opened", "replied", "closed", "reopened"):
        then[name] = np.where(promises[name] > now_s, 0, promises[name])
    then["due"] = np.where(promises["opened"] > now_s, 0, promises["due"])
    then["failed"] = np.where(promises["closed"] > now_s, 0, promises["failed"])
    return then


def closed(promises: Promises) -> NDArray[np.bool_]:
    """Kept or failed, and not opened again since."""
    return (promises["closed"] > 0) & (promises["closed"] >= promises["reopened"])


def evidence(promises: Promises, parameters: Parameters) -> tuple[Floats, Floats]:
    """What each promise adds to the stored sums, in landmark units.

    Does not depend on now, so a closed promise can be folded into the sums without changing any score.

    Returns:
        (positive, negative), each (m, len(PROMISE_CAUSES)).
    """
    positive = np.zeros((len(promises), len(PROMISE_CAUSES)))
    negative = np.zeros_like(positive)
    weight = parameters.statistics.weight
    kind, done = promises["kind"], closed(promises)
    is_ticket = (kind == Kind.TICKET) & (promises["opened"] > 0)
    parts = (
        (
            done & (kind == Kind.DELIVERY) & ((promises["due"] > 0) | (promises["failed"] > 0)),
            (0, "closed", _delivery_value, weight.delivery),
        ),
        (is_ticket & (promises["replied"] > 0), (1, "replied", _reply_value, weight.first_reply)),
        (is_ticket & done, (1, "closed", _resolution_value, weight.resolution)),
    )
    for where, (column, when, value, unit) in parts:
        chosen = np.flatnonzero(where)
        if len(chosen):
            good, bad = split_value(value({name: promises[name][chosen] for name in _JUDGED}, parameters))
            time_ms = (promises[when][chosen].astype(np.int64) - 1) * 1000 + EPOCH_1990_MS
            half_life = getattr(parameters.statistics.half_life_days, PROMISE_CAUSES[column]) * MS_PER_DAY
            positive[chosen, column] += growth(good * unit, time_ms, half_life)
            negative[chosen, column] += growth(bad * unit, time_ms, half_life)
    return positive, negative


def _reply_value(promises: Judged, parameters: Parameters) -> Floats:
    """1 at once, 0 at the due time, -1 at twice the time or later."""
    taken = promises["replied"].astype(np.float64) - promises["opened"]
    return np.clip(1.0 - taken / _due_seconds(parameters.promises.reply_due_hours, promises), -1.0, 1.0)


def _resolution_value(promises: Judged, parameters: Parameters) -> Floats:
    """As for the first reply, against the time that the ticket was given."""
    allowed = np.maximum(_ticket_due(promises, parameters) - promises["opened"], 1.0)
    taken = promises["closed"].astype(np.float64) - promises["opened"]
    return np.clip(1.0 - taken / allowed, -1.0, 1.0)


def _delivery_value(promises: Judged, parameters: Parameters) -> Floats:
    rules = parameters.promises
    days_late = (promises["closed"].astype(np.float64) - promises["due"]) / 86_400.0
    late = np.maximum(rules.late_value + rules.late_value_per_day * days_late, -1.0)
    value = np.where(days_late <= 0.0, rules.on_time_value, late)
    return np.where(promises["failed"] > 0, -1.0, value)


def _due_seconds(hours: DueHours, promises: Judged | Promises) -> Floats:
    """By priority; 0 is none given and counts as normal."""
    by_priority = [hours.normal, *(getattr(hours, name) for name in PRIORITIES)]
    return np.array(by_priority)[promises["priority"]] * 3600.0


def _ticket_due(promises: Judged | Promises, parameters: Parameters) -> Floats:
    """Due time of a ticket: the given one, else by its priority from when it was opened."""
    by_priority = promises["opened"] + _due_seconds(parameters.promises.resolution_due_hours, promises)
    return np.where(promises["due"] > 0, promises["due"].astype(np.float64), by_priority)


def overdue(promises: Promises, now_ms: int, parameters: Parameters) -> Floats:
    """Evidence against us of each open promise past its due time, now; 0 where kept, closed or not yet due.

    Grows with the time overdue: w (1 - 2^(-overdue / half)), so a day late weighs little and a month
    nearly w.
    """
    rules = parameters.promises
    late_s = late_seconds(promises, now_ms, parameters)
    return -rules.overdue_weight * np.expm1(-late_s * (np.log(2.0) / (rules.overdue_half_days * 86_400.0)))


def late_seconds(promises: Promises, now_ms: int, parameters: Parameters) -> Floats:
    """For how long each open promise is past its due time, now; 0 where kept, closed or not yet due."""
    now_s = (now_ms - EPOCH_1990_MS) / 1000.0 + 1.0
    due = np.where(
        promises["kind"] == Kind.TICKET, _ticket_due(promises, parameters), promises["due"].astype(np.float64)
    )
    waiting = (promises["opened"] > 0) & ~closed(promises) & (due > 0)
    return np.where(waiting, np.maximum(now_s - due, 0.0), 0.0)
