"""Events as columns: what the bytes of one run of records become.

Conventions:
    n events of one partition in arrival order. `at` arrays are positions into those n, ascending.
    Times are int64 epoch milliseconds (`*_ms`) or, inside promises, seconds since 1990 plus one (`*_s`, 0
    = absent).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CHANNELS",
    "PRIORITIES",
    "TIERS",
    "Columns",
    "Evidence",
    "Exceptions",
    "Floats",
    "Ints",
    "Profiles",
    "PromiseEvents",
    "Purchases",
    "Subscriptions",
    "channel_bit",
    "currency_code",
    "currency_number",
    "day_number",
    "seconds",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Seconds = NDArray[np.uint32]

MS_PER_DAY = 86_400_000
EPOCH_1990_MS = 631_152_000_000
PRIORITIES = ("low", "normal", "high", "urgent")
TIERS = ("standard", "silver", "gold", "platinum")
CHANNELS = ("web", "app", "store", "phone", "email", "chat", "social", "other")
"""A set of channels is one byte; every name but these counts as the last."""
NO_CURRENCY = 65_535  # three characters that are not three letters: nobody knows what they mean


def seconds(time_ms: Ints) -> Seconds:
    """Seconds since 1990-01-01 plus one, so that 0 can mean absent; covers 1990 to 2126."""
    return ((time_ms - EPOCH_1990_MS) // 1000 + 1).astype(np.uint32)


def day_number(time_ms: Ints) -> NDArray[np.uint16]:
    """UTC days since 1990-01-01 plus one, so that 0 can mean absent; covers 1990 to 2169."""
    return ((time_ms - EPOCH_1990_MS) // MS_PER_DAY + 1).astype(np.uint16)


def channel_bit(name: str | None) -> int:
    """The bit of a channel's name, in any case; 0 where none is given."""
    if name is None:
        return 0
    lower = name.lower()
    return 1 << (CHANNELS.index(lower) if lower in CHANNELS else len(CHANNELS) - 1)


def currency_number(code: str) -> int:
    """Three letters as 1 to 17,576, in any case; `NO_CURRENCY` for anything else."""
    if not (code.isascii() and code.isalpha()):
        return NO_CURRENCY
    a, b, c = (ord(letter) - ord("A") for letter in code.upper())
    return 1 + a * 676 + b * 26 + c


def currency_code(number: int) -> str:
    """Inverse of `currency_number`; "???" for what is no currency."""
    if number == NO_CURRENCY:
        return "???"
    letters = (*divmod((number - 1) // 26, 26), (number - 1) % 26)
    return "".join(chr(ord("A") + letter) for letter in letters)


def _no_ints() -> Ints:
    return np.empty(0, np.int64)


@dataclass(slots=True)
class Evidence:
    """Graded feedback: `code` names cause, value and weight (`feedback.MEANINGS`), never 0."""

    at: Ints = field(default_factory=_no_ints)
    code: Ints = field(default_factory=_no_ints)


@dataclass(slots=True)
class Purchases:
    """Purchases; amount in 1/10,000 of the currency unit, so that sums are exact in any order.

    `currency` is a number (`currency_number`), `channel` a bit or 0 (`channel_bit`).
    """

    at: Ints = field(default_factory=_no_ints)
    amount_e4: Ints = field(default_factory=_no_ints)
    currency: Ints = field(default_factory=_no_ints)
    channel: Ints = field(default_factory=_no_ints)


@dataclass(slots=True)
class PromiseEvents:
    """What happened to promises: deliveries and tickets (`promises.Step` says which step)."""

    at: Ints = field(default_factory=_no_ints)
    ref: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    step: Ints = field(default_factory=_no_ints)
    priority: Ints = field(default_factory=_no_ints)
    due_s: Seconds = field(default_factory=lambda: np.empty(0, np.uint32))
    channel: Ints = field(default_factory=_no_ints)


@dataclass(slots=True)
class Subscriptions:
    """Contract events; status indexes started, renewed, cancel_requested, cancelled, expired."""

    at: Ints = field(default_factory=_no_ints)
    status: Ints = field(default_factory=_no_ints)
    term_end_s: Seconds = field(default_factory=lambda: np.empty(0, np.uint32))


@dataclass(slots=True)
class Exceptions:
    """Events that may force a band; `place` indexes `override.EXCEPTIONS`."""

    at: Ints = field(default_factory=_no_ints)
    place: Ints = field(default_factory=_no_ints)


@dataclass(slots=True)
class Profiles:
    """Attributes, empty where not given; each is the latest by event time, on a tie the larger value."""

    at: Ints = field(default_factory=_no_ints)
    segment: list[bytes] = field(default_factory=list)
    tier: list[int] = field(default_factory=list)
    locale: list[bytes] = field(default_factory=list)


@dataclass(slots=True)
class Columns:
    """One run of decoded events of one partition, in arrival order."""

    keys: list[bytes]
    event_hash: NDArray[np.uint64]
    time_ms: Ints
    evidence: Evidence = field(default_factory=Evidence)
    purchases: Purchases = field(default_factory=Purchases)
    promises: PromiseEvents = field(default_factory=PromiseEvents)
    subscriptions: Subscriptions = field(default_factory=Subscriptions)
    profiles: Profiles = field(default_factory=Profiles)
    exceptions: Exceptions = field(default_factory=Exceptions)
    engaged: Ints = field(default_factory=_no_ints)
    unsubscribed: Ints = field(default_factory=_no_ints)
    resubscribed: Ints = field(default_factory=_no_ints)
    payment_failed: Ints = field(default_factory=_no_ints)

    def __len__(self) -> int:
        return len(self.keys)
