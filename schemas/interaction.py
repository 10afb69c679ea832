"""Interactions: what a customer did, or what was done to a customer. The only input of the system.

One struct per type; `type` on the wire names it. Unknown fields are ignored, so senders may add theirs;
an unknown type is refused, so that it is counted instead of silently lost.
`event_id` makes delivery idempotent: two events of one customer with equal ids are one event.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from schemas.fields import Amount, Currency, CustomerId, Id, Label, Segment, Time

EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
"""Events before this are refused as "too_old". Checked on the column of milliseconds, not per struct."""

LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""Events at or after this are refused as "too_future"."""

MAX_RECORD_BYTES: Final = 1_048_576
"""A longer value is refused as "too_large" before anybody parses it."""

SCALES: Final = {"nps": (0, 10), "csat": (1, 5), "ces1": (1, 5), "ces2": (1, 7)}
"""Lowest and highest answer per survey instrument. On `ces1` alone, low is good (effort)."""


class Event(Struct, frozen=True, gc=False):
    """What every interaction has. Never sent itself.

    A `__post_init__` here would cost every event a call into Python: `codec.decode_interaction` looks at the
    customer, and whoever decodes a run looks at all of its keys at once.
    """

    event_id: Id
    customer_id: CustomerId
    occurred_at: Time


class Purchase(Event, frozen=True, gc=False, tag_field="type", tag="purchase"):
    """The customer bought."""

    amount: Amount
    currency: Currency
    order_id: Id | None = None
    items: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    channel: Label | None = None


class Refund(Event, frozen=True, gc=False, tag_field="type", tag="refund"):
    """Money asked back (`refund`), goods sent back (`return`), money the bank took back (`chargeback`)."""

    amount: Amount
    currency: Currency
    order_id: Id | None = None
    kind: Literal["refund", "return", "chargeback"] = "refund"


class Delivery(Event, frozen=True, gc=False, tag_field="type", tag="delivery"):
    """A delivery was promised, handed to the carrier (shipped), arrived or failed.

    `promised_at` is the time promised to the customer. What is in it may be said with any step: how many
    `items`, of which sellers, what they cost (`value`) and what the transport costs (`freight`), in the
    order's currency.
    """

    delivery_id: Id
    status: Literal["promised", "shipped", "arrived", "failed"]
    promised_at: Time | None = None
    order_id: Id | None = None
    items: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    seller_ids: Annotated[tuple[Id, ...], Meta(max_length=100)] | None = None
    value: Amount | None = None
    freight: Amount | None = None

    def __post_init__(self) -> None:
        """A promise has a time."""
        if self.promised_at is None and self.status == "promised":
            raise ValueError("`promised_at` is required when `status` is promised")


class Ticket(Event, frozen=True, gc=False, tag_field="type", tag="ticket"):
    """A step in the life of a support ticket. `due_at` is the time by which it was to be solved.

    The highest `priority` of any step counts; a step without one says nothing about it, and a ticket of which
    no step names one is normal.
    """

    ticket_id: Id
    status: Literal["opened", "first_reply", "resolved", "reopened", "escalated"]
    priority: Literal["low", "normal", "high", "urgent"] | None = None
    due_at: Time | None = None
    channel: Label | None = None


class Survey(Event, frozen=True, gc=False, tag_field="type", tag="survey"):
    """An answer, on the scale of the named instrument (see `SCALES`); `requested_at`: when asked for."""

    instrument: Literal["nps", "csat", "ces1", "ces2"]
    score: Annotated[int, Meta(ge=0, le=10)]
    survey_id: Id | None = None
    requested_at: Time | None = None

    def __post_init__(self) -> None:
        """The answer lies on the scale of its instrument."""
        low, high = SCALES[self.instrument]
        if not low <= self.score <= high:
            raise ValueError(f"`score` is outside {low}-{high}, the scale of {self.instrument}")


class Review(Event, frozen=True, gc=False, tag_field="type", tag="review"):
    """A public rating, one to five stars. `requested_at` is when the customer was asked for it."""

    rating: Annotated[int, Meta(ge=1, le=5)]
    product_id: Id | None = None
    order_id: Id | None = None
    requested_at: Time | None = None


class Engagement(Event, frozen=True, gc=False, tag_field="type", tag="engagement"):
    """The customer looked, clicked or used; or changed whether we may write."""

    kind: Literal[
        "visit", "login", "email_open", "email_click", "feature_use", "unsubscribed", "resubscribed"
    ]


class Subscription(Event, frozen=True, gc=False, tag_field="type", tag="subscription"):
    """A step in the life of a contract. `term_end` is when the present term runs out."""

    subscription_id: Id
    status: Literal["started", "renewed", "cancel_requested", "cancelled", "expired"]
    term_end: Time | None = None


class Payment(Event, frozen=True, gc=False, tag_field="type", tag="payment"):
    """A charge went through or failed."""

    status: Literal["succeeded", "failed"]
    amount: Amount | None = None
    currency: Currency | None = None


class Loyalty(Event, frozen=True, gc=False, tag_field="type", tag="loyalty"):
    """Something happened in the loyalty programme."""

    kind: Literal["joined", "earned", "redeemed", "tier_up", "tier_down", "left"]


class Referral(Event, frozen=True, gc=False, tag_field="type", tag="referral"):
    """The customer recommended us to somebody."""

    referred_customer_id: Id | None = None


class Incident(Event, frozen=True, gc=False, tag_field="type", tag="incident"):
    """We failed the customer outside a delivery or a ticket."""

    kind: Literal["breach", "outage", "billing_error", "other"]
    severity: Literal["minor", "major", "critical"] = "major"


class Recovery(Event, frozen=True, gc=False, tag_field="type", tag="recovery"):
    """We made up for a failure."""

    kind: Literal["apology", "compensation"]
    amount: Amount | None = None


class Profile(Event, frozen=True, gc=False, tag_field="type", tag="profile"):
    """What is known about the customer; an absent field says nothing new."""

    segment: Segment | None = None
    tier: Literal["standard", "silver", "gold", "platinum"] | None = None
    locale: Annotated[str, Meta(min_length=2, max_length=8)] | None = None


Interaction = (
    Purchase
    | Refund
    | Delivery
    | Ticket
    | Survey
    | Review
    | Engagement
    | Subscription
    | Payment
    | Loyalty
    | Referral
    | Incident
    | Recovery
    | Profile
)

TYPES: Final[dict[str, type[Event]]] = {
    "purchase": Purchase,
    "refund": Refund,
    "delivery": Delivery,
    "ticket": Ticket,
    "survey": Survey,
    "review": Review,
    "engagement": Engagement,
    "subscription": Subscription,
    "payment": Payment,
    "loyalty": Loyalty,
    "referral": Referral,
    "incident": Incident,
    "recovery": Recovery,
    "profile": Profile,
}
"""Every interaction struct by its `type` on the wire."""
