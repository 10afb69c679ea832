"""What became of whom: by purchases, by contracts, and by nothing from after the time it is asked of."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.interaction import Engagement, Interaction, Purchase, Subscription
from stream.model.columns import MS_PER_DAY
from stream.offline.timeline import Outcome, Timeline, outcome, read_timeline
from stream.pipeline import FileRecord

START = datetime(2025, 1, 1, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
NOW_MS = START_MS + 3_000 * MS_PER_DAY
ORIGIN, HORIZON = 100, 30


def _at(day: float) -> datetime:
    return START + timedelta(days=day)


def buys(customer: str, day: float) -> Purchase:
    return Purchase(f"p{day}", customer, _at(day), amount=1.0, currency="EUR")


def step(customer: str, day: float, status: str, term_end: float | None = None) -> Subscription:
    end = None if term_end is None else _at(term_end)
    return Subscription(f"{status}{day}", customer, _at(day), "s", status, end)  # type: ignore[arg-type]  # any text


def records(events: list[Interaction]) -> list[FileRecord]:
    return [
        FileRecord("f", 0, i, round(e.occurred_at.timestamp() * 1000), e.customer_id.encode(), encode(e))
        for i, e in enumerate(events)
    ]


def timeline(events: list[Interaction]) -> Timeline:
    return read_timeline(records(events), NOW_MS)


def judge(events: list[Interaction]) -> dict[str, bool]:
    """Whether each judged customer left in the 30 days after day 100."""
    told = timeline(events)
    found = _outcome(told)
    return {
        key.decode(): bool(left)
        for key, judged, left in zip(told.keys, found.judged, found.churned, strict=True)
        if judged
    }


def _outcome(told: Timeline) -> Outcome:
    return outcome(told, START_MS + ORIGIN * MS_PER_DAY, HORIZON * MS_PER_DAY)


def test_whoever_buys_in_the_horizon_stayed() -> None:
    """It begins after the origin and ends with its last moment; the unknown are not judged."""
    events: list[Interaction] = []
    cases: dict[str, list[float]] = {
        "silent": [50],
        "at_origin": [100],
        "first_moment": [50, 100.001],
        "last_moment": [50, 130],
        "too_late": [50, 130.001],
        "newcomer": [110],
    }
    for name, days in cases.items():
        events += [buys(name, day) for day in days]
    assert judge(events) == {
        "silent": True,
        "at_origin": True,
        "first_moment": False,
        "last_moment": False,
        "too_late": True,
    }


def test_contracts_leave_when_they_end_or_are_not_renewed() -> None:
    """Cancelled, expired, or a term that ran out by the end of the horizon; a renewal undoes each."""
    cases: dict[str, list[tuple[float, str, float | None]]] = {
        "runs_on": [(10, "started", None)],
        "long_term": [(10, "started", 400)],
        "cancelled": [(10, "started", None), (120, "cancelled", None)],
        "won_back": [(10, "started", None), (110, "cancelled", None), (120, "started", None)],
        "ran_out": [(10, "started", 115)],
        "renewed": [(10, "started", 115), (116, "renewed", 146)],
        "renewed_without_term": [(10, "started", 115), (116, "renewed", None)],
        "asked_only": [(10, "started", None), (105, "cancel_requested", None)],
        "ended_later": [(10, "started", None), (140, "expired", None)],
        "over_before": [(10, "started", None), (90, "cancelled", None)],
        "renews_two_days_late": [(10, "started", 40), (42, "renewed", 400)],  # so much grace has the others
        "lapsed_long_ago": [(10, "started", ORIGIN - 20)],
        "lapsed_just_now": [(10, "started", ORIGIN - 0.5)],
    }
    events: list[Interaction] = [step(name, *each) for name, steps in cases.items() for each in steps]
    assert judge(events) == {
        "runs_on": False,
        "long_term": False,
        "cancelled": True,
        "won_back": False,
        "ran_out": True,
        "renewed": False,
        "renewed_without_term": False,
        "asked_only": False,
        "ended_later": False,
        "renews_two_days_late": False,
        "lapsed_just_now": True,
    }
    assert _outcome(timeline(events)).n_over == 2


def test_where_no_renewal_is_ever_told_a_term_that_ran_out_is_no_end() -> None:
    """A table of customers names one term and no renewal: only the ends it tells count, duplicates or not."""
    events: list[Interaction] = [
        step("stays", 10, "started", 60),
        step("stays", 10, "started", 60),
        step("leaves", 10, "started", 115),
        step("leaves", 120, "cancelled"),
    ]
    assert judge(events) == {"stays": False, "leaves": True}
    told = [*events, step("other", 10, "started", 40), step("other", 40, "renewed", 400)]
    assert judge(told) == {"leaves": True, "other": False}


def test_a_contract_outweighs_purchases() -> None:
    """Whoever has a contract is judged by it, as the live score does; one signed later changes nothing."""
    events: list[Interaction] = [
        buys("both", 50),
        step("both", 20, "started"),
        buys("signs_later", 50),
        step("signs_later", 110, "started"),
    ]
    assert judge(events) == {"both": False, "signs_later": True}


Steps = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 200),
    st.sampled_from(["purchase", "started", "renewed", "cancelled", "expired", "cancel_requested"]),
    st.one_of(st.none(), st.integers(0, 300)),
)


def _events(drawn: list[tuple[str, int, str, int | None]]) -> list[Interaction]:
    return [
        buys(customer, day) if what == "purchase" else step(customer, day, what, end)
        for customer, day, what, end in drawn
    ]


@given(st.lists(Steps, max_size=25), st.randoms(use_true_random=False))
def test_outcomes_do_not_depend_on_order_or_duplicates(
    drawn: list[tuple[str, int, str, int | None]], chance: object
) -> None:
    """The same lines in any order, some of them twice, judge everybody alike."""
    again = drawn + drawn[::2]
    chance.shuffle(again)  # type: ignore[attr-defined]  # Hypothesis' own Random
    assert judge(_events(drawn)) == judge(_events(again))


@given(st.lists(Steps, max_size=25))
def test_who_is_judged_is_known_at_the_origin(drawn: list[tuple[str, int, str, int | None]]) -> None:
    """Without every later line the same customers are judged."""
    before = [each for each in drawn if each[1] <= ORIGIN]
    assert judge(_events(drawn)).keys() == judge(_events(before)).keys()


def test_lines_that_are_no_interactions_are_counted_with_their_cause() -> None:
    """They name their line and fault; what else there is is read."""
    lines = [
        *records([buys("a", 1)]),
        FileRecord("f", 0, 7, -1, b"", b"{"),
        FileRecord("f", 0, 8, -1, b"x", b"[]"),
    ]
    told = read_timeline(lines, NOW_MS)
    assert told.n_events == len(told.bought_ms) == 1
    assert told.causes.total() == 2
    assert [line for line, _cause, _detail in told.refused] == [7, 8]


def test_other_events_tell_how_long_the_data_is() -> None:
    """A visit is no purchase, but the data goes on to its day."""
    told = timeline([buys("a", 1), Engagement("v", "a", _at(9), "visit")])
    assert told.last_ms == START_MS + 9 * MS_PER_DAY
    assert told.first_ms == START_MS + MS_PER_DAY
    assert len(told.bought_ms) == 1


@pytest.mark.parametrize("events", [[], [Engagement("v", "a", _at(9), "visit")]])
def test_a_file_without_purchases_is_read(events: list[Interaction]) -> None:
    """Nobody is judged, and nothing fails."""
    assert judge(events) == {}
