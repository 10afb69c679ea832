"""Evidence with forgetting: what one event adds, and how stored sums are read at a time.

Beta reputation (Josang & Ismail 2002): feedback v in [-1, 1] of weight w adds w(1+v)/2 to r and w(1-v)/2 to
s. Forward decay (Cormode, Shkapenyuk, Srivastava & Xu, ICDE 2009, section III): the stored sum is sum of w *
2^((t - L)/h) against a fixed landmark L; reading it at `now` multiplies by 2^(-(now - L)/h). Nothing stored
is ever rescaled, and a late event costs what a punctual one costs.

Order: each term is rounded to 20 binary digits before it is added, so a float64 sum is exact, and therefore
the same bits in any order and any split, as long as a customer's evidence spans fewer than 20 half-lives and
8,192 units of weight. Beyond that the error is below 2^-52 of the sum, under the published rounding.
"""

from functools import lru_cache

import numpy as np

from stream.model.columns import MS_PER_DAY, Floats, Ints
from stream.model.parameters import Statistics

__all__ = [
    "CAUSES",
    "DERIVED_CAUSES",
    "DIMENSION_OF",
    "LANDMARK_MS",
    "cause_half_lives_ms",
    "growth",
    "quantise",
    "shrink",
    "shrink_each",
    "split_value",
]

LANDMARK_MS = (
    1_577_836_800_000  # 2020-01-01: exponents stay finite from 1990 to 2100 for every half-life >= 30 days
)

# Stored causes, in column order: the finest grain that a reason can name. Changing the order changes the
# row layout.
DIMENSION_OF = {
    "survey": "assurance",
    "effort": "responsiveness",
    "review": "tangibles",
    "delivery": "reliability",
    "ticket": "responsiveness",
    "complaint": "assurance",
    "incident": "reliability",
    "breach": "assurance",
    "refund": "tangibles",
    "care": "empathy",
    "recovery": "empathy",
    "delivery_overdue": "reliability",
    "ticket_overdue": "responsiveness",
}
DERIVED_CAUSES = ("delivery_overdue", "ticket_overdue")
CAUSES = tuple(cause for cause in DIMENSION_OF if cause not in DERIVED_CAUSES)

MANTISSA_BITS = 20


@lru_cache(maxsize=8)
def cause_half_lives_ms(statistics: Statistics) -> Floats:
    """Half-life of each stored cause, ms; shape (len(CAUSES),). Made once per model, not to be written to."""
    made: Floats = np.array([getattr(statistics.half_life_days, cause) for cause in CAUSES]) * MS_PER_DAY
    made.flags.writeable = False
    return made


@lru_cache(maxsize=8)
def _distinct_half_lives_ms(statistics: Statistics) -> tuple[Floats, Ints]:
    """(distinct half-lives, where each stored cause's is among them): most causes share theirs."""
    distinct, place = np.unique(cause_half_lives_ms(statistics), return_inverse=True)
    return distinct, place.astype(np.int64)


def quantise(values: Floats) -> Floats:
    """Round to 20 significant binary digits (relative error <= 2^-20), so that sums are exact."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(mantissa * 2.0**MANTISSA_BITS), exponent - MANTISSA_BITS)


def growth(weight: Floats, time_ms: Ints, half_life_ms: Floats | float) -> Floats:
    """Weight in landmark units: w * 2^((t - L)/h), quantised. All shapes broadcast."""
    return quantise(weight * np.exp2((time_ms - LANDMARK_MS) / half_life_ms))


def shrink(now_ms: int | Ints | Floats, half_life_ms: Floats | float) -> Floats:
    """Factor that turns a stored sum into its value at `now_ms`; shapes broadcast."""
    return np.asarray(np.exp2(-(now_ms - LANDMARK_MS) / np.asarray(half_life_ms, np.float64)))


def shrink_each(time_ms: Ints, statistics: Statistics) -> Floats:
    """The same for every stored cause, at a time of each customer's own; (n, len(CAUSES))."""
    distinct, place = _distinct_half_lives_ms(statistics)
    return shrink(time_ms[:, None], distinct).take(place, axis=1)


def split_value(value: Floats) -> tuple[Floats, Floats]:
    """Shares ((1+v)/2, (1-v)/2) of a graded feedback v in [-1, 1]."""
    return (1.0 + value) / 2.0, (1.0 - value) / 2.0
