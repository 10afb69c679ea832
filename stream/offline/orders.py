"""Orders and their reviews out of a history, as columns.

Conventions:
    times are int64 epoch ms; `NEVER` where something did not happen.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from schemas.interaction import Delivery, Event, Review
from stream.model.columns import Floats, Ints
from stream.pipeline.times import to_ms

__all__ = ["NEVER", "Orders", "Reviews", "collect"]

NEVER = np.iinfo(np.int64).max
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CONTENTS = ("items", "seller_ids", "value", "freight")


@dataclass(slots=True)
class Orders:
    """n orders, as columns.

    Attributes:
        ids: order id, or that of the delivery if it names no order.
        ordered_ms: when the delivery was promised.
        due_ms: until when.
        shipped_ms: handed to the carrier.
        arrived_ms: arrived.
        failed_ms: given up.
        contents_ms: when items and sellers were known.
        priced_ms: when value and freight were known.
        items: how many, 1 where not known.
        value: what they cost, 0 where not known.
        freight: what the transport costs, 0 where not known.
        pair_order: order of each (order, seller).
        pair_seller: seller of each (order, seller), a number from 0.
    """

    ids: list[str]
    ordered_ms: Ints
    due_ms: Ints
    shipped_ms: Ints
    arrived_ms: Ints
    failed_ms: Ints
    contents_ms: Ints
    priced_ms: Ints
    items: Floats
    value: Floats
    freight: Floats
    pair_order: Ints
    pair_seller: Ints


@dataclass(slots=True)
class Reviews:
    """m reviews of orders, by the time of asking, then by id.

    Attributes:
        ids: event ids.
        customers: who answered.
        order: index into `Orders`.
        asked_ms: when the customer was asked; the time of the answer if that is not known.
        answered_ms: when the rating was known.
        rating: 1-5.
        n_unplaced: reviews that belong to no promised delivery, left out.
        n_asked_unknown: reviews that do not say when they were asked for.
    """

    ids: list[str]
    customers: list[str]
    order: Ints
    asked_ms: Ints
    answered_ms: Ints
    rating: Ints
    n_unplaced: int
    n_asked_unknown: int


@dataclass(slots=True)
class _Order:
    """The first word on each fact: (when, event id, what); the same in any order of arrival."""

    said: dict[str, tuple[int, str, Any]] = field(default_factory=dict)

    def say(self, name: str, at: int, event_id: str, what: object) -> None:
        word = (at, event_id, what)
        known = self.said.get(name)
        if known is None or word[:2] < known[:2]:
            self.said[name] = word

    def time(self, name: str) -> int:
        return self.said[name][0] if name in self.said else int(NEVER)

    def what(self, name: str, otherwise: Any) -> Any:  # noqa: ANN401 (of the field's own type)
        return self.said[name][2] if name in self.said else otherwise


def collect(events: Iterable[Event]) -> tuple[Orders, Reviews]:
    """Orders that were promised, and reviews of them. Order and repetition of events change nothing.

    An order in several deliveries counts as the one promised first: nothing later can change that.
    """
    deliveries: dict[str, _Order] = {}
    of_order: dict[str, set[str]] = {}
    reviews: dict[tuple[str, str], Review] = {}
    for event in events:
        if isinstance(event, Delivery):
            at = to_ms(event.occurred_at)
            order = deliveries.setdefault(event.delivery_id, _Order())
            order.say(event.status, at, event.event_id, event.promised_at)
            for name in CONTENTS:
                if (value := getattr(event, name)) is not None:
                    order.say(name, at, event.event_id, value)
            if event.order_id is not None:
                of_order.setdefault(event.order_id, set()).add(event.delivery_id)
        elif isinstance(event, Review):
            reviews.setdefault((event.customer_id, event.event_id), event)
    chosen = {
        name: min(several, key=lambda each: (deliveries[each].time("promised"), each))
        for name, several in of_order.items()
    }
    ordered = {each for several in of_order.values() for each in several}
    named = {each: each for each in deliveries if each not in ordered}
    named |= {delivery: name for name, delivery in chosen.items()}
    kept = sorted((name, each) for each, name in named.items() if "promised" in deliveries[each].said)
    orders = _columns([name for name, _ in kept], [deliveries[each] for _, each in kept])
    return orders, _reviews(reviews.values(), {name: i for i, (name, _) in enumerate(kept)})


def _columns(ids: list[str], orders: list[_Order]) -> Orders:
    sellers: dict[str, int] = {}
    pairs = [
        (i, sellers.setdefault(seller, len(sellers)))
        for i, order in enumerate(orders)
        for seller in sorted(set(order.what("seller_ids", ())))
    ]
    found = np.array(pairs, np.int64).reshape(-1, 2)

    def times(name: str) -> Ints:
        return np.array([order.time(name) for order in orders], np.int64)

    def numbers(name: str, otherwise: float) -> Floats:
        return np.array([order.what(name, otherwise) for order in orders], np.float64)

    return Orders(
        ids=ids,
        ordered_ms=times("promised"),
        due_ms=np.array([to_ms(order.what("promised", EPOCH)) for order in orders], np.int64),
        shipped_ms=times("shipped"),
        arrived_ms=times("arrived"),
        failed_ms=times("failed"),
        contents_ms=np.maximum(times("items"), times("seller_ids")),
        priced_ms=np.maximum(times("value"), times("freight")),
        items=numbers("items", 1.0),
        value=numbers("value", 0.0),
        freight=numbers("freight", 0.0),
        pair_order=found[:, 0],
        pair_seller=found[:, 1],
    )


def _reviews(reviews: Iterable[Review], place: dict[str, int]) -> Reviews:
    found = [
        (to_ms(min(review.requested_at or review.occurred_at, review.occurred_at)), review.event_id, review)
        for review in reviews
    ]
    found.sort(key=lambda each: each[:2])
    placed = [each for each in found if each[2].order_id in place]
    return Reviews(
        ids=[event_id for _, event_id, _ in placed],
        customers=[review.customer_id for _, _, review in placed],
        order=np.array([place[review.order_id or ""] for _, _, review in placed], np.int64),
        asked_ms=np.array([asked for asked, _, _ in placed], np.int64),
        answered_ms=np.array([to_ms(review.occurred_at) for _, _, review in placed], np.int64),
        rating=np.array([review.rating for _, _, review in placed], np.int64),
        n_unplaced=len(found) - len(placed),
        n_asked_unknown=sum(review.requested_at is None for _, _, review in placed),
    )
