"""Field types that several messages share: one name per meaning, with its bounds.

Bounds are checked while decoding, in C. There are no patterns on the fields of the hot path: a pattern costs
more than the rest of the record (0.3 us and more; a whole purchase takes 0.3 us).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

Id = Annotated[str, Meta(min_length=1, max_length=128)]
"""An identifier given by the sender, opaque to us."""

CustomerId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        description="Must not begin with a control character: such keys are reserved for bookkeeping rows.",
        extra_json_schema={"pattern": r"^[^\u0000-\u001f]"},
    ),
]
"""The customer, as senders give it: also the key of the record. Decoders call `check_customer` on it."""

Time = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with a time zone. A time without a zone is refused: nobody can know what it means."""

Amount = Annotated[float, Meta(ge=0.0, le=1e9)]
"""Money in units of its currency. The bounds also refuse infinities written as `1e999`."""

Currency = Annotated[str, Meta(min_length=3, max_length=3)]
"""ISO 4217 code. Carried, never converted: amounts of several currencies are not comparable yet."""

Label = Annotated[str, Meta(min_length=1, max_length=64)]
"""A short name such as a channel or a code."""

Text = Annotated[str, Meta(max_length=1024)]
"""A sentence written by a person."""

Segment = Annotated[str, Meta(pattern=r"^[a-z0-9_-]{1,16}(?![\s\S])")]
"""A customer segment; short ASCII so that it fits a row and a metric label.

The pattern ends so because in Python `$` allows a line break after it, and ECMA (JSON Schema) has no `\\Z`.
"""

Trust = Annotated[float, Meta(ge=0.0, le=100.0)]
"""0-100, high is good."""

Band = Literal["critical", "low", "fair", "good", "strong"]
"""Trust in a word, worst first; the model's parameters say where each begins."""

Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
"""0-1; of churn: high is bad."""

Days = Annotated[int, Meta(ge=1, le=3650)]
"""A horizon in days."""

Count = Annotated[int, Meta(ge=0, le=2**53)]
"""A counter that every JSON reader can hold exactly."""


def check_customer(customer_id: str) -> None:
    r"""Refuse ids that begin with a control character: `\0position` and its like key our own rows.

    Raises:
        ValueError: which msgspec, while decoding, reports as a ValidationError.
    """
    if customer_id < " ":
        raise ValueError("`customer_id` begins with a control character")
