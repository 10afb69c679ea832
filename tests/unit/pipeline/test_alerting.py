"""Storm control through a step: what is held back, what comes out, and the one alert about the data."""

from datetime import timedelta
from typing import Any

import msgspec
import numpy as np

from schemas.alert import AlertV1
from schemas.codec import decode_alert, encode
from schemas.command import CommandV1
from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Effects, FileRecord, Pipeline
from stream.pipeline.encode import rfc3339
from stream.state.position import Position
from stream.state.table import CustomerTable
from tests import calm
from tests.strategies import START_MS, Body, iso, records

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
STORM = rules.Storm(budget_per_minute=5, mass_drop_percent=20.0, mass_drop_least=20)
PIPELINE = Pipeline(parameters.load(), msgspec.structs.replace(calm.RULES, storm=STORM))


def survey(customer: int, score: int, at_ms: int = START_MS) -> Body:
    own = {"instrument": "nps", "score": score, "event_id": f"e{customer}-{at_ms}-{score}"}
    return {"type": "survey", "customer_id": f"c{customer:03}", "occurred_at": iso(at_ms)} | own


def step(table: CustomerTable, bodies: list[Body], at_ms: int, behind_ms: int = 0, **more: Any) -> Effects:
    return PIPELINE.step(table, records(bodies), at_ms, wall_ms=at_ms + behind_ms, **more)


def town(n: int = 100) -> CustomerTable:
    """So many customers, all content."""
    table = PIPELINE.new_table()
    step(table, [survey(i, 10) for i in range(n)], START_MS)
    return table


def upset(customers: range, at_ms: int) -> list[Body]:
    return [survey(i, 0, at_ms - k) for i in customers for k in range(4)]


def told(effects: Effects) -> list[AlertV1]:
    return [decode_alert(value) for _key, value in effects.alert_log]


def command(action: str = "resolve", partition: int = 0, **more: Any) -> FileRecord:
    fields: dict[str, Any] = {
        "command_id": "k1",
        "customer_id": f"partition-{partition}",
        "rule_id": "mass_drop",
        "action": action,
        "issued_at": rfc3339(START_MS),
        "issued_by": "mika",
    }
    value = encode(CommandV1(**(fields | more)))
    return FileRecord("alert-commands", 0, 0, START_MS, fields["customer_id"].encode(), value)


def test_more_than_the_budget_is_held_back_and_comes_out_minute_by_minute() -> None:
    """Twelve customers and five a minute: nobody is lost, each episode is one."""
    table = town()
    first = step(table, upset(range(12), START_MS), START_MS)
    assert [alert.state for alert in told(first)].count("open") == 5
    assert {alert.suppressed_by for alert in told(first) if alert.state == "suppressed"} == {"budget"}
    assert first.suppressed == {"budget": 7}
    opened = list[AlertV1]()
    for minute in range(1, 5):
        effects = PIPELINE.due(table, START_MS + minute * MINUTE_MS + minute)
        opened += told(effects)
    assert [alert.transition for alert in opened] == ["released"] * 7
    assert {alert.seq for alert in opened} == {2}
    assert {alert.episode for alert in opened} == {1}


def test_scores_that_hold_long_ago_open_nothing() -> None:
    """A backlog of an hour: held back as `behind`, released once the worker has caught up."""
    table = town()
    effects = step(table, upset(range(3), START_MS), START_MS, behind_ms=HOUR_MS)
    assert {alert.suppressed_by for alert in told(effects)} == {"behind"}
    later = PIPELINE.due(table, START_MS + 2 * MINUTE_MS)
    assert [alert.transition for alert in told(later)] == ["released"] * 3


def test_a_feed_that_stopped_opens_nothing_by_silence() -> None:
    """Two days without any event: a sweep that would open says `stale` instead."""
    table = town(3)
    step(table, upset(range(3), START_MS), START_MS, behind_ms=HOUR_MS)
    effects = PIPELINE.due(table, START_MS + 48 * HOUR_MS)
    assert told(effects) == []
    assert PIPELINE.due(table, START_MS + 48 * HOUR_MS).alert_log == []


def test_mass_drop_is_one_alert_about_the_data() -> None:
    """Thirty of a hundred at once: nobody's alert opens; one names the partition."""
    table = town()
    effects = step(table, upset(range(30), START_MS), START_MS)
    held = [alert for alert in told(effects) if alert.subject == "customer"]
    assert {alert.suppressed_by for alert in held} == {"mass_drop"}
    [alert] = [alert for alert in told(effects) if alert.subject == "data"]
    assert (alert.customer_id, alert.state, alert.value, alert.trust) == ("partition-0", "open", 30.0, None)
    assert effects.opened == {"critical": 1}
    again = step(table, upset(range(30, 35), START_MS + 1000), START_MS + 1000)
    assert {alert.suppressed_by for alert in told(again)} == {"mass_drop"}


def test_mass_drop_that_comes_one_by_one_stays_until_they_are_back() -> None:
    """Whoever opened or waited before it was one counts too: else it would be over as it opens."""
    table, found = town(), list[AlertV1]()
    for i in range(30):
        found += told(step(table, upset(range(i, i + 1), START_MS + i * 1000), START_MS + i * 1000))
    assert [alert.state for alert in found if alert.subject == "data"] == ["open"]
    assert [alert.suppressed_by for alert in found if alert.customer_id == "c029"] == ["mass_drop"]
    at_ms = START_MS + 5 * MINUTE_MS
    good = [survey(i, 10, at_ms - k) for i in range(25) for k in range(30)]
    [alert] = [alert for alert in told(step(table, good, at_ms)) if alert.subject == "data"]
    assert (alert.state, alert.resolve_reason) == ("resolved", "recovered")


def test_it_lasts_while_they_are_held_back_wherever_their_slots_lie() -> None:
    """Behind thousands of slots of other rules they count as well; when none is held any more it ends."""
    table = town()
    for rule in range(1, 60):
        table.alerts.claim(np.arange(100), rule)
    step(table, upset(range(30), START_MS), START_MS)
    assert step(table, [survey(99, 10, START_MS + 1)], START_MS + 1).resolved == {}
    assert table.storm.since_ms == START_MS
    at_ms = START_MS + 5 * MINUTE_MS
    effects = step(table, [survey(i, 10, at_ms - k) for i in range(30) for k in range(30)], at_ms)
    assert effects.resolved == {"critical": 1}


def test_data_that_are_mended_end_it() -> None:
    """Most of them are content again: it is over, and those who are not come out."""
    table = town()
    step(table, upset(range(30), START_MS), START_MS)
    at_ms = START_MS + 5 * MINUTE_MS
    good = [survey(i, 10, at_ms - k) for i in range(25) for k in range(30)]
    effects = step(table, good, at_ms)
    [alert] = [alert for alert in told(effects) if alert.subject == "data"]
    assert (alert.state, alert.resolve_reason, alert.seq) == ("resolved", "recovered", 2)
    dropped = [alert for alert in told(effects) if alert.resolve_reason == "never_opened"]
    assert len(dropped) == 25
    later = PIPELINE.due(table, at_ms + 2 * MINUTE_MS)
    assert [alert.transition for alert in told(later)] == ["released"] * 5


def test_a_person_who_knows_the_data_to_be_right_ends_it() -> None:
    """Then the alerts come out as fast as the budget allows; a second time there is nothing to end."""
    table = town()
    step(table, upset(range(30), START_MS), START_MS)
    at_ms = START_MS + MINUTE_MS
    done = step(table, [], at_ms, commands=[command(expected_seq=1)])
    [alert] = told(done)
    assert (alert.state, alert.resolve_reason, alert.command_id) == ("resolved", "manual", "k1")
    again = step(table, [], at_ms, commands=[command(command_id="k2")])
    assert again.causes == {"not_open": 1}
    later = PIPELINE.due(table, at_ms + 2 * MINUTE_MS)
    assert [alert.transition for alert in told(later)] == ["released"] * 5


def test_a_command_about_the_data_that_comes_again_changes_nothing() -> None:
    """At once, after a restart, or in a later storm: no letter, no second end; under another id it counts."""
    table = town()
    step(table, upset(range(30), START_MS), START_MS)
    end = command(expected_seq=1)
    first = step(table, [], START_MS, commands=[end, end])
    assert [alert.transition for alert in told(first)] == ["resolved"]
    assert (first.causes, first.outcomes["command", "superseded"]) == ({}, 1)
    position = Position({"interactions": 1}, table.watermark_ms, table.statistics, 8, "v", storm=table.storm)
    storm = Position.decode(position.encode()).storm
    assert storm is not None
    table.storm = storm
    again = step(table, [], START_MS, commands=[end])
    assert (told(again), again.causes) == ([], {})
    later_ms = START_MS + HOUR_MS
    step(table, upset(range(30, 70), later_ms), later_ms)
    assert table.storm.since_ms == later_ms
    late = step(table, [], later_ms, commands=[end, command(command_id="k2")])
    assert [(a.transition, a.command_id) for a in told(late) if a.subject == "data"] == [("resolved", "k2")]
    assert late.causes == {}


def test_what_nobody_may_say_of_it_is_refused() -> None:
    """Another partition, another number, another action."""
    table = town()
    step(table, upset(range(30), START_MS), START_MS)
    wrong = [command(partition=3), command(expected_seq=9), command("acknowledge")]
    effects = step(table, [], START_MS, commands=wrong)
    assert effects.causes == {"unknown_alert": 1, "stale_command": 1, "unsupported_action": 1}
    assert table.storm.since_ms == START_MS


def test_storm_survives_a_restart_with_the_position() -> None:
    """The budget of the minute goes on, and the alert about the data stays open."""
    table = town()
    step(table, upset(range(30), START_MS), START_MS)
    position = Position({"interactions": 1}, table.watermark_ms, table.statistics, 8, "v", storm=table.storm)
    assert Position.decode(position.encode()).storm == table.storm


def test_nothing_is_held_back_in_a_replay() -> None:
    """Under the event clock nobody waits for a person's time."""
    replay = Pipeline(parameters.load(), PIPELINE.rules, clock="event")
    table = replay.new_table()
    replay.step(table, records([survey(i, 10) for i in range(100)]), START_MS)
    effects = replay.step(table, records(upset(range(30), START_MS)), START_MS + timedelta(days=9).seconds)
    assert {alert.state for alert in told(effects)} == {"open"}
