"""The contract panel: what live state knows, nothing after its day, and who left."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_interaction, encode
from schemas.interaction import Interaction, Purchase, Subscription
from stream.alerts import rules
from stream.model import parameters
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.offline.contract_panel import (
    ContractPanel,
    contract_panel_of,
    end_of,
    outcomes,
    read_contract_panel,
)
from stream.pipeline import Pipeline
from stream.state.facts import facts
from tests.lives import DAY_0, at
from tests.strategies import END_MS, START_MS, Body, bodies, iso, records

SHIPPED, RULES = parameters.load(), rules.load()
FIRST_DAY = (START_MS - EPOCH_1990_MS) // MS_PER_DAY


def events_of(history: list[Body]) -> list[Interaction]:
    return [decode_interaction(record.value or b"") for record in records(history)]


@given(history=bodies(max_size=60, customers=4), day=st.integers(-35, 125))
def test_panel_knows_what_the_live_state_knows(history: list[Body], day: int) -> None:
    """Contracts and every fact of the risk on a day, from the events in any order, duplicates included."""
    origin = FIRST_DAY + day
    panel = contract_panel_of([*events_of(history), *events_of(history[::3])][::-1])
    until = [body for body in history if body["occurred_at"] <= iso(end_of(origin))]
    pipeline = Pipeline(SHIPPED, RULES, "wall")
    table = pipeline.new_table()
    pipeline.step(table, records(until), END_MS)
    names = {key: i for i, key in enumerate(panel.keys)}
    ((customers, known),) = panel.facts([origin], SHIPPED)
    state = panel.state(origin)
    live = {key.decode(): row for row, key in enumerate(table.key_list(table.live(0, table.n_rows)))}
    assert {panel.keys[i] for i in customers.tolist()} == set(live) & set(names)
    for place, customer in enumerate(customers.tolist()):
        rows = np.array([live[panel.keys[customer]]])
        expected = facts(table, rows, end_of(origin), SHIPPED)
        of_panel = known.of(np.array([place]))
        for name in type(expected.risk).__slots__:
            assert getattr(of_panel.risk, name)[0] == pytest.approx(getattr(expected.risk, name)[0]), name
        assert of_panel.negative == pytest.approx(expected.negative)
        for name in state._fields:
            assert getattr(state, name)[customer] == table.rows[name][rows[0]], name


@given(history=bodies(max_size=40, types=("subscription", "payment")), day=st.integers(0, 100))
def test_a_future_record_changes_nothing(history: list[Body], day: int) -> None:
    """Whatever happens after the end of the horizon, facts on the origin and outcomes are the same."""
    origin, horizon = FIRST_DAY + day, 20
    known = events_of([b for b in history if b["occurred_at"] <= iso(end_of(origin + horizon))])
    later = at(origin + horizon + 1.01)
    planted = [
        Subscription(f"late-{status}-{who}", who, later, "s", status, later + timedelta(days=9))
        for who in {event.customer_id for event in known}
        for status in ("started", "renewed", "cancelled")
    ]
    before, after = contract_panel_of(known), contract_panel_of([*planted, *known])
    if not known:
        return
    assert told(before, origin, horizon) == told(after, origin, horizon)


def told(panel: ContractPanel, origin: int, horizon: int) -> dict[str, bool]:
    customers, ended, _ = outcomes(panel, origin, horizon)
    return {panel.keys[i]: e for i, e in zip(customers.tolist(), ended.tolist(), strict=True)}


def step(status: str, day: float, term_end: float | None = None, who: str = "c") -> Subscription:
    """A step of a contract, times in days after `DAY_0`."""
    end = None if term_end is None else at(DAY_0 + term_end)
    return Subscription(f"{status}-{day}", who, at(DAY_0 + day), "s", status, end)  # type: ignore[arg-type]  # one of the five


RENEWING = [step("started", -90, -60, "other"), step("renewed", -60, 300, "other")]


@pytest.mark.parametrize(
    ("history", "ended"),
    [
        ([step("started", -40)], False),
        ([step("started", -40), step("cancelled", 30)], True),
        ([step("started", -40), step("expired", 1)], True),
        ([step("started", -40), step("cancelled", 31.5)], False),
        ([step("started", -40), step("cancelled", 9), step("started", 20)], False),
        ([step("started", -40), step("cancel_requested", 9)], False),
        ([step("started", -40, 20)], True),
        ([step("started", -40, 20), step("renewed", 20, 60)], False),
        ([step("started", -40, 20), step("renewed", 21)], False),
        ([step("started", -40, 45)], False),
        ([step("cancel_requested", -3), step("cancelled", 8)], True),
    ],
)
def test_what_counts_as_ended(history: list[Interaction], ended: bool) -> None:
    """Cancelled, expired, or a term that nobody renewed, in (O, O + h]; neither a request nor a win-back."""
    panel = contract_panel_of([*RENEWING, *history])
    assert told(panel, DAY_0, 30) == {"other": False, "c": ended}


@pytest.mark.parametrize(
    "history",
    [
        [step("started", -40), step("cancelled", -1)],
        [step("started", -40, -10)],
        [step("started", 2)],
        [step("expired", -4)],
    ],
)
def test_who_has_no_contract_on_the_origin_is_not_asked(history: list[Interaction]) -> None:
    """Ended before, over before, begun after, or never seen to begin."""
    assert told(contract_panel_of([*RENEWING, *history]), DAY_0, 30) == {"other": False}


def test_where_nobody_renews_a_past_term_is_no_end() -> None:
    """A table of customers names the term of the start and no renewal: only ends that are told count."""
    history = [step("started", -40, 20, "a"), step("started", -40, 20, "b"), step("cancelled", 9, None, "b")]
    assert told(contract_panel_of(history), DAY_0, 30) == {"a": False, "b": True}


def test_late_renewals_lengthen_the_grace() -> None:
    """Where renewals come up to a week after the end of a term, a term is not over before that."""
    history: list[Interaction] = []
    for i in range(40):
        late = 7.0 * i / 39.0
        history += [step("started", -90, -60, f"r{i}"), step("renewed", -60 + late, 300, f"r{i}")]
    again, grace = contract_panel_of(history).renewals(DAY_0)
    assert again == 40
    assert grace == pytest.approx(6.7, abs=0.2)
    assert told(contract_panel_of([*history, step("started", -9, 25)]), DAY_0, 30)["c"] is False


def test_an_outcome_is_known_once_the_panel_reaches_it() -> None:
    """The last event of anybody says how far the outcomes are known."""
    short = contract_panel_of([step("started", -40), step("started", 29, None, "b")])
    long = contract_panel_of(
        [step("started", -40), Purchase("p", "buyer", at(DAY_0 + 30.5), amount=1.0, currency="EUR")]
    )
    assert not outcomes(short, DAY_0, 30).known.any()
    assert outcomes(long, DAY_0, 30).known.all()
    assert long.keys == ["c"]


def test_a_file_gives_the_panel_of_its_events(tmp_path: Path) -> None:
    """Read twice, or once for customers who are known; bad lines and other customers are left out."""
    history: list[Interaction] = [
        *RENEWING,
        step("started", -40, 20),
        Purchase("p", "buyer", at(DAY_0 + 90), amount=1.0, currency="EUR"),
    ]
    path = tmp_path / "events.jsonl"
    lines = [encode(event) for event in history]
    path.write_bytes(b"\n".join([*lines[:2], b'{"type": "subscription"', *lines[2:], lines[0]]))
    expected = contract_panel_of(history)
    lines_seen: list[int] = []
    for customers in (None, ["other", "c"]):
        panel = read_contract_panel(path, now_ms=END_MS, customers=customers, on_progress=lines_seen.append)
        assert panel.keys == expected.keys
        assert panel.last_day == expected.last_day == DAY_0 + 90
        assert panel.events.events == expected.events.events
        assert panel.term_end_s.tolist() == expected.term_end_s.tolist()
    assert lines_seen[-1] == 6


def test_an_empty_panel_answers() -> None:
    """No event, no contract: nobody is asked, nothing is known."""
    panel = contract_panel_of([])
    assert (panel.keys, panel.last_day) == ([], -1)
    assert len(outcomes(panel, DAY_0, 30).customers) == 0
    assert panel.renewals(DAY_0) == (0, 1.0)
