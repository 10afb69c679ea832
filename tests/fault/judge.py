"""The verdict: everything on the topics against what the slow oracle makes of the source. Empty if exact."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from schemas.codec import decode_alert, decode_score
from stream.alerts import rules
from stream.config import Settings
from stream.engine.reader import read_topic
from stream.model import parameters
from stream.pipeline import Pipeline
from stream.state.position import POSITION_KEY, Position
from tests.oracles import Oracle, alert_differences, score_differences, table_differences

__all__ = ["Verdict", "judge"]


@dataclass
class Verdict:
    """What was compared, and every difference.

    Attributes:
        differences: one line each.
        compared: how many scores, alerts, rows and dead letters were compared.
        lost: events that are in no row.
        doubled: events that are in a row twice.
    """

    differences: list[str] = field(default_factory=list)
    compared: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0

    def of(self, *subjects: str) -> list[str]:
        """The differences about these subjects: what a line begins with."""
        return [line for line in self.differences if line.startswith(subjects)]


async def judge(settings: Settings) -> Verdict:
    """Read every topic, read committed, and compare each partition with an oracle of its own."""
    source = await _by_partition(settings, "interactions")
    outputs = {
        name: await _by_partition(settings, name)
        for name in ("customers-changelog", "scores", "alerts", "alert-log", "dead-letters")
    }
    verdict = Verdict()
    for number, records in sorted(source.items()):
        _judge_partition(settings, records, {name: by[number] for name, by in outputs.items()}, verdict)
    return verdict


async def _by_partition(settings: Settings, topic: str) -> defaultdict[int, list[Any]]:
    found: defaultdict[int, list[Any]] = defaultdict(list)
    for record in await read_topic(settings, topic):
        found[record.partition].append(record)
    return found


def _judge_partition(
    settings: Settings, source: list[Any], outputs: dict[str, list[Any]], verdict: Verdict
) -> None:
    oracle = Oracle(parameters.load(), rules.load())
    refused = {}
    for record in source:
        outcome = oracle.feed(record, record.timestamp)
        if outcome not in ("scored", "duplicate"):
            refused[record.offset] = outcome
    scores = [decode_score(record.value) for record in outputs["scores"]]
    alerts = [decode_alert(record.value) for record in outputs["alert-log"]]
    verdict.compared.update(scores=len(scores), alerts=len(alerts), dead_letters=len(refused))
    verdict.compared["records"] += len(source)
    verdict.differences += score_differences(oracle, scores)
    verdict.differences += alert_differences(oracle, scores, alerts)
    verdict.differences += _latest_alerts(outputs["alerts"], outputs["alert-log"])
    verdict.differences += _dead_letters(source, outputs["dead-letters"], refused)
    verdict.differences += _state(settings, source, outputs["customers-changelog"], oracle, verdict)


def _latest_alerts(latest: list[Any], log: list[Any]) -> list[str]:
    """The compacted topic's last record of each key is the log's last transition of it."""
    now = {record.key: record.value for record in latest}
    last = {record.key: record.value for record in log}
    return [
        f"alert {key!r}: latest state differs from the log"
        for key in now.keys() | last.keys()
        if now.get(key) != last.get(key)
    ]


def _dead_letters(source: list[Any], letters: list[Any], refused: dict[int, str]) -> list[str]:
    """Exactly the refused records, once each, with their bytes and their cause."""
    origin = {record.offset: record for record in source}
    seen: Counter[int] = Counter()
    found = []
    for letter in letters:
        headers = {name: value.decode() for name, value in letter.headers}
        offset = int(headers["kizuna.offset"])
        seen[offset] += 1
        if headers["kizuna.cause"] != refused.get(offset):
            found.append(f"dead letter {offset}: {headers['kizuna.cause']}, not {refused.get(offset)}")
        if (letter.key, letter.value) != (origin[offset].key, origin[offset].value):
            found.append(f"dead letter {offset}: other bytes than the source's")
    expected = Counter(refused.keys())
    if seen != expected:
        found.append(f"dead letters: {seen - expected} too many, {expected - seen} missing")
    return found


def _state(
    settings: Settings, source: list[Any], changelog: list[Any], oracle: Oracle, verdict: Verdict
) -> list[str]:
    """The restored rows and the position."""
    table = Pipeline(parameters.load(), rules.load()).new_table()
    rows = [record for record in changelog if record.key != POSITION_KEY]
    table.load([record.key for record in rows], [record.value for record in rows])
    verdict.compared["rows"] += len(table)
    positions = [Position.decode(record.value) for record in changelog if record.key == POSITION_KEY]
    for customer, events in oracle.events.items():
        row = table.index.get(customer.encode())
        counted = 0 if row is None else int(table.rows["events"][row])
        verdict.lost += max(0, len(events) - counted)
        verdict.doubled += max(0, counted - len(events))
    found = table_differences(oracle, table)
    end = source[-1].offset + 1
    if not positions or positions[-1].offsets[settings.topic("interactions")] != end:
        found.append(f"position: {positions[-1:]}, the source ends at {end}")
    return found
