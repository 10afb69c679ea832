"""What was known of an order at a moment: against a slow oracle, and blind to what came later."""

import random
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from schemas.interaction import Delivery, Event, Review
from stream.errors import DataError
from stream.model.dissatisfaction import OrderFacts
from stream.offline.known import facts
from stream.offline.low_review import judge
from stream.offline.orders import Orders, Reviews, collect

START = datetime(2026, 1, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def ms(number: float) -> int:
    return int(day(number).timestamp() * 1000)


def order(
    name: str, at: float, due: float, arrived: float | None, sellers: tuple[str, ...] = ("s",), items: int = 1
) -> list[Event]:
    about: dict[str, Any] = {"customer_id": f"c-{name}", "delivery_id": f"d-{name}", "order_id": name}
    events: list[Event] = [
        Delivery(
            event_id=f"{name}-promised", occurred_at=day(at), status="promised", promised_at=day(due),
            items=items, seller_ids=sellers, value=90.0, freight=10.0, **about,
        )
    ]  # fmt: skip
    if arrived is not None:
        shipped = day(at + (arrived - at) / 4)
        events.append(Delivery(event_id=f"{name}-shipped", occurred_at=shipped, status="shipped", **about))
        events.append(
            Delivery(event_id=f"{name}-arrived", occurred_at=day(arrived), status="arrived", **about)
        )
    return events


def review(name: str, asked: float, answered: float, rating: int) -> Review:
    return Review(
        event_id=f"{name}-review", customer_id=f"c-{name}", occurred_at=day(answered), rating=rating,
        order_id=name, requested_at=day(asked),
    )  # fmt: skip


def invented(n: int, seed: int) -> list[Event]:
    """A history in which late orders are rated low, and one seller in five is bad."""
    chance, events = random.Random(seed), []
    for i in range(n):
        name, at = f"o{i}", chance.uniform(0, 180)
        sellers = tuple(sorted({f"s{chance.randrange(10)}" for _ in range(chance.choice([1, 1, 2]))}))
        bad = any(int(seller[1:]) < 2 for seller in sellers)
        took = chance.expovariate(1 / (14 if bad else 8)) + 1
        arrived = at + took if chance.random() < 0.95 else None
        events += order(name, at, at + 15, arrived, sellers, chance.choice([1, 1, 3]))
        asked = at + min(took + 1, 18)
        unhappy = chance.random() < (0.7 if took > 15 else 0.3 if bad else 0.1)
        events.append(review(name, asked, asked + chance.uniform(0.1, 10), 1 if unhappy else 5))
    return events


def known(events: list[Event], name: str, at: float) -> dict[str, float]:
    """The facts of one order at one moment."""
    orders, reviews = collect(events)
    found = facts(
        orders, reviews, reviews.rating <= 2, np.array([orders.ids.index(name)]), np.array([ms(at)])
    )
    return {each.name: float(getattr(found, each.name)[0]) for each in fields(OrderFacts)}


def test_facts_of_an_order_are_those_of_its_story() -> None:
    """Promised on day 0 for day 10, shipped on day 3, there on day 12; asked on day 5, 11 and 14."""
    story = order("a", 0, 10, 12, items=2, sellers=("s", "t"))
    early, due, late = (known(story, "a", at) for at in (5, 11, 14))
    assert (early["arrived"], early["shipped"], early["overdue_days"]) == (0, 1, -5)
    assert (early["handling_days"], early["transit_days"], early["lead_days"]) == (3, 2, 5)
    assert (due["arrived"], due["overdue_days"]) == (0, 1)
    assert (late["arrived"], late["overdue_days"], late["lead_days"]) == (1, 2, 12)
    assert (late["items"], late["sellers"], late["value"], late["freight_share"]) == (2, 2, 90, 0.1)


def test_seller_history_is_that_of_a_slow_count() -> None:
    """Low reviews before the moment, shrunk by ten cases of the common rate; of several sellers the worst."""
    events = invented(150, seed=3)
    orders, reviews = collect(events)
    low = reviews.rating <= 2
    found = facts(orders, reviews, low, reviews.order, reviews.asked_ms)
    sellers = {
        e.order_id: set(e.seller_ids or ()) for e in events if isinstance(e, Delivery) and e.seller_ids
    }
    for i in range(0, len(reviews.ids), 7):
        at, mine = reviews.asked_ms[i], sellers[orders.ids[reviews.order[i]]]
        past = [j for j in range(len(reviews.ids)) if reviews.answered_ms[j] < at]
        common = (sum(bool(low[j]) for j in past) + 0.3) / (len(past) + 2)
        rates, counts = [], []
        for seller in mine:
            his = [j for j in past if seller in sellers[orders.ids[reviews.order[j]]]]
            rates.append((sum(bool(low[j]) for j in his) + 10 * common) / (len(his) + 10))
            counts.append(len(his))
        assert found.seller_low[i] == pytest.approx(np.log(max(rates) / (1 - max(rates))))
        assert found.seller_answers[i] == min(counts)
        assert found.sellers[i] == len(mine)


def later(at: float, delivery: str, status: Any, **more: Any) -> Delivery:
    return Delivery(
        event_id="planted", customer_id="c", occurred_at=day(at), delivery_id=delivery, status=status, **more
    )


LATER = {
    "arrival": (later(5, "d-a", "arrived"), True),
    "failure": (later(6, "d-a", "failed"), True),
    "arrival of the seller's other order": (later(5, "d-b", "arrived"), True),
    "review of the seller's other order": (replace(review("b", 2, 5, 1), event_id="planted"), True),
    "other contents": (later(5, "d-a", "shipped", items=9, seller_ids=("x",), value=1.0, freight=1.0), True),
    "second parcel": (later(5, "d-2", "promised", promised_at=day(5.5), order_id="a", items=4), False),
    "new promise": (later(7, "d-a", "promised", promised_at=day(1), order_id="a"), False),
}
"""What happens on day 5 or later, and whether it says anything new by day 8."""


@pytest.mark.parametrize("name", LATER)
def test_what_happens_from_the_moment_of_asking_on_is_not_known(name: str) -> None:
    """Planted on the very moment or later, it changes nothing; asked afterwards, it does where it should."""
    planted, matters = LATER[name]
    past = [*order("a", 0, 10, None), *order("b", 0, 4, None), review("b", 1, 2, 5)]
    assert known([*past, planted], "a", 5) == known(past, "a", 5)
    assert (known([*past, planted], "a", 8) != known(past, "a", 8)) == matters


def test_facts_do_not_depend_on_order_or_repetition_of_events() -> None:
    """Columns are the same however the history is shuffled and doubled."""
    events = invented(60, seed=5)
    shuffled = [*events, *events[::3]]
    random.Random(1).shuffle(shuffled)
    tables: zip[tuple[Any, Any]] = zip(collect(events), collect(shuffled), strict=True)
    for one, other in tables:
        for each in fields(one):
            assert np.array_equal(getattr(one, each.name), getattr(other, each.name)), each.name


def test_month_is_foretold_from_what_was_answered_before_it() -> None:
    """What is planted after a month's start leaves its forecasts as they were; what comes before does not."""
    events, more = invented(2_000, seed=7), invented(300, seed=8)
    was = _forecasts(events, 105)
    future = [_renamed(event, "future") for event in more if event.occurred_at >= day(105)]
    late = [*order("late", 85, 89, 120.0), review("late", 89, 106, 1)]
    assert len(future) > 100
    assert _forecasts([*events, *future, *late], 105) == was
    past = [_renamed(event, "past") for event in more if event.occurred_at < day(85)]
    assert _forecasts([*events, *past], 105) != was


def test_answer_within_the_month_is_known_to_later_questions_alone() -> None:
    """Two hundred low answers on day 95: whoever was asked before is foretold as if there were none."""
    events = invented(2_000, seed=7)
    planted = [
        event
        for i in range(200)
        for event in (*order(f"p{i}", 70, 89, None, ("s5",)), review(f"p{i}", 81, 95, 1))
    ]
    was, now = _forecasts(events, 95), _forecasts([*events, *planted], 95)
    assert {name: now[name] for name in was} == was
    assert _forecasts([*events, *planted], 105) != _forecasts(events, 105)


def _forecasts(events: list[Event], until: float) -> dict[str, float]:
    """For reviews asked from day 90 to another, fitted once, by review."""
    orders, reviews = collect(events)
    verdict = judge(orders, reviews, ms(90), ms(until))
    found = zip(verdict.at.tolist(), verdict.probability.tolist(), strict=True)
    return {reviews.ids[at]: p for at, p in found if reviews.ids[at].startswith("o")}


def _renamed(event: Any, name: str) -> Event:
    fields = ("event_id", "customer_id", "order_id", "delivery_id")
    new = {field: f"{name}-{getattr(event, field)}" for field in fields if hasattr(event, field)}
    renamed: Event = replace(event, **new)
    return renamed


def test_lateness_and_sellers_are_learnt() -> None:
    """On invented orders whose truth is known the model ranks better than days overdue, and is calibrated."""
    verdict = judge(*collect(invented(4_000, seed=11)), ms(60), ms(180))
    assert verdict.gain[0] > 0.02
    assert verdict.gain[1] > 0.01
    assert verdict.models["kizuna"].brier < verdict.models["base_rate"].brier - 0.01
    assert verdict.models["kizuna"].ece < 0.04


def test_among_learns_and_judges_a_part_but_knows_all_sellers() -> None:
    """Half of the reviews: as many are judged, and the other half still tells about the sellers."""
    orders, reviews = collect(invented(4_000, seed=9))
    half = np.arange(len(reviews.ids)) % 2 == 0
    part = judge(orders, reviews, ms(90), ms(120), half)
    whole = judge(orders, reviews, ms(90), ms(120))
    assert part.n < whole.n
    assert half[part.at].all()
    assert set(part.at) == {at for at in whole.at.tolist() if half[at]}
    seen = facts(orders, reviews, reviews.rating <= 2, reviews.order[part.at], reviews.asked_ms[part.at])
    assert seen.seller_answers.max() > half.sum() / 10  # more than the half has of any of ten sellers


def test_history_without_contents_is_judged_by_its_deliveries() -> None:
    """Nobody says what is in a parcel: nothing is left out, and the other facts do the work."""
    events = [
        replace(event, items=None, seller_ids=None, value=None, freight=None)
        if isinstance(event, Delivery)
        else event
        for event in invented(3_000, seed=9)
    ]
    verdict = judge(*collect(events), ms(90), ms(180))
    assert "contents_unknown" not in verdict.n_left_out
    assert verdict.models["kizuna"].auc > 0.6


def test_too_short_a_history_says_what_is_missing() -> None:
    """Ten reviews teach nothing: the error counts them."""
    with pytest.raises(DataError, match="10 reviews of promised deliveries"):
        judge(*collect(invented(10, seed=1)), None, None)


def test_reviews_without_delivery_are_counted() -> None:
    """A review of an unknown order, or of none, is left out, and counted."""
    events = [
        *invented(2_000, seed=7),
        review("nowhere", 1, 2, 1),
        replace(review("o1", 1, 2, 1), order_id=None, event_id="n"),
    ]
    orders, reviews = collect(events)
    assert reviews.n_unplaced == 2
    assert judge(orders, reviews, ms(90), None).n_left_out["no_delivery"] == 2


def test_orders_and_reviews_have_one_length_each() -> None:
    """Every column of a table is as long as its ids."""
    orders, reviews = collect(invented(30, seed=2))
    apart = {"pair_order", "pair_seller"}
    table: Orders | Reviews
    for table in (orders, reviews):
        for each in fields(table):
            column = getattr(table, each.name)
            if each.name not in apart and not isinstance(column, int):
                assert len(column) == len(table.ids)
