"""What the topics must hold, recomputed from the sources; one finding per line, none if exact."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from stream.config import Settings
from stream.engine.reader import read_topic
from stream.state.position import POSITION_KEY, Position
from tests.integration.engine.counting import ROW, SCORE, place

Cell = tuple[int, bytes]
Source = tuple[str, int]
"""Topic on the cluster and partition."""


@dataclass
class Truth:
    """Recomputed from the sources, without the engine."""

    count: Counter[bytes] = field(default_factory=Counter)
    total: Counter[bytes] = field(default_factory=Counter)
    alerts: Counter[Cell] = field(default_factory=Counter)
    bad: Counter[Cell] = field(default_factory=Counter)
    ends: dict[Source, int] = field(default_factory=dict)

    def add(self, record: Any) -> None:
        source = record.topic, record.partition
        self.ends[source] = max(self.ends.get(source, 0), record.offset + 1)
        origin = place(record)
        if record.key is None or record.value is None or not record.value.isdigit():
            self.bad[record.partition, origin] += 1
            return
        self.count[record.key] += 1
        self.total[record.key] += int(record.value)
        if int(record.value) % 97 == 0:
            self.alerts[record.partition, origin] += 1


async def read_truth(settings: Settings) -> Truth:
    truth = Truth()
    for source in settings.sources:
        for record in await read_topic(settings, source):
            truth.add(record)
    return truth


async def read_positions(settings: Settings) -> dict[Source, int]:
    """The last committed position of each source partition, where something was read."""
    return {
        (topic, record.partition): offset
        for record in await read_topic(settings, "customers-changelog")
        if record.key == POSITION_KEY
        for topic, offset in Position.decode(record.value).offsets.items()
        if offset > 0
    }


async def findings(settings: Settings) -> list[str]:
    """Compare changelog, positions, scores, alerts and dead letters with the source; empty if exact."""
    truth = await read_truth(settings)
    found = [*await state_findings(settings, truth), *await _scores(settings, truth)]
    for topic, wanted in (("alert-log", truth.alerts), ("dead-letters", truth.bad)):
        records = await read_topic(settings, topic)
        if topic == "alert-log":
            seen = Counter((record.partition, record.value) for record in records)
        else:
            seen = Counter((record.partition, record.headers[0][1]) for record in records)
        if seen != wanted:
            found.append(f"{topic}: {len(wanted - seen)} missing, {len(seen - wanted)} too many")
    return found[:20]


async def state_findings(settings: Settings, truth: Truth) -> list[str]:
    """Compare the changelog's rows and positions with the source."""
    rows: dict[bytes, tuple[int, int]] = {}
    for record in await read_topic(settings, "customers-changelog"):
        if record.key != POSITION_KEY:
            _, count, total = ROW.unpack(record.value)
            rows[record.key] = (count, total)
    positions = await read_positions(settings)
    found = [] if positions == truth.ends else [f"positions {positions}, ends {truth.ends}"]
    wanted = {key: (truth.count[key], truth.total[key]) for key in truth.count}
    wrong = sum(rows.get(key) != row for key, row in wanted.items())
    if rows != wanted:
        found.append(f"{wrong} rows wrong of {len(wanted)}, {len(rows)} rows")
    return found


async def _scores(settings: Settings, truth: Truth) -> list[str]:
    found = []
    last: dict[bytes, int] = {}
    for record in await read_topic(settings, "scores"):
        previous, count, _ = SCORE.unpack(record.value)
        if previous != last.get(record.key, 0):
            found.append(f"a chain of scores breaks: {last.get(record.key, 0)}, then {previous}")
        last[record.key] = count
    if last != dict(truth.count):
        found.append("scores do not end at the counts")
    return found
