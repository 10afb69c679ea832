"""Labels, annotations and times as Alertmanager is given them."""

from datetime import datetime

import pytest

from schemas.alert import Acknowledged
from stream.alerts.rules import Rules, parse
from stream.notify.assemble import make_book
from stream.notify.reference import customer_ref
from stream.notify.shape import Shape, post
from stream.texts.languages import ENGLISH, JAPANESE
from tests.alerts import alert, at

KEY = b"0123456789abcdef"
RULES = """
[[rule]]
id = "trust_low"
kind = "trust_below"
open = 40.0
clear = 50.0
severity = "warning"
owner = "support"
action = "close_the_loop"
escalate = 20.0
escalate_severity = "critical"
escalate_owner = "support-lead"
"""


@pytest.fixture(scope="module")
def rules() -> Rules:
    """One rule that escalates to another owner."""
    return parse(RULES)


def test_labels_are_the_six_and_the_team_is_the_rules(rules: Rules) -> None:
    """Whoever has the alert; above the rule's severity its second owner; no team without the rule."""
    shape = Shape(rules, KEY, ENGLISH, installation="0a1b2c3d", with_id=False)
    labels = shape.labels(alert(owner="ana"))
    assert labels == {
        "alertname": "kizuna_trust_low",
        "severity": "warning",
        "rule": "trust_low",
        "tier": "gold",
        "team": "support",
        "customer_ref": customer_ref(KEY, "c-1"),
    }
    assert shape.labels(alert(severity="critical"))["team"] == "support-lead"
    assert shape.labels(alert(rule="gone"))["team"] == "none"
    assert shape.labels(alert(subject="data"))["team"] == rules.storm.mass_drop_owner
    assert "tier" not in shape.labels(alert(tier=None))


def test_the_id_is_nowhere_unless_it_is_asked_for(rules: Rules) -> None:
    """In either language; the alert about the data names its partition, which is nobody."""
    secret = alert("mika-77", ack=Acknowledged("ana", at(0), "called"))
    for language in (ENGLISH, JAPANESE):
        shape = Shape(rules, KEY, language, installation="0a1b2c3d", with_id=False)
        assert "mika-77" not in str((shape.labels(secret), shape.annotations(secret)))
    shape = Shape(rules, KEY, ENGLISH, installation="0a1b2c3d", with_id=True)
    assert shape.annotations(secret)["customer_id"] == "mika-77"
    assert "mika-77" not in str(shape.labels(secret))
    said = shape.annotations(alert("partition-3", subject="data", trust=None))
    assert "partition-3" in said["summary"]
    assert "customer_id" not in said


def test_what_is_not_known_is_left_out(rules: Rules) -> None:
    """Alertmanager has no null."""
    shape = Shape(rules, KEY, ENGLISH, installation="0a1b2c3d", with_id=False)
    said = shape.annotations(alert(trust=None, churn_risk=None, owner=None, due_at=None))
    assert set(said) == {"summary", "description", "alert_id", "state", "action"}
    assert shape.annotations(alert(ack=Acknowledged("ana", at(0), None)))["acknowledged_by"] == "ana"


def test_both_times_are_always_sent_in_their_order(rules: Rules) -> None:
    """Also of an alert whose event time is ahead of the wall's."""
    book = make_book(Shape(rules, KEY, ENGLISH, installation="0a1b2c3d", with_id=False), 300.0)
    now = at(0)
    now_ms = int(now.timestamp() * 1000)
    book.take(0, alert("ahead", opened_at=at(-3600)), now_ms)
    book.take(0, alert("open", opened_at=at(3600)), now_ms)
    book.take(0, alert("over", opened_at=at(3600)), now_ms)
    book.take(0, alert("over", seq=2, state="resolved", opened_at=at(3600), resolved_at=at(60)), now_ms)
    for each in post(book.shown(now_ms), now_ms, 300_000):
        starts, ends = (datetime.fromisoformat(each[name]) for name in ("startsAt", "endsAt"))
        assert starts <= min(ends, now)


@pytest.mark.parametrize(("resolve_s", "kept_s"), [(3.0, 300), (3_600.0, 3_600)])
def test_an_end_is_shown_until_whoever_missed_it_has_let_it_time_out(
    rules: Rules, resolve_s: float, kept_s: int
) -> None:
    """An Alertmanager that was away meanwhile would else say for an hour that what is over is there."""
    book = make_book(Shape(rules, KEY, ENGLISH, installation="0a1b2c3d", with_id=False), resolve_s)
    book.live = True
    now = round(at(0).timestamp() * 1000)
    book.take(0, alert(), now)
    book.take(0, alert(seq=2, state="resolved", transition="resolved", resolved_at=at(0)), now)
    assert len(book.shown(now + kept_s * 1000)) == 1
    assert book.shown(now + kept_s * 1000 + 1) == []
