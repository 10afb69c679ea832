"""One customer's row: its bytes are the changelog value.

Conventions:
    Little endian, 8-byte fields on 8-byte offsets. Times `*_s` are seconds since 1990 plus one, `*_day` days
    since 1990 plus one; 0 means absent everywhere, so a new row is zeros after its header.

Change a field here and `LAYOUT_VERSION` goes up: a worker that meets rows of another version stops and says
which command rebuilds them. What does not fit the fixed row (many purchase days, many promises at once)
and what most customers do not have (alerts) follows it as a tail.
"""

import numpy as np
from numpy.typing import NDArray

from stream.model.columns import Ints
from stream.model.evidence import CAUSES
from stream.model.promises import PROMISE

__all__ = [
    "DAY_SLOTS",
    "DEDUP_SLOTS",
    "FEEDBACK_SLOTS",
    "HEADER",
    "LAYOUT_VERSION",
    "MAGIC",
    "PROMISE_SLOTS",
    "ROW",
]

LAYOUT_VERSION = 9
MAGIC = 0x4B5A  # "ZK" little endian: tells a row from any other bytes

DEDUP_SLOTS = 12  # accepted event ids remembered per customer: the window in which a duplicate is recognised
DAY_SLOTS = 12  # latest purchase days in the row; older ones in the tail
PROMISE_SLOTS = 4  # promises in the row, enough for a busy customer; further ones in the tail
FEEDBACK_SLOTS = 4  # latest graded feedback with its time; older of the last 92 days in the tail

HEADER = [("magic", "<u2"), ("layout", "<u2"), ("statistics", "<u4")]

ROW = np.dtype(
    [
        *HEADER,
        ("evidence", "<f8", (len(CAUSES), 2)),  # r and s in landmark units
        ("engagement", "<f8", (2,)),  # short and long half-life, landmark units
        ("payment_failures", "<f8"),  # landmark units
        ("amount_e4", "<i8"),  # sum of all purchase amounts, 1/10,000 of the unit
        ("dedup", "<u8", (DEDUP_SLOTS,)),  # hashes of event ids, ring by acceptance
        ("promises", PROMISE, (PROMISE_SLOTS,)),
        ("feedback", "<u4", (FEEDBACK_SLOTS,)),  # 26 bits of time, 6 of code, latest first
        ("days", "<u2", (DAY_SLOTS,)),  # latest distinct purchase days, unordered
        ("first_day", "<u2"),
        ("n_days", "<u2"),  # distinct purchase days, tail included
        ("events", "<u4"),  # accepted events; also the write position of the dedup ring
        ("seq", "<u4"),  # scores published
        ("first_s", "<u4"),  # earliest event
        ("last_s", "<u4"),  # latest event that ends a silence: no recovery, no profile
        ("renewed_s", "<u4"),  # subscription: latest start or renewal
        ("cancel_s", "<u4"),  # latest cancel request
        ("ended_s", "<u4"),  # latest cancellation or expiry
        ("term_end_s", "<u4"),  # latest known end of term
        ("unsubscribed_s", "<u4"),
        ("resubscribed_s", "<u4"),
        ("trust_centi", "<i4"),  # last published trust, 1/100 point
        ("risk_e4", "<i4"),  # last published churn risk, 1/10,000; -1 absent
        ("segment_s", "<u4"),  # times of the attributes below: each is the latest that was given
        ("tier_s", "<u4"),
        ("locale_s", "<u4"),
        ("tier", "u1"),  # index into TIERS plus one
        ("channels", "u1"),  # bits of `columns.CHANNELS` bought through
        (
            "currency",
            "<u2",
        ),  # lowest `columns.currency_number` paid in, 0 = none; sums of others: tail
        ("segment", "S16"),
        ("locale", "S8"),
        ("checkpoint_day", "<u2", (2,)),  # a risk that was published on a day, the latest first: see
        ("checkpoint_risk", "<u2", (2,)),  # `checkpoints.py`; 1/10,000, and one bit
        ("spare", "<u4"),  # to whole words
    ]
)

WORDS = ROW.itemsize // 8
_FIRST_PROMISE_WORD = ROW.fields["promises"][1] // 8 if ROW.fields else 0
_PROMISE_WORDS = slice(_FIRST_PROMISE_WORD, _FIRST_PROMISE_WORD + PROMISE_SLOTS * PROMISE.itemsize // 8)


def grown(n: int) -> int:
    """Capacity to ask for when `n` are needed: small steps once it is large, for every page counts then."""
    return n + max(1024, n // (8 if n < 65_536 else 512))


def extend(owner: object, name: str, n: int) -> None:
    """Give the array in an attribute `n` elements, zeros behind the old ones.

    In place, if nobody else holds the array or a view of it: the system then moves pages instead of bytes,
    and the old and the new array never exist together.
    """
    try:
        getattr(owner, name).resize(n)
    except ValueError:  # somebody does
        old = getattr(owner, name)
        new = np.zeros(n, old.dtype)
        new[: len(old)] = old
        setattr(owner, name, new)


def take(store: NDArray[np.void], rows: Ints) -> NDArray[np.void]:
    """Copy of some rows; NumPy copies structured records field by field, whole words are 9 times as fast."""
    return store.view(np.uint64).reshape(-1, WORDS).take(rows, axis=0).view(ROW)[:, 0]


def put(store: NDArray[np.void], rows: Ints, values: NDArray[np.void]) -> None:
    """Write rows back; the inverse of `take`. `values` is contiguous."""
    store.view(np.uint64).reshape(-1, WORDS)[rows] = values.view(np.uint64).reshape(-1, WORDS)


def take_promises(store: NDArray[np.void], rows: Ints) -> NDArray[np.void]:
    """Copy of the promise slots of some rows; shape (len(rows), PROMISE_SLOTS)."""
    words = store.view(np.uint64).reshape(-1, WORDS)[rows, _PROMISE_WORDS]
    return np.ascontiguousarray(words).view(PROMISE)


def put_promises(store: NDArray[np.void], rows: Ints, values: NDArray[np.void]) -> None:
    """Write promise slots back; the inverse of `take_promises`, distinct rows."""
    words = values.view(np.uint64).reshape(len(rows), -1)
    store.view(np.uint64).reshape(-1, WORDS)[rows, _PROMISE_WORDS] = words
