"""What is told, and what a sink must be able to do: webhooks and Apprise do it, the dispatcher calls it.

A sink of this kind is told of transitions, each once as far as at-least-once allows. Alertmanager is not one:
it is shown the state again and again (`projection.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias

from schemas.alert import AlertV1

__all__ = ["SHOWN", "Delivered", "Kind", "Notification", "Outcome", "Refused", "Retry", "Sink"]

SHOWN: Final = "alertmanager "
"""Names of Alertmanagers begin so, those of sinks have no space."""

Kind = Literal[
    "opened", "released", "escalated", "snooze_over", "acknowledged", "snoozed", "resolved", "expired"
]
"""The transitions of which people are told, by their names in `schemas.alert.Transition`."""


@dataclass(frozen=True, slots=True)
class Notification:
    """One transition of one alert, to be told to one sink.

    Attributes:
        key: `dedup_key:seq`, the same in every retry, restart and copy: the receiver's idempotency key.
        alert: the alert after the transition.
        kind: what happened. An alert that was already open at a first start comes as `opened`, whatever
            happened to it since.
        customer_ref: keyed hash of the customer's id, 16 hex digits; what may be shown instead of the id.
    """

    key: str
    alert: AlertV1
    kind: Kind
    customer_ref: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Not now: the receiver is away or busy. The dispatcher waits at least `after_s`, then tries again.

    `after_s` is 0 where the receiver named no time; `counts` is False where nothing was sent (limiter, open
    breaker), so that waiting alone never makes a dead letter.
    """

    after_s: float
    reason: str
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """Never: the receiver says that this notification is wrong. It becomes a dead letter."""

    reason: str


Outcome: TypeAlias = Delivered | Retry | Refused


class Sink(Protocol):
    """One receiver. One task calls it at a time; it never raises for what the network or the receiver did."""

    @property
    def name(self) -> str:
        """Stable, unique among the configured sinks: part of the ledger's keys and a metric's label."""
        ...

    async def deliver(self, notifications: Sequence[Notification]) -> Sequence[Outcome]:
        """Try each once; one outcome for each, in order. Two of one alert are given in the order of `seq`."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
