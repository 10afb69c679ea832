"""Who said what before which score, from the log alone, and whether each command was answered once.

Position rows cut both source topics into transactions. In one, interactions are scored first and commands are
heard then: so those about a customer belong to the score after the last one before, plus one if the
transaction brought an interaction of theirs.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.alert import AlertV1
from schemas.command import CommandV1
from stream.config import Settings
from stream.engine.topics import COMMANDS
from stream.state.layout import ROW
from stream.state.position import POSITION_KEY, Position
from tests.oracles.orders import read_command
from tests.oracles.people import APPLIED, DECISIONS, SUPERSEDED
from tests.oracles.reading import Refused

__all__ = ["Heard", "answers", "command_differences", "hear"]

Before = tuple[str, int]
"""A customer and the number of a score: what was said before it."""


@dataclass(slots=True)
class Heard:
    """Of one partition.

    Attributes:
        saying: commands about somebody known, as the oracle takes them.
        offsets: of the same commands.
        refused: causes by offset, of those that were about nobody or could not be read.
        unheard: offsets beyond the last position.
        differences: positions that go back.
    """

    saying: dict[Before, list[CommandV1]] = field(default_factory=lambda: defaultdict(list))
    offsets: dict[Before, list[int]] = field(default_factory=lambda: defaultdict(list))
    refused: dict[int, str] = field(default_factory=dict)
    unheard: list[int] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)


def hear(
    settings: Settings,
    accepted: Mapping[str, Sequence[int]],
    commands: Sequence[Any],
    changelog: Iterable[Any],
) -> Heard:
    """Find the score before which each command was heard.

    Args:
        settings: how topics are called.
        accepted: offsets of accepted interactions by customer, ascending.
        commands: the partition's, in order.
        changelog: the partition's, in order, nothing compacted.
    """
    heard, waiting = Heard(), list(reversed(commands))
    scored, rows = dict[str, int](), dict[str, int]()
    begin = {settings.topic(name): 0 for name in ("interactions", COMMANDS)}
    for record in changelog:
        if record.key != POSITION_KEY:
            rows[record.key.decode()] = int(np.frombuffer(record.value[: ROW.itemsize], ROW)["seq"][0])
            continue
        end = begin | Position.decode(record.value).offsets
        if any(end[topic] < begin[topic] for topic in begin):
            heard.differences.append(f"position: goes back from {begin} to {end}")
        first, last = (each[settings.topic("interactions")] for each in (begin, end))
        while waiting and waiting[-1].offset < end[settings.topic(COMMANDS)]:
            _hear_one(waiting.pop(), accepted, first, last, scored, heard)
        scored |= rows
        rows, begin = {}, end
    heard.unheard = [record.offset for record in reversed(waiting)]
    return heard


def _hear_one(
    record: Any,
    accepted: Mapping[str, Sequence[int]],
    first: int,
    last: int,
    scored: Mapping[str, int],
    heard: Heard,
) -> None:
    try:
        command = read_command(record, record.timestamp)
    except Refused as refused:
        heard.refused[record.offset] = refused.cause
        return
    who = command.customer_id
    events = accepted.get(who, ())
    here = bisect_left(events, first)
    if not bisect_left(events, last):
        heard.refused[record.offset] = "unknown_customer"
        return
    before = who, scored.get(who, 0) + (here < len(events) and events[here] < last) + 1
    heard.saying[before].append(command)
    heard.offsets[before].append(record.offset)


def answers(heard: Heard, judged: Mapping[Before, Sequence[str]]) -> dict[int, str]:
    """What must have become of each command by offset, the oracle's answers beside those it was not asked."""
    found = dict(heard.refused)
    for before, offsets in heard.offsets.items():
        found.update(zip(offsets, judged[before], strict=True))
    return found


def command_differences(
    heard: Heard, due: Mapping[int, str], letters: Iterable[int], alerts: Iterable[AlertV1]
) -> list[str]:
    """Commands without an answer, with two of them, or with another.

    An override has its answer in the scores. What is superseded has none: nothing may be said of it.

    Args:
        heard: as found.
        due: what must have become of each, by offset.
        letters: offsets of commands in dead letters, once per letter.
        alerts: the log.
    """
    found = [f"command {offset}: no position is past it" for offset in heard.unheard]
    refused = Counter(letters)
    for offset in sorted(due.keys() | refused.keys()):
        answer = due.get(offset, "not heard")
        if refused[offset] != (answer not in (APPLIED, SUPERSEDED, "not heard")):
            found.append(f"command {offset}: {answer}, and {refused[offset]} dead letters")
    moved = Counter((a.customer_id, a.rule_id, a.command_id) for a in alerts if a.command_id is not None)
    applied = Counter(
        (command.customer_id, command.rule_id or "", command.command_id)
        for before, said in heard.saying.items()
        for command, offset in zip(said, heard.offsets[before], strict=True)
        if due[offset] == APPLIED and command.action not in DECISIONS
    )
    return found + [
        f"command {name[2]!r} about {name[:2]}: applied {applied[name]} times, {moved[name]} on the log"
        for name in sorted(moved.keys() | applied.keys(), key=repr)
        if moved[name] != applied[name]
    ]
