"""A rule that is taken back while its alert is open: whoever was told of the alert learns that it is over.

From the worker's step to what the sinks are told: the pipeline, the book and the outbox as they are.
"""

from typing import Any

from msgspec.structs import replace

from schemas.codec import decode_alert, encode
from stream.alerts import rules
from stream.model import parameters
from stream.notify.book import Book
from stream.notify.outbox import Outbox
from stream.notify.sink import Delivered
from stream.pipeline import Effects, FileRecord, Pipeline
from stream.state.position import Position
from stream.state.table import CustomerTable
from tests import calm
from tests.strategies import START_MS, iso, records

MINUTE_MS = 60_000
LIVE = replace(
    rules.parse(
        """
        [[rule]]
        id = "low"
        kind = "trust_below"
        open = 40
        clear = 50
        severity = "warning"
        owner = "support"
        action = "call_today"
        cooldown_hours = 24
        """
    ),
    storm=calm.NO_STORM,
)
NONE = replace(LIVE, rule=())
TRIAL = replace(LIVE, rule=(replace(LIVE.rule[0], mode="shadow"),))
ANGRY = {"type": "survey", "customer_id": "c0", "occurred_at": iso(START_MS), "instrument": "nps", "score": 0}


class Told:
    """What an Alertmanager is shown and what a webhook is told of the alerts that a worker publishes."""

    def __init__(self) -> None:
        self.book = Book(lambda each: {"who": each.customer_id}, lambda _: {}, 300_000)
        self.book.live = True
        self.outbox = Outbox(lambda each: each.customer_id, 3)
        self.outbox.begin(0, 0, ())
        self._offset = 0

    def of(self, effects: Effects, now_ms: int) -> list[tuple[str, str | None]]:
        """The webhook is told: (kind, reason of the end) in order."""
        for _key, value in effects.alerts:
            alert = decode_alert(value)
            self.book.take(0, alert, now_ms)
            self.outbox.take(0, self._offset, alert)
            self._offset += 1
        kinds: list[tuple[str, str | None]] = []
        while due := self.outbox.due({0}, now_ms, 9):
            for each in due:
                assert self.outbox.answered(each, Delivered(), now_ms, 1.0) is not None
                alert = each.notification.alert
                kinds.append((each.notification.kind, alert.resolve_reason))
                self.outbox.learn(0, alert.dedup_key, each.mark)
        return kinds

    def firing(self, now_ms: int) -> list[bool]:
        """Whether each alert that Alertmanager is shown still holds."""
        return [each.ends_ms is None for each in self.book.shown(now_ms)]


def pipeline(law: rules.Rules) -> Pipeline:
    return Pipeline(parameters.load(), law)


def opened(told: Told) -> CustomerTable:
    """One customer whose alert is open under the live rule, and people know."""
    table = pipeline(LIVE).new_table()
    effects = pipeline(LIVE).step(table, records([ANGRY | {"event_id": "e1"}]), START_MS)
    assert told.of(effects, START_MS) == [("opened", None)]
    assert told.firing(START_MS) == [True]
    return table


def order(action: str, **own: Any) -> FileRecord:
    said = {"command_id": "k1", "customer_id": "c0", "rule_id": "low", "action": action, "reason": "so"}
    value = encode(said | {"issued_at": iso(START_MS), "issued_by": "mika"} | own)
    return FileRecord("alert-commands", 0, 0, START_MS, b"c0", value)


def test_a_rule_on_trial_ends_its_open_alert_everywhere_and_soon() -> None:
    """The worker starts with the rule on trial, nothing else happens: within its first look all are told."""
    told = Told()
    table, now_ms = opened(told), START_MS + MINUTE_MS
    assert told.of(pipeline(TRIAL).due(table, now_ms), now_ms) == [("resolved", "rule_on_trial")]
    assert told.firing(now_ms) == [False]
    assert told.of(pipeline(TRIAL).due(table, now_ms + MINUTE_MS), now_ms + MINUTE_MS) == []


def test_what_a_person_says_just_then_is_told_too() -> None:
    """Their word came first; the end follows it, or is theirs."""
    told = Told()
    table, now_ms = opened(told), START_MS + MINUTE_MS
    effects = pipeline(TRIAL).step(table, [], now_ms, commands=[order("acknowledge")])
    assert told.of(effects, now_ms) == [("acknowledged", None), ("resolved", "rule_on_trial")]
    other = Told()
    table = opened(other)
    effects = pipeline(TRIAL).step(table, [], now_ms, commands=[order("resolve")])
    assert other.of(effects, now_ms) == [("resolved", "manual")]
    assert other.firing(now_ms) == [False]


def restarted(table: CustomerTable) -> CustomerTable:
    """The table as another worker restores it, from the changelog and the position row."""
    position = Position({}, table.watermark_ms, table.statistics, 8, "v", rules=table.rules)
    rows = table.live(0, table.n_rows)
    fresh = pipeline(LIVE).new_table()
    fresh.load(table.key_list(rows), table.encode(rows))
    fresh.rules = Position.decode(position.encode()).rules or {}
    return fresh


def test_a_removed_rule_ends_its_open_alert_everywhere_and_soon() -> None:
    """The worker starts with another file: what it no longer knows by name ends once, with what it was."""
    told = Told()
    table, now_ms = restarted(opened(told)), START_MS + MINUTE_MS
    effects = pipeline(NONE).due(table, now_ms)
    [alert] = [decode_alert(value) for _, value in effects.alerts]
    assert (alert.dedup_key, alert.seq, alert.mode, alert.owner) == ("c0|low", 2, "live", "support")
    assert (alert.threshold_open, alert.kind, alert.value) == (40.0, "trust_below", None)
    assert told.of(effects, now_ms) == [("resolved", "rule_removed")]
    assert told.firing(now_ms) == [False]
    table = restarted(table)
    assert pipeline(NONE).due(table, now_ms + MINUTE_MS).alerts == []
    assert table.rules == {}
    assert pipeline(LIVE).due(restarted(table), now_ms + MINUTE_MS).alerts == []


def test_a_removed_rule_ends_on_the_customers_next_event_too() -> None:
    """Before anything is due: the same end, after the scores of the event."""
    told = Told()
    table, now_ms = restarted(opened(told)), START_MS + MINUTE_MS
    effects = pipeline(NONE).step(table, records([ANGRY | {"event_id": "e2"}]), now_ms)
    assert told.of(effects, now_ms) == [("resolved", "rule_removed")]


def test_a_removed_rule_on_trial_ends_for_nobody() -> None:
    """The topic says that it is over; people never knew of it."""
    told = Told()
    table = pipeline(TRIAL).new_table()
    pipeline(TRIAL).step(table, records([ANGRY | {"event_id": "e1"}]), START_MS)
    effects = pipeline(NONE).due(restarted(table), START_MS + MINUTE_MS)
    [alert] = [decode_alert(value) for _, value in effects.alerts]
    assert (alert.state, alert.resolve_reason, alert.mode) == ("resolved", "rule_removed", "shadow")
    assert told.of(effects, START_MS + MINUTE_MS) == []


def test_what_opens_on_trial_is_told_to_nobody() -> None:
    """Also after the alert that people knew, once the cool-down is over; and so is its end."""
    told = Told()
    table, now_ms = opened(told), START_MS + MINUTE_MS
    told.of(pipeline(TRIAL).due(table, now_ms), now_ms)
    later_ms = now_ms + 25 * 60 * MINUTE_MS
    effects = pipeline(TRIAL).step(table, records([ANGRY | {"event_id": "e2"}]), later_ms)
    [alert] = [decode_alert(value) for _, value in effects.alerts]
    assert (alert.transition, alert.mode, alert.episode) == ("opened", "shadow", 2)
    assert told.of(effects, later_ms) == []
    effects = pipeline(TRIAL).step(table, [], later_ms, commands=[order("resolve")])
    assert [decode_alert(value).mode for _, value in effects.alerts] == ["shadow"]
    assert told.of(effects, later_ms) == []
