"""Alerts live through events, late ones, duplicates, words of people, clocks and crashes; the laws hold."""

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.alert import AlertV1
from schemas.codec import decode_alert, decode_command, decode_score, encode
from schemas.command import CommandV1
from schemas.score import ScoreV1
from stream.alerts import rules
from stream.alerts.life import rank
from stream.model import parameters
from stream.model.override import BANDS
from stream.pipeline import Effects, FileRecord, Pipeline
from tests import calm
from tests.oracles import Oracle, alert_differences, decision_differences, score_differences
from tests.oracles.oracle import epoch_ms
from tests.strategies import DAY_MS, END_MS, HOUR_MS, Body, bodies, iso, records

LASTING = """
[[rule]]
id = "trust"
kind = "trust_below"
open = 48.0
clear = 52.0
severity = "info"
owner = "support"
action = "call_today"
hold_hours = 1
keep_open_hours = 2
cooldown_hours = 24
expire_days = 20
escalate = 40.0
escalate_severity = "error"
escalate_owner = "lead"

[[rule]]
id = "risk"
kind = "churn_risk_above"
open = 0.5
clear = 0.45
severity = "warning"
owner = "support"
action = "call_today"
mode = "shadow"
min_purchase_days = 2
keep_open_hours = 1
expire_days = 10
"""
QUICK = """
[[rule]]
id = "quick"
kind = "trust_below"
open = 45.0
clear = 46.0
severity = "warning"
owner = "support"
action = "call_today"
cooldown_hours = 3
escalate_severity = "critical"
escalate_after_hours = 30
"""
# In one file they would be refused, since both ring for one customer: here that makes two lives to follow.
RULES = rules.Rules(rule=rules.parse(LASTING).rule + rules.parse(QUICK).rule, storm=calm.NO_STORM)
PIPELINE = Pipeline(parameters.load(), RULES)
BY_ID = {each.id: each for each in RULES.rule}
OVER = ("resolved", "expired")
ACTIONS = ("acknowledge", "assign", "snooze", "resolve", "note")
SPOKEN = ("acknowledged", "assigned", "snoozed", "resolved", "noted")
CUSTOMERS = 3
SWINGS: dict[str, Body] = {
    "bad": {"type": "review", "rating": 1},
    "good": {"type": "review", "rating": 5},
    "apology": {"type": "recovery", "kind": "compensation"},
    "purchase": {"type": "purchase", "amount": 5, "currency": "EUR"},
}


class AlertMachine(RuleBasedStateMachine):
    """The pipeline driver under the wall clock, beside an oracle and its own log.

    Every effect goes through `keep`, so a further rule only has to step and keep.
    """

    def __init__(self) -> None:
        super().__init__()
        self.table = PIPELINE.new_table()
        self.oracle = Oracle(PIPELINE.parameters, RULES)
        self.log: dict[bytes, bytes] = {}
        self.calls: list[tuple[str, int, list[Body]]] = []
        self.scores: list[ScoreV1] = []
        self.alerts: list[AlertV1] = []
        self.lives: defaultdict[str, list[AlertV1]] = defaultdict(list)
        self.saying: defaultdict[tuple[str, int], list[CommandV1]] = defaultdict(list)
        self.verdicts: Counter[str] = Counter()
        self.now_ms = END_MS
        self.ids = count()
        self.sent: list[Body] = []
        self.said: list[Body] = []

    def do(self, what: str, found: list[Body] | None = None) -> Effects:
        """One call of the pipeline, remembered for the replay."""
        self.calls.append((what, self.now_ms, found or []))
        return _call(PIPELINE, self, what, self.now_ms, found or [])

    def keep(self, effects: Effects) -> None:
        """What the worker would write; each alert is judged as it comes."""
        self.log.update(effects.changelog)
        scores = [decode_score(value) for _, value in effects.scores]
        alerts = [decode_alert(value) for _, value in effects.alert_log]
        assert effects.alerts == effects.alert_log
        told = {(score.customer_id, score.as_of) for score in scores}
        assert {(alert.customer_id, alert.as_of) for alert in alerts} <= told
        self.scores += scores
        self.alerts += alerts
        for alert in alerts:
            _judge(self.lives[alert.dedup_key], alert)
            self.lives[alert.dedup_key].append(alert)

    def take(self, found: list[Body]) -> None:
        """Step over some interactions."""
        self.keep(self.do("step", found))
        for each in records(found):
            self.oracle.feed(each, self.now_ms)
        self.sent += found

    @rule(found=bodies(max_size=8, customers=CUSTOMERS))
    def anything_happens(self, found: list[Body]) -> None:
        self.take([body | {"event_id": f"e{next(self.ids)}"} for body in found])

    @rule(
        who=st.integers(0, CUSTOMERS - 1),
        swing=st.sampled_from(sorted(SWINGS)),
        times=st.integers(1, 4),
        late_hours=st.sampled_from([0, 0, 30]),
    )
    def it_swings(self, who: int, swing: str, times: int, late_hours: int) -> None:
        at = iso(self.now_ms - late_hours * HOUR_MS)
        common = {"customer_id": f"c{who}", "occurred_at": at}
        self.take([SWINGS[swing] | common | {"event_id": f"e{next(self.ids)}"} for _ in range(times)])

    def hear(self, found: list[Body]) -> None:
        """Step over some commands; each belongs to the next score of its customer."""
        published = Counter(score.customer_id for score in self.scores)
        for body in found:
            who = body["customer_id"]
            self.saying[who, published[who] + 1].append(decode_command(encode(body)))
        effects = self.do("say", found)
        self.keep(effects)
        self.verdicts.update(effects.causes)
        self.verdicts.update({name: n for (_, name), n in effects.outcomes.items() if name != "invalid"})
        self.said += found

    def order(self, who: str, about: str, action: str, late_minutes: int = 1, lasting_hours: int = 5) -> Body:
        """A command that nothing is wrong with, if the alert is open."""
        issued_ms = self.now_ms - late_minutes * 60_000
        return {
            "command_id": f"m{next(self.ids)}",
            "customer_id": who,
            "rule_id": about,
            "action": action,
            "issued_by": "ana",
            "issued_at": iso(issued_ms),
            "until": iso(issued_ms + lasting_hours * HOUR_MS),
            "assignee": "ben",
            "reason": action,
        }

    @precondition(lambda self: self.open())
    @rule(
        data=st.data(),
        actions=st.lists(st.sampled_from(ACTIONS), min_size=1, max_size=4),
        lasting_hours=st.sampled_from([1, 26, 24 * 90]),
        late_minutes=st.sampled_from([0, 50, 5_000]),
        ahead=st.sampled_from([0, 0, 0, 1, -1]),
        again=st.booleans(),
    )
    def people_act(
        self,
        data: st.DataObject,
        actions: list[str],
        lasting_hours: int,
        late_minutes: int,
        ahead: int,
        again: bool,
    ) -> None:
        last = data.draw(st.sampled_from(self.open()))
        who, about = last.customer_id, last.rule_id
        found = [self.order(who, about, action, late_minutes, lasting_hours) for action in actions]
        found = [body | {"expected_seq": last.seq + n + ahead} for n, body in enumerate(found)]
        self.hear(found + found[:1] * again)
        if again:
            self.hear(found)

    @rule(
        who=st.integers(0, CUSTOMERS - 1),
        about=st.sampled_from([*BY_ID, "gone"]),
        action=st.sampled_from(ACTIONS),
        wrong=st.sampled_from(
            [
                {},
                {"expected_seq": 2},
                {"issued_by": " Kizuna"},
                {"issued_by": "\x01"},
                {"until": iso(0)},
                {"until": iso(END_MS + 3000 * DAY_MS)},
            ]
        ),
    )
    def people_err(self, who: int, about: str, action: str, wrong: Body) -> None:
        self.hear([self.order(f"c{who}", about, action) | wrong])

    @precondition(lambda self: self.scores)
    @rule(
        data=st.data(),
        action=st.sampled_from(("override", "override", "withdraw")),
        band=st.sampled_from(BANDS),
        late_minutes=st.sampled_from([0, 0, 1, 50, 5_000]),
        lasting_hours=st.sampled_from([1, 26, 24 * 90]),
    )
    def people_decide(
        self, data: st.DataObject, action: str, band: str, late_minutes: int, lasting_hours: int
    ) -> None:
        who = data.draw(st.sampled_from(sorted({score.customer_id for score in self.scores})))
        self.hear([self.order(who, "trust", action, late_minutes, lasting_hours) | {"band": band}])

    def open(self) -> list[AlertV1]:
        """What is open of each alert that is."""
        return [lives[-1] for lives in self.lives.values() if lives[-1].state not in OVER]

    @precondition(lambda self: self.said)
    @rule(n=st.integers(1, 20), at=st.integers(0, 40))
    def people_repeat_themselves(self, n: int, at: int) -> None:
        self.hear(self.said[-at - n : len(self.said) - at])

    @rule(n=st.integers(1, 3))
    def the_same_again(self, n: int) -> None:
        self.take(self.sent[-n:])

    @rule(minutes=st.sampled_from([1, 30, 61, 125, 600]))
    def the_second_hand_moves(self, minutes: int) -> None:
        self.now_ms += minutes * 60_000
        effects = Effects()
        for _ in range(4):  # what relapses may escalate at once
            effects = self.do("due")
            self.keep(effects)
        assert effects.scores == []

    @rule(days=st.sampled_from([0, 1, 2, 9, 21]))
    def a_sweep_comes(self, days: int) -> None:
        self.now_ms += days * DAY_MS
        self.keep(self.do("sweep"))

    @rule()
    def the_worker_crashes(self) -> None:
        self.table = PIPELINE.new_table()
        self.table.load(list(self.log), list(self.log.values()))

    @invariant()
    def state_is_what_was_published(self) -> None:
        for key, row in self.table.index.items():
            slots = [self.table.alerts.slots[place] for place in self.table.alerts.of(row)]
            seq = {int(slot["rule"]): int(slot["seq"]) for slot in slots}
            for each in RULES.rule:
                assert seq.get(each.key, 0) == len(self.lives.get(f"{key.decode()}|{each.id}", []))

    def teardown(self) -> None:
        """Chains of scores and alerts are what was heard implies, and a replay of all calls says the same."""
        for who in range(CUSTOMERS):  # so that every command has a score after it
            self.it_swings(who, "purchase", 1, 0)
        assert alert_differences(self.oracle, self.scores, self.alerts, self.saying) == []
        assert score_differences(self.oracle, self.scores, self.saying) == []
        assert decision_differences(self.oracle, self.table) == []
        self.verdicts["unknown_alert"] += self.verdicts.pop("unknown_customer", 0)
        assert +self.verdicts == Counter(each for said in self.oracle.answers.values() for each in said)
        again = AlertMachine()
        for what, now_ms, found in self.calls:
            again.keep(_call(PIPELINE, again, what, now_ms, found))
        assert again.lives == self.lives


def _call(pipeline: Pipeline, machine: AlertMachine, what: str, now_ms: int, found: list[Body]) -> Effects:
    if what == "step":
        return pipeline.step(machine.table, records(found), now_ms)
    if what == "say":
        return pipeline.step(machine.table, [], now_ms, commands=_commands(found))
    if what == "due":
        return pipeline.due(machine.table, now_ms)
    return pipeline.sweep(machine.table, 0, machine.table.n_rows, now_ms)


def _commands(found: list[Body]) -> list[FileRecord]:
    return [
        FileRecord("alert-commands", 0, n, 0, body["customer_id"].encode(), encode(body))
        for n, body in enumerate(found)
    ]


def _judge(before: list[AlertV1], alert: AlertV1) -> None:
    """The laws of one transition after those before it of the same customer and rule."""
    law, last = BY_ID[alert.rule_id], before[-1] if before else None
    was_open = last is not None and last.state not in OVER
    assert alert.seq == len(before) + 1
    assert alert.episode == (last.episode if last else 0) + (alert.transition == "opened")
    assert (alert.transition == "opened") != was_open
    same = [each.alert_id for each in before if each.episode == alert.episode]
    assert {*same, alert.alert_id} == {alert.alert_id}
    if alert.command_id is not None:
        assert was_open
        assert alert.transition in SPOKEN
    assert (alert.resolve_reason == "manual") == (alert.command_id is not None and alert.state == "resolved")
    if alert.state == "resolved" and alert.command_id is None:
        assert alert.value is not None
        assert alert.value > law.clear if law.kind == "trust_below" else alert.value < law.clear
    if alert.transition == "opened" and last is not None:
        cools = alert.as_of < last.as_of + timedelta(hours=law.cooldown_hours)
        assert not cools or rank(alert.severity) > rank(last.severity)
    if alert.state == "expired":
        assert alert.opened_at is not None
        assert epoch_ms(alert.as_of) - epoch_ms(alert.opened_at) >= law.expire_days * DAY_MS


TestAlertMachine = AlertMachine.TestCase
TestAlertMachine.settings = settings(max_examples=60, stateful_step_count=25)
