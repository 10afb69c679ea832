"""What is shown of a customer's trust: the computed band, unless an event or a person says otherwise.

Three values, and none hides another: the computed band, the worst band that an event forces for some days
(`[exceptions]` of the parameters), and what a person decided, with reason, author and expiry. Shown is the
last of them that holds. All merges are maxima, so facts may arrive in any order and any number of times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from schemas.fields import Band
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY, Ints
from stream.model.parameters import Bands, Exceptions, Parameters

__all__ = ["BANDS", "EXCEPTIONS", "Forced", "Override", "Standing", "computed_bands", "merged", "standing"]

BANDS: tuple[Band, ...] = get_args(Band)
"""Worst first."""

EXCEPTIONS: tuple[str, ...] = Exceptions.__struct_fields__
"""Events that may force a band. Appended to, never reordered: stored rows know them by their place."""


@dataclass(frozen=True, slots=True, order=True)
class Override:
    """What a person decided, or that it no longer holds. Fields are in the order in which one beats another.

    Attributes:
        issued_ms: when; the latest counts.
        until_ms: holds before this time.
        band: index into `BANDS`, -1 = withdrawn: nothing is overridden.
        author: who.
        reason: why.
    """

    issued_ms: int
    until_ms: int
    band: int
    author: str
    reason: str


@dataclass(frozen=True, slots=True)
class Forced:
    """An exception that holds: the event, the band that it forces (index into `BANDS`), and until when."""

    event: str
    band: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds of one customer at a time beside the computed value.

    Attributes:
        forced: exceptions, worst band first.
        override: of a person, None if there is none that holds.
    """

    forced: tuple[Forced, ...]
    override: Override | None

    @property
    def band(self) -> int | None:
        """The band to show, index into `BANDS`; None: the computed one."""
        if self.override is not None:
            return self.override.band
        return self.forced[0].band if self.forced else None

    @property
    def mark(self) -> int:
        """A byte that differs whenever something else holds; 0 if nothing does."""
        events = sum(2 << EXCEPTIONS.index(forced.event) for forced in self.forced)
        return events | (self.override is not None)


def merged(one: Override | None, other: Override | None) -> Override | None:
    """The later decision; on a tie the larger value. Commutative, associative, idempotent."""
    if one is None or other is None:
        return one or other
    return max(one, other)


def standing(
    last_s: Mapping[int, int], override: Override | None, now_ms: int, parameters: Parameters
) -> Standing:
    """What holds at a time.

    Args:
        last_s: place in `EXCEPTIONS` -> when the event happened last, seconds since 1990 plus one.
        override: the latest decision, None if there never was one.
        now_ms: an exception holds from its event for its days, to the second of the event, and not longer; an
            override holds before its expiry.
        parameters: which band, how many days.
    """
    found = []
    for place, time_s in last_s.items():
        rule = getattr(parameters.exceptions, EXCEPTIONS[place])
        until_ms = (time_s - 1) * 1000 + EPOCH_1990_MS + round(rule.days * MS_PER_DAY)
        if now_ms < until_ms:
            found.append(Forced(EXCEPTIONS[place], BANDS.index(rule.band), until_ms))
    holds = override is not None and override.band >= 0 and now_ms < override.until_ms
    found.sort(key=lambda forced: (forced.band, -forced.until_ms, forced.event))
    return Standing(tuple(found), override if holds else None)


def computed_bands(trust_centi: NDArray[np.int32], bands: Bands) -> Ints:
    """Band of each published trust (1/100 point), index into `BANDS`; a band includes its beginning."""
    edges = np.array([round(getattr(bands, name) * 100) for name in BANDS[1:]])
    return np.digitize(trust_centi, edges).astype(np.int64)
