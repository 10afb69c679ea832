"""A panel is what the live state would say: the same days, sums and ages, from the same file."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_interaction, encode
from stream.alerts import rules
from stream.errors import DataError
from stream.model import parameters
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.offline import history
from stream.offline.generate import generate
from stream.offline.panel import Panel, day_of, panel_of, read_panel
from stream.pipeline import Pipeline
from stream.state.facts import facts

END_MS = 1_767_225_600_000
HISTORY = generate(150, 200, seed=3, end_ms=END_MS)
START = datetime(2025, 1, 1, 12, tzinfo=UTC)
DAY_0 = day_of(int(START.timestamp() * 1000))


def purchase(customer: str, day: float, amount: float = 10.0, event_id: str = "", **more: Any) -> bytes:
    body = {
        "type": "purchase",
        "event_id": event_id or f"{customer}-{day}-{amount}",
        "customer_id": customer,
        "occurred_at": (START + timedelta(days=day)).isoformat(),
        "amount": amount,
        "currency": "EUR",
    }
    return json.dumps(body | more).encode()


def read(tmp_path: Path, *lines: bytes) -> Panel:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return read_panel(path, now_ms=END_MS)


def test_panel_is_what_the_live_state_says(tmp_path: Path) -> None:
    """On several days, every fact of every buyer equals the one that the worker would score with."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(encode(event) + b"\n" for event in HISTORY.events))
    panel = read_panel(path, now_ms=END_MS)
    pipeline = Pipeline(parameters.load(), rules.load())
    for day in np.linspace(panel.first_day, panel.last_day, 5).astype(int).tolist():
        end_ms = EPOCH_1990_MS + (day + 1) * MS_PER_DAY
        known = [record for record in history.read(path) if record.timestamp < end_ms]
        table = pipeline.new_table()
        pipeline.step(table, known, END_MS)
        rows = table.live(0, table.n_rows)
        live = facts(table, rows, end_ms, pipeline.parameters).risk
        there = np.flatnonzero(live.purchase_days > 0)
        keys = [table.key_list(rows)[i].decode() for i in there.tolist()]
        order = np.argsort(keys)
        found = panel.at(day)
        mine = np.argsort([panel.keys[i] for i in found.customer.tolist()])
        assert [panel.keys[i] for i in found.customer[mine].tolist()] == [keys[i] for i in order.tolist()]
        chosen = there[order]
        assert (found.n_days[mine] == live.purchase_days[chosen]).all()
        assert (found.T[mine] == day - live.first_day[chosen]).all()
        assert (found.recency[mine] == day - live.last_day[chosen]).all()
        assert (found.contractual[mine] == live.contractual[chosen]).all()
        amount = table.rows["amount_e4"][rows[chosen]]
        assert (np.rint(found.amount[mine] * 1e4) == amount).all()
        assert (found.x == found.n_days - 1).all()
        assert (found.t_x + found.recency == found.T).all()


def test_panel_of_events_is_that_of_their_file(tmp_path: Path) -> None:
    """Decoded before or read from the file, the same arrays."""
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"".join(encode(event) + b"\n" for event in HISTORY.events))
    one, other = read_panel(path, now_ms=END_MS), panel_of(HISTORY.events)
    assert one.keys == other.keys
    for name in ("customer", "day", "amount_e4", "contract_from"):
        assert (getattr(one, name) == getattr(other, name)).all()
    assert one.reading == other.reading


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(0, 3)), max_size=30),
    st.integers(-1, 31),
    st.randoms(),
)
def test_later_records_and_their_order_change_nothing(
    bought: list[tuple[str, int, int]], until: int, chance: Any
) -> None:
    """What is known on a day is the same without the records after it, however the file is ordered."""
    lines = [purchase(who, day, amount) for who, day, amount in bought]
    # Whoever reuses an id later, in a record that was never due to be seen, hides nothing.
    lines += [purchase(who, day + 40, 9.0, event_id=f"{who}-{day}-{amount}") for who, day, amount in bought]
    early = [purchase(who, day, amount) for who, day, amount in bought if day <= until]
    chance.shuffle(lines)
    whole, part = (panel_of(map(decode_interaction, each)) for each in (lines, early))
    left, right = whole.at(DAY_0 + until), part.at(DAY_0 + until)
    by_name = [
        {panel.keys[c]: i for i, c in enumerate(f.customer)} for panel, f in ((whole, left), (part, right))
    ]
    assert by_name[0].keys() == by_name[1].keys()
    for who, i in by_name[0].items():
        for name in ("n_days", "x", "t_x", "T", "recency", "amount", "first_amount"):
            assert getattr(left, name)[i] == getattr(right, name)[by_name[1][who]], name


def test_days_sums_and_duplicates_by_hand(tmp_path: Path) -> None:
    """Same-day purchases merge, a repeated id counts once, labels are what comes after."""
    panel = read(
        tmp_path,
        purchase("a", 0, 5.0),
        purchase("a", 0.2, 7.0),
        purchase("b", 3, 1.0),
        purchase("a", 10, 2.5),
        purchase("a", 10, 2.5),
        purchase("b", 50, 1.0),
    )
    known = panel.at(DAY_0 + 12)
    assert [panel.keys[i] for i in known.customer] == ["a", "b"]
    assert known.x.tolist() == [1.0, 0.0]
    assert known.t_x.tolist() == [10.0, 0.0]
    assert known.T.tolist() == [12.0, 9.0]
    assert known.amount.tolist() == [14.5, 1.0]
    assert known.first_amount.tolist() == [12.0, 1.0]
    assert panel.buyers(DAY_0 + 12, DAY_0 + 49).tolist() == [False, False]
    assert panel.buyers(DAY_0 + 12, DAY_0 + 50).tolist() == [False, True]
    assert panel.reading.n_duplicates == 1
    assert panel.reading.n_purchases == 5
    assert len(panel.at(DAY_0 - 1)) == 0


def test_bad_lines_are_counted_by_cause_and_named(tmp_path: Path) -> None:
    """Returns as negative amounts, infinities, dates outside 1990-2100 and noise: counted, never fatal."""
    panel = read(
        tmp_path,
        purchase("a", 0),
        purchase("a", 1, -4.0),
        b'{"type": "purchase", "amount": NaN}',
        purchase("a", 2).replace(b"10.0", b"1e999"),
        purchase("a", 3, occurred_at="1969-12-31T10:00:00Z"),
        purchase("a", 4, occurred_at="2099-01-01T10:00:00Z"),
        purchase("a", 5, occurred_at="2025-01-01T10:00:00"),
        b'{"type": "teleport", "customer_id": "a", "event_id": "1", "occurred_at": "2025-01-01T00:00:00Z"}',
        b"\xff\xfe",
    )
    assert panel.reading.n_lines == 9
    assert panel.reading.n_purchases == 1
    assert panel.reading.causes == Counter(
        invalid_field=3, invalid_json=2, too_old=1, too_future=1, unknown_type=1
    )
    assert [(bad.line, bad.cause) for bad in panel.reading.first_bad] == [
        (2, "invalid_field"),
        (3, "invalid_json"),
        (4, "invalid_field"),
    ]


def test_currencies_are_counted_and_mixed_customers_named(tmp_path: Path) -> None:
    """Sums are of bare numbers, and the account says in how many currencies, and for how many customers."""
    panel = read(
        tmp_path, purchase("a", 0), purchase("a", 1, currency="USD"), purchase("b", 1), purchase("c", 1)
    )
    assert panel.reading.currencies == Counter(EUR=3, USD=1)
    assert panel.reading.n_mixed == 1
    assert panel.at(DAY_0 + 2).amount.tolist() == [20.0, 10.0, 10.0]


def test_empty_file_is_an_empty_panel(tmp_path: Path) -> None:
    """No line, no customer, no day; and a missing file says what to give."""
    panel = read(tmp_path)
    assert panel.keys == []
    assert len(panel.at(20_000)) == 0
    assert panel.last_day < panel.first_day
    with pytest.raises(DataError, match=r"absent\.jsonl"):
        read_panel(tmp_path / "absent.jsonl", now_ms=END_MS)


def test_subscriber_is_contractual_from_the_first_subscription_event_on(tmp_path: Path) -> None:
    """Before it a customer is a buyer like any other, as in the live state at that time."""
    contract = json.dumps(
        {
            "type": "subscription",
            "event_id": "s",
            "customer_id": "a",
            "occurred_at": (START + timedelta(days=5)).isoformat(),
            "subscription_id": "s",
            "status": "started",
        }
    ).encode()
    panel = read(tmp_path, purchase("a", 0), contract)
    assert panel.at(DAY_0 + 4).contractual.tolist() == [False]
    assert panel.at(DAY_0 + 5).contractual.tolist() == [True]
