"""ScoreV1: what we think of a customer at a moment, and why. Topic `scores`, keyed by customer.

Every key is always present; null means "does not apply" and is never a zero. Struct fields have no defaults
so that no writer can forget one. Written values are finite: msgspec would write a NaN as null.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.fields import Band, Count, Days, Id, Label, Probability, Segment, Text, Time, Trust

Finite = Annotated[float, Meta(ge=-1e12, le=1e12)]
"""Any number a model may show; bounded so that infinity is refused."""


class Reason(Struct, frozen=True, gc=False):
    """One term of a score. The terms of one score sum to it exactly, up to the rounding of publication.

    `contribution` is in points for trust and in log-odds for churn_risk; `observed` and `usual` are the fact
    behind the term and what is normal for this customer, in the unit that `code` implies.
    """

    score: Literal["trust", "churn_risk"]
    code: Label
    contribution: Finite
    observed: Finite | None = None
    usual: Finite | None = None


class Forced(Struct, frozen=True, gc=False):
    """An event that forces a band whatever the score: which, the band, and until when."""

    event: Label
    band: Band
    until: Time


class Overridden(Struct, frozen=True, gc=False):
    """What a person decided about a customer's band: by whom, why, when, and until when."""

    band: Band
    reason: Text
    author: Id
    issued_at: Time
    until: Time


class ScoreV1(Struct, frozen=True, gc=False):
    """Trust and churn risk of one customer as of one moment.

    `seq` grows by one per publication of a customer: readers drop lower ones. `as_of` is the time the scores
    hold for, `events` the number of distinct interactions behind them. `trust_low` and `trust_high` bound
    95 % of belief. `churn_risk` is the probability of no purchase within `horizon_days`, or null with the
    cause in `churn_absent`. The two changes are against the previous publication, null on the first.

    `band` is trust in a word, as it is to be shown: what a person decided (`override`), else the worst band
    that an event forces (`forced_by`), else that of `trust`, which is always the computed value. Those two
    are null unless they hold at `as_of`.
    """

    customer_id: Id
    seq: Count
    as_of: Time
    events: Count
    trust: Trust
    trust_low: Trust
    trust_high: Trust
    uncertainty: Probability
    churn_risk: Probability | None
    churn_absent: Label | None
    horizon_days: Days
    trust_change: Annotated[float, Meta(ge=-100.0, le=100.0)] | None
    churn_change: Annotated[float, Meta(ge=-1.0, le=1.0)] | None
    segment: Segment | None
    reasons: list[Reason]
    model_version: Label
    schema: Literal["kizuna.score.v1"] = "kizuna.score.v1"
    band: Band | None = None
    forced_by: list[Forced] | None = None
    override: Overridden | None = None
