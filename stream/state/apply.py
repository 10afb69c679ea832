"""Columns -> rows: what a run of events changes. Commutative and idempotent within the dedup window."""

import numpy as np
from numpy.typing import NDArray

from stream.model import feedback as feedback_model
from stream.model.columns import MS_PER_DAY, Columns, Ints, Subscriptions, day_number, seconds
from stream.model.evidence import cause_half_lives_ms, growth
from stream.model.parameters import Parameters
from stream.state import feedback, promises, purchases
from stream.state.dedup import accept
from stream.state.groups import Groups, group
from stream.state.table import CustomerTable

__all__ = ["apply"]


def apply(table: CustomerTable, columns: Columns, parameters: Parameters) -> tuple[Ints, NDArray[np.bool_]]:
    """Apply one run of events to the rows of their customers.

    Returns:
        (touched, accepted): rows that changed, ascending; mask (n,) of the events that were not duplicates.
    """
    rows = table.rows_of(columns.keys)
    events = group(rows)
    accepted = accept(table.rows, events, columns.event_hash)
    store = table.rows
    times = columns.time_ms
    if not accepted.all():
        events = group(rows[accepted])
    time_s = seconds(times)
    _note_times(store, events, time_s[accepted], np.where(_speaks(columns), time_s, 0)[accepted])
    _add_evidence(table, rows, accepted, columns, parameters)
    _add_decayed(store, rows, accepted, columns, parameters)
    _add_purchases(table, rows, accepted, columns)
    _apply_promises(table, rows, accepted, columns, parameters)
    _merge_subscriptions(store, rows, accepted, times, columns.subscriptions)
    _latest(store, "unsubscribed_s", rows, accepted, columns.unsubscribed, times)
    _latest(store, "resubscribed_s", rows, accepted, columns.resubscribed, times)
    _merge_profiles(store, rows, accepted, columns)
    _note_exceptions(table, rows, accepted, columns)
    return events.touched, accepted


def _apply_promises(
    table: CustomerTable, rows: Ints, accepted: NDArray[np.bool_], columns: Columns, parameters: Parameters
) -> None:
    events = columns.promises
    keep = accepted[events.at] if len(events.at) else np.zeros(0, np.bool_)
    if not keep.any():
        return
    chosen = events.at[keep]
    steps = promises.Steps(
        rows[chosen],
        events.ref[keep],
        events.step[keep],
        seconds(columns.time_ms[chosen]),
        events.due_s[keep],
        events.priority[keep],
        events.channel[keep],
    )
    promises.apply(table.rows, table.tails, steps, parameters)


def _speaks(columns: Columns) -> NDArray[np.bool_]:
    """Mask (n,) of events that end a silence: our own amends and what we note in a profile do not."""
    speaks = np.ones(len(columns), np.bool_)
    speaks[columns.profiles.at] = False
    speaks[columns.evidence.at[feedback_model.IS_RECOVERY[columns.evidence.code]]] = False
    return speaks


def _note_times(
    store: NDArray[np.void], events: Groups, time_s: NDArray[np.uint32], heard_s: NDArray[np.uint32]
) -> None:
    touched, start = events.touched, events.start
    if not len(touched):
        return
    sorted_s = time_s[events.order]
    last = np.maximum.reduceat(heard_s[events.order], start)
    store["last_s"][touched] = np.maximum(store["last_s"][touched], last)
    first = np.minimum.reduceat(sorted_s, start)
    known = store["first_s"][touched]
    store["first_s"][touched] = np.where(known == 0, first, np.minimum(known, first))


def _add(target: NDArray[np.float64], rows: Ints, column: Ints, terms: NDArray[np.float64]) -> None:
    """Add terms at (row, column), repeated places included; quantised, so any order gives the same bits."""
    width = target.shape[1]
    place = rows * width + column
    order = np.argsort(place, kind="stable")
    places, start = np.unique(place[order], return_index=True)
    target[places // width, places % width] += np.add.reduceat(terms[order], start)


def _add_evidence(
    table: CustomerTable, rows: Ints, accepted: NDArray[np.bool_], columns: Columns, parameters: Parameters
) -> None:
    evidence = columns.evidence
    keep = accepted[evidence.at] if len(evidence.at) else np.zeros(0, np.bool_)
    if not keep.any():
        return
    at, code = evidence.at[keep], evidence.code[keep]
    when, owner = columns.time_ms[at], rows[at]
    each = feedback_model.terms(parameters.statistics)
    cause = each.cause[code]
    half_life = cause_half_lives_ms(parameters.statistics)[cause]
    sums = table.rows["evidence"]
    _add(sums[:, :, 0], owner, cause, growth(each.good[code], when, half_life))
    _add(sums[:, :, 1], owner, cause, growth(each.bad[code], when, half_life))
    feedback.add(table.rows, table.tails, owner, seconds(when), code)


def _add_decayed(
    store: NDArray[np.void], rows: Ints, accepted: NDArray[np.bool_], columns: Columns, parameters: Parameters
) -> None:
    statistics = parameters.statistics
    engaged = columns.engaged[accepted[columns.engaged]]
    if len(engaged):
        for k, days in enumerate((statistics.engagement_short_days, statistics.engagement_long_days)):
            terms = growth(np.ones(len(engaged)), columns.time_ms[engaged], days * MS_PER_DAY)
            _add(store["engagement"], rows[engaged], np.full(len(engaged), k), terms)
    failed = columns.payment_failed[accepted[columns.payment_failed]]
    if len(failed):
        terms = growth(
            np.ones(len(failed)), columns.time_ms[failed], statistics.payment_failure_days * MS_PER_DAY
        )
        _add(store["payment_failures"][:, None], rows[failed], np.zeros(len(failed), np.int64), terms)


def _add_purchases(table: CustomerTable, rows: Ints, accepted: NDArray[np.bool_], columns: Columns) -> None:
    keep = accepted[columns.purchases.at] if len(columns.purchases.at) else np.zeros(0, np.bool_)
    if not keep.any():
        return
    at = columns.purchases.at[keep]
    purchases.add_days(table.rows, table.tails, rows[at], day_number(columns.time_ms[at]))
    bought = columns.purchases
    purchases.add_amounts(table.rows, table.tails, rows[at], bought.amount_e4[keep], bought.currency[keep])
    np.bitwise_or.at(table.rows["channels"], rows[at], bought.channel[keep].astype(np.uint8))


def _latest(
    store: NDArray[np.void], name: str, rows: Ints, accepted: NDArray[np.bool_], at: Ints, time_ms: Ints
) -> None:
    """store[name] = latest time of the chosen events."""
    chosen = at[accepted[at]]
    if len(chosen):
        np.maximum.at(store[name], rows[chosen], seconds(time_ms[chosen]))


def _merge_subscriptions(
    store: NDArray[np.void], rows: Ints, accepted: NDArray[np.bool_], time_ms: Ints, events: Subscriptions
) -> None:
    if not len(events.at):
        return
    for name, statuses in (("renewed_s", (0, 1)), ("cancel_s", (2,)), ("ended_s", (3, 4))):
        _latest(store, name, rows, accepted, events.at[np.isin(events.status, statuses)], time_ms)
    keep = accepted[events.at]
    np.maximum.at(store["term_end_s"], rows[events.at[keep]], events.term_end_s[keep])


def _note_exceptions(table: CustomerTable, rows: Ints, accepted: NDArray[np.bool_], columns: Columns) -> None:
    """The latest time of each kind; rare, so one by one."""
    exceptions = columns.exceptions
    for at, place in zip(exceptions.at.tolist(), exceptions.place.tolist(), strict=True):
        if accepted[at]:
            time_s = int(seconds(columns.time_ms[at : at + 1])[0])
            table.tails.marks(int(rows[at])).note(place, time_s)


def _merge_profiles(
    store: NDArray[np.void], rows: Ints, accepted: NDArray[np.bool_], columns: Columns
) -> None:
    """Each attribute by itself: the latest given wins, on a tie the larger; an absent one says nothing."""
    profiles = columns.profiles
    for i, at in enumerate(profiles.at.tolist()):
        if not accepted[at]:
            continue
        row = store[int(rows[at])]
        time_s = int(seconds(columns.time_ms[at : at + 1])[0])
        given = {"segment": profiles.segment[i], "tier": profiles.tier[i], "locale": profiles.locale[i]}
        for name, value in given.items():
            if value and (time_s, value) > (int(row[f"{name}_s"]), row[name].item()):
                row[f"{name}_s"], row[name] = time_s, value
