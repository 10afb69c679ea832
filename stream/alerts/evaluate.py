"""The life of an alert: none -> (pending) -> open -> resolved -> open again as the next episode.

Conventions:
    n customers, S slots per customer, one slot per rule that ever had an episode. `now_ms` is a parameter.

Laws: at most one open alert per customer and rule; `seq` grows by one per published transition; a value that
is absent neither opens nor resolves. A transition depends on the published (rounded) scores, the slots and
the time alone, so the chain of scores determines the chain of alerts.
"""

from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from stream.alerts.rules import Rule, Rules
from stream.model.columns import EPOCH_1990_MS, Ints, day_number, seconds

__all__ = [
    "ALERT_NAMESPACE",
    "State",
    "Transition",
    "Values",
    "alert_id",
    "evaluate",
    "open_rules",
    "since_ms",
]

ALERT_NAMESPACE = UUID("6f1c8f6e-2f53-5c0b-9d0e-6b697a756e61")  # fixed for ever: ids must survive a replay
MS_PER_HOUR = 3_600_000


class State(IntEnum):
    """State of a slot in the row."""

    NONE = 0
    PENDING = 1
    OPEN = 2
    RESOLVED = 3


@dataclass(slots=True)
class Values:
    """Published values of n customers; arrays (n,).

    Attributes:
        trust_centi: trust in 1/100 point.
        risk_e4: churn risk in 1/10,000, -1 where absent.
        uncertainty: of trust, 0-1.
        purchase_days: distinct days with a purchase.
    """

    trust_centi: NDArray[np.int32]
    risk_e4: NDArray[np.int32]
    uncertainty: NDArray[np.float64]
    purchase_days: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Transition:
    """One published change of one alert; `customer` is an index into the n customers.

    `expired`: it is over although nothing was heard of the customer since it opened; evidence only faded.
    """

    customer: int
    rule: Rule
    state: State
    episode: int
    seq: int
    opened_ms: int
    now_ms: int
    expired: bool = False


def alert_id(customer_id: str, rule_id: str, episode: int) -> str:
    """The same alert has the same id in every replay (UUIDv5, RFC 9562)."""
    return str(uuid5(ALERT_NAMESPACE, f"{customer_id}|{rule_id}|{episode}"))


def since_ms(store: NDArray[np.void] | np.void) -> Ints:
    """When each slot's present state began, epoch ms, 0 = unused; shape (..., ALERT_SLOTS)."""
    whole = store["alert_since_s"].astype(np.int64)
    return np.where(whole > 0, (whole - 1) * 1000 + EPOCH_1990_MS + store["alert_since_ms"], 0)


def _begin(store: NDArray[np.void], i: int, at: int, now_ms: int) -> None:
    store["alert_since_s"][i, at] = seconds(np.array([now_ms]))[0]
    store["alert_since_ms"][i, at] = now_ms % 1000


def evaluate(store: NDArray[np.void], values: Values, rules: Rules, now_ms: int) -> list[Transition]:
    """Move every rule of n customers on; returns what must be published, in rule order.

    Args:
        store: (n,) rows, written to in their `alert_*` fields.
        values: published values of the same customers.
        rules: at most as many as a row has slots.
        now_ms: time of the evaluation.
    """
    transitions: list[Transition] = []
    configured = [rule.key for rule in rules.rule]
    for rule in rules.rule:
        triggered, cleared = _conditions(rule, values)
        mine = store["alert_rule"] == rule.key
        has_slot = mine.any(axis=1)
        slot = mine.argmax(axis=1)
        state = np.where(has_slot, store["alert_state"][np.arange(len(store)), slot], State.NONE)
        idle = (state == State.NONE) | (state == State.RESOLVED)
        held = state == State.PENDING
        if held.any():
            since = since_ms(store)[np.arange(len(store)), slot]
            held &= now_ms - since >= rule.hold_hours * MS_PER_HOUR
        opens = triggered & ((idle & (rule.hold_hours == 0.0)) | held)
        waits = triggered & idle & (rule.hold_hours > 0.0)
        relents = ~triggered & (state == State.PENDING)
        resolves = cleared & (state == State.OPEN)
        for i in np.flatnonzero(opens | waits | relents | resolves).tolist():
            at = int(slot[i]) if has_slot[i] else _claim(store[i], rule.key, configured, now_ms)
            transition = _move(store, i, at, rule, bool(opens[i]), bool(waits[i]), bool(relents[i]), now_ms)
            if transition is not None:
                transitions.append(transition)
    return transitions


def _conditions(rule: Rule, values: Values) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(triggered, cleared) of each customer; thresholds in the published units, so equality is exact."""
    if rule.kind == "trust_below":
        triggered = values.trust_centi <= round(rule.open * 100)
        cleared = values.trust_centi > round(rule.clear * 100)
    else:
        known = values.risk_e4 >= 0
        triggered = known & (values.risk_e4 >= round(rule.open * 10_000))
        cleared = known & (values.risk_e4 < round(rule.clear * 10_000))
    in_scope = (values.purchase_days >= rule.min_purchase_days) & (values.uncertainty <= rule.max_uncertainty)
    return triggered & in_scope, cleared


def _claim(row: np.void, key: int, configured: list[int], now_ms: int) -> int:
    """A slot for a rule without one: a free one, else one of a rule that is no longer configured.

    In a slot used before, episode and seq start from the date, so that a rule that comes back later repeats
    neither: readers drop a `seq` that does not grow.
    """
    owners = row["alert_rule"].tolist()
    at = (
        owners.index(0)
        if 0 in owners
        else next(i for i, owner in enumerate(owners) if owner not in configured)
    )
    used = owners[at] != 0
    row["alert_since_s"][at] = row["alert_since_ms"][at] = row["alert_state"][at] = 0
    row["alert_episode"][at] = day_number(np.array([now_ms]))[0] if used else 0
    row["alert_seq"][at] = seconds(np.array([now_ms]))[0] if used else 0
    row["alert_rule"][at] = key
    return int(at)


def _move(
    store: NDArray[np.void], i: int, at: int, rule: Rule, opens: bool, waits: bool, relents: bool, now_ms: int
) -> Transition | None:
    episode, seq = int(store["alert_episode"][i, at]), int(store["alert_seq"][i, at])
    opened_ms = int(since_ms(store[i : i + 1])[0, at])
    if waits or relents:
        back = State.RESOLVED if episode else State.NONE
        store["alert_state"][i, at] = State.PENDING if waits else back
        _begin(store, i, at, now_ms)
        return None
    if opens:
        episode, opened_ms = episode + 1, now_ms
    state = State.OPEN if opens else State.RESOLVED
    store["alert_state"][i, at] = state
    store["alert_episode"][i, at] = episode
    store["alert_seq"][i, at] = seq + 1
    _begin(store, i, at, now_ms)
    expired = not opens and int(store["events"][i]) == int(store["alert_events"][i, at])
    if opens:
        store["alert_events"][i, at] = store["events"][i]
    return Transition(i, rule, state, episode, seq + 1, opened_ms, now_ms, expired)


def open_rules(row: np.void, rules: Rules) -> list[tuple[Rule, int]]:
    """Rules whose slot in a row is open, and since when, epoch ms; rules that are gone are left out."""
    by_key = {rule.key: rule for rule in rules.rule}
    slots = zip(row["alert_rule"], row["alert_state"], since_ms(row), strict=True)
    return [
        (by_key[int(key)], int(since))
        for key, state, since in slots
        if state == State.OPEN and int(key) in by_key
    ]
