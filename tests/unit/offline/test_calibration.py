"""A replay notices when its customers change: invented ones who follow MBG/NBD, and then buy less often."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from schemas.codec import encode
from schemas.interaction import Purchase, Subscription
from stream.alerts import rules
from stream.model import parameters
from stream.offline.calibration import Watch
from stream.offline.replay import replay
from stream.offline.walk import with_horizon
from stream.pipeline import FileRecord, Pipeline

SHIPPED = parameters.load()
START = datetime(2020, 1, 1, tzinfo=UTC)
HORIZON, DAYS, CHANGE = 90, 1_000, 600
NOW_MS = int((START + timedelta(days=DAYS)).timestamp() * 1000)


def _history(n: int, slower: float) -> list[FileRecord]:
    """Customers who live by the shipped MBG/NBD; from day `CHANGE` on they buy so many times less often."""
    chance, mbg = np.random.default_rng(7), SHIPPED.churn.mbg
    days: list[tuple[float, str]] = []
    for i in range(n):
        rate = chance.gamma(mbg.r, 1.0 / mbg.alpha) / 7.0
        leaves = chance.beta(mbg.a, mbg.b)
        day = chance.uniform(0, 500)
        while day < DAYS:
            days.append((day, f"c{i}"))
            if chance.random() < leaves:
                break
            gap = chance.exponential(1.0 / rate)
            late = max(day + gap - max(day, CHANGE), 0.0)  # the part of the gap that lies behind the change
            day += gap + late * (slower - 1.0)
    return [
        _record(number, Purchase(f"e{number}", who, START + timedelta(days=day), amount=1.0, currency="EUR"))
        for number, (day, who) in enumerate(sorted(days))
    ]


def _record(number: int, event: Purchase | Subscription) -> FileRecord:
    time_ms = int(event.occurred_at.timestamp() * 1000)
    return FileRecord("f", 0, number, time_ms, event.customer_id.encode(), encode(event))


def _watched(records: list[FileRecord], batch: int = 50, until_ms: int = NOW_MS) -> Watch:
    pipeline = Pipeline(with_horizon(SHIPPED, HORIZON), rules.load(), clock="event")
    watch = Watch(pipeline.parameters)
    replay(pipeline, records, now_ms=NOW_MS, until_ms=until_ms, on_time=watch.look, batch=batch)
    return watch


def test_customers_who_stay_as_they_were_raise_no_alarm() -> None:
    """The true parameters: foretold and realised agree, the risk ranks, no period alarms."""
    found = _watched(_history(1_500, slower=1.0)).report()
    assert found["judged"] > 5_000
    assert found["foretold"] == pytest.approx(found["left"], abs=0.02)
    assert found["auc"] > 0.7
    assert found["drifted"] == []


def test_a_drift_is_caught_soon_after_it_began_and_not_before() -> None:
    """From day 600 on everybody buys six times less often: periods whose horizon reaches beyond it alarm."""
    found = _watched(_history(1_500, slower=6.0)).report()
    alarms = [datetime.fromisoformat(each["from"]).replace(tzinfo=UTC) - START for each in found["drifted"]]
    assert alarms
    assert min(alarms) >= timedelta(days=CHANGE - HORIZON - 28)
    assert min(alarms) <= timedelta(days=CHANGE + 60)
    assert all(each["left"] > each["foretold"] + 0.05 for each in found["drifted"])


def test_contracts_are_judged_by_their_end_not_by_purchases() -> None:
    """Whoever has a subscription buys nothing and has not left; each counts once per horizon."""
    signed = [
        _record(i, Subscription(f"s{i}", f"c{i}", START + timedelta(days=i), "s", "started"))
        for i in range(50)
    ]
    found = _watched(signed).report()
    assert found["judged"] >= 50 * (DAYS - 50) // (HORIZON + 28) - 50
    assert 0.0 < found["foretold"] < 0.2
    assert found["left"] == 0.0


def test_a_busy_customer_is_seen_to_buy() -> None:
    """More purchase days than a row holds: the older ones are in the tail, and count."""
    daily = [
        _record(i, Purchase(f"e{i}", "c", START + timedelta(days=i), amount=1.0, currency="EUR"))
        for i in range(400)
    ]
    found = _watched(daily, batch=200, until_ms=daily[-1].timestamp).report()
    assert found["judged"] >= 1
    assert found["left"] == 0.0
