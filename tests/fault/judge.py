"""The verdict: everything on the topics against what the slow oracle makes of the source. Empty if exact."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.alert import AlertV1
from schemas.codec import decode_alert, decode_score
from schemas.dead_letter import said
from schemas.score import ScoreV1
from stream.config import Settings
from stream.engine.reader import read_topic
from stream.engine.topics import COMMANDS
from stream.model import parameters
from stream.pipeline import Pipeline
from stream.state.alerts import State
from stream.state.position import POSITION_KEY, Position
from stream.state.table import CustomerTable
from tests import calm
from tests.fault.hearing import answers, command_differences, hear
from tests.oracles import (
    Oracle,
    alert_differences,
    checkpoint_differences,
    decision_differences,
    score_differences,
    table_differences,
)
from tests.oracles.people import APPLIED, SUPERSEDED

__all__ = ["OUTPUTS", "SOURCES", "Topics", "Verdict", "compare", "judge", "read"]

SOURCES = ("interactions", COMMANDS)

OUTPUTS = ("customers-changelog", "scores", "alerts", "alert-log", "dead-letters")

Topics = dict[str, dict[int, list[Any]]]
"""Records as read, by registry name and partition."""
Records = dict[str, list[Any]]
"""The same of one partition."""
Origin = tuple[str, int]
"""A source by its registry name, and an offset in the partition."""


@dataclass
class Verdict:
    """What was compared, and every difference.

    Attributes:
        differences: one line each.
        compared: how many scores, alerts, rows, dead letters and commands were compared.
        answers: commands by what became of them: applied, superseded or the cause of the refusal.
        lost: events that are in no row.
        doubled: events that are in a row twice.
    """

    differences: list[str] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0

    def of(self, *subjects: str) -> list[str]:
        """The differences about these subjects: what a line begins with."""
        return [line for line in self.differences if line.startswith(subjects)]


async def judge(settings: Settings) -> Verdict:
    """Read every topic, read committed, and compare each partition with an oracle of its own."""
    return await asyncio.to_thread(compare, settings, await read(settings))


async def read(settings: Settings) -> Topics:
    """Everything on the sources and on what workers write, read committed."""
    return {name: await _by_partition(settings, name) for name in (*SOURCES, *OUTPUTS)}


def compare(settings: Settings, topics: Topics) -> Verdict:
    """The outputs against what an oracle per partition makes of the sources."""
    verdict = Verdict()
    for number in sorted({number for partitions in topics.values() for number in partitions}):
        records = {name: topics[name].get(number, []) for name in (*SOURCES, *OUTPUTS)}
        _judge_partition(settings, records, verdict)
    return verdict


async def _by_partition(settings: Settings, topic: str) -> dict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for record in await read_topic(settings, topic):
        found[record.partition].append(record)
    return dict(found)


def _judge_partition(settings: Settings, topics: Records, verdict: Verdict) -> None:
    oracle = Oracle(parameters.load(), calm.RULES)
    refused: dict[Origin, str] = {}
    accepted = defaultdict[str, list[int]](list)
    for record in topics["interactions"]:
        outcome = oracle.feed(record, record.timestamp)
        if outcome == "scored":
            accepted[record.key.decode()].append(record.offset)
        elif outcome != "duplicate":
            refused["interactions", record.offset] = outcome
    heard = hear(settings, accepted, topics[COMMANDS], topics["customers-changelog"])
    published = [decode_score(record.value) for record in topics["scores"]]
    scores = [score for score in published if score.events <= len(oracle.events.get(score.customer_id, ()))]
    verdict.differences += [
        f"score {score.customer_id} seq {score.seq}: of {score.events} events, more than the source has"
        for score in published
        if score.events > len(oracle.events.get(score.customer_id, ()))
    ]
    alerts = [decode_alert(record.value) for record in topics["alert-log"]]
    verdict.differences += heard.differences
    verdict.differences += score_differences(oracle, scores, heard.saying)
    verdict.differences += alert_differences(oracle, scores, alerts, heard.saying)
    verdict.differences += _latest_alerts(topics["alerts"], topics["alert-log"])
    due = answers(heard, oracle.answers)
    verdict.answers.update(due.values())
    refused |= {(COMMANDS, at): why for at, why in due.items() if why not in (APPLIED, SUPERSEDED)}
    letters = [(_origin(settings, letter), letter) for letter in topics["dead-letters"]]
    verdict.differences += _dead_letters(topics, letters, refused)
    of_commands = [offset for (topic, offset), _ in letters if topic == COMMANDS]
    verdict.differences += command_differences(heard, due, of_commands, alerts)
    table, position = _restored(topics["customers-changelog"])
    verdict.compared.update(scores=len(scores), alerts=len(alerts), dead_letters=len(refused))
    verdict.compared.update(
        records=len(topics["interactions"]), commands=len(topics[COMMANDS]), rows=len(table)
    )
    _count_events(oracle, table, verdict)
    verdict.differences += table_differences(oracle, table)
    verdict.differences += checkpoint_differences(oracle, scores, table)
    verdict.differences += decision_differences(oracle, table)
    verdict.differences += _last_published(table, scores, alerts)
    verdict.differences += _position(settings, topics, position)


def _latest_alerts(latest: list[Any], log: list[Any]) -> list[str]:
    """The compacted topic's last record of each key is the log's last transition of it."""
    now = {record.key: record.value for record in latest}
    last = {record.key: record.value for record in log}
    return [
        f"alert {key!r}: latest state differs from the log"
        for key in now.keys() | last.keys()
        if now.get(key) != last.get(key)
    ]


def _origin(settings: Settings, letter: Any) -> Origin:
    why = said(letter.headers)
    names = {settings.topic(name): name for name in SOURCES}
    return names.get(why["topic"], why["topic"]), int(why["offset"])


def _dead_letters(
    topics: Records, letters: list[tuple[Origin, Any]], refused: Mapping[Origin, str]
) -> list[str]:
    """Exactly the refused records, once each, with their bytes and their cause."""
    records = {(name, record.offset): record for name in SOURCES for record in topics[name]}
    seen: Counter[Origin] = Counter()
    found = []
    for origin, letter in letters:
        seen[origin] += 1
        if (cause := said(letter.headers)["cause"]) != refused.get(origin):
            found.append(f"dead letter {origin}: {cause}, not {refused.get(origin)}")
        record = records.get(origin)
        if record is None or (letter.key, letter.value) != (record.key, record.value):
            found.append(f"dead letter {origin}: other bytes than the source's")
    expected = Counter(refused.keys())
    if seen != expected:
        found.append(f"dead letters: {seen - expected} too many, {expected - seen} missing")
    return found


def _restored(changelog: list[Any]) -> tuple[CustomerTable, Position | None]:
    """What the next worker would find."""
    table = Pipeline(parameters.load(), calm.RULES).new_table()
    rows = [record for record in changelog if record.key != POSITION_KEY]
    table.load([record.key for record in rows], [record.value for record in rows])
    positions = [Position.decode(record.value) for record in changelog if record.key == POSITION_KEY]
    return table, positions[-1] if positions else None


def _count_events(oracle: Oracle, table: CustomerTable, verdict: Verdict) -> None:
    for customer, events in oracle.events.items():
        row = table.index.get(customer.encode())
        counted = 0 if row is None else int(table.rows["events"][row])
        verdict.lost += max(0, len(events) - counted)
        verdict.doubled += max(0, counted - len(events))


def _last_published(table: CustomerTable, scores: list[ScoreV1], alerts: list[AlertV1]) -> list[str]:
    """A row remembers what was last published of its customer: the next score and alert go on from there."""
    found = []
    last = {score.customer_id: score for score in scores}
    episodes: dict[str, dict[int, tuple[int, int, str]]] = defaultdict(dict)
    keys = {rule.id: rule.key for rule in calm.RULES.rule}
    for alert in alerts:
        episodes[alert.customer_id][keys[alert.rule_id]] = (alert.seq, alert.episode, alert.state)
    for customer, score in last.items():
        at = table.index.get(customer.encode())
        if at is None:
            continue  # said by the comparison of rows
        row = table.rows[at]
        risk = -1 if score.churn_risk is None else round(score.churn_risk * 10_000)
        published = (score.seq, round(score.trust * 100), risk)
        known = tuple(int(row[name]) for name in ("seq", "trust_centi", "risk_e4"))
        if known != published:
            found.append(f"row {customer}: last published {known} in the row, {published} on the topic")
        slots = [table.alerts.slots[place] for place in table.alerts.of(at)]
        kept = {
            int(slot["rule"]): (int(slot["seq"]), int(slot["episode"]), _state(slot))
            for slot in slots
            if slot["seq"]
        }
        if kept != episodes[customer]:
            found.append(f"row {customer}: alerts {kept} in the row, {episodes[customer]} in the log")
    return found


def _state(slot: np.void) -> str:
    """The state that was published last: PENDING is not, so what it was before."""
    return State(int(slot["back" if slot["state"] == State.PENDING else "state"])).name.lower()


def _position(settings: Settings, topics: Records, position: Position | None) -> list[str]:
    """The sources' ends, exactly."""
    offsets = {} if position is None else position.offsets
    ends = {name: topics[name][-1].offset + 1 if topics[name] else 0 for name in SOURCES}
    reached = {name: offsets.get(settings.topic(name), 0) for name in SOURCES}
    return [] if reached == ends else [f"position: {reached}, the sources end at {ends}"]
