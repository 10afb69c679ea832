"""What a run left on its topics, read committed, against what the workload says must be there."""

from collections import Counter
from dataclasses import dataclass

import msgspec

from stream.config import Settings
from stream.engine.reader import read_pages
from stream.engine.topics import CHANGELOG
from stream.state.position import POSITION_KEY, Position

__all__ = ["Outputs", "findings", "read_outputs"]


class _Score(msgspec.Struct):
    """What both kinds of score have; `seq` is ours alone."""

    customer_id: str
    events: int
    seq: int | None = None


@dataclass(slots=True)
class Outputs:
    """Counted over the output topics.

    Attributes:
        scores: records.
        events: per customer, events behind the last score.
        breaks: scores that are not the customer's next one.
        alerts: transitions.
        dead_letters: records.
        state_rows: changelog records, position rows left out.
        state_bytes: their keys and values.
        positions: source offsets that the positions of all partitions add up to; None if there are none.
    """

    scores: int
    events: Counter[str]
    breaks: int
    alerts: int
    dead_letters: int
    state_rows: int = 0
    state_bytes: int = 0
    positions: int | None = None


async def read_outputs(settings: Settings, *, by_event: bool) -> Outputs:
    """Read every output topic of a run to its end.

    Args:
        settings: of the run.
        by_event: the run publishes a score per event and numbers them by event instead of by `seq`.
    """
    decoder = msgspec.json.Decoder(_Score)
    events: Counter[str] = Counter()
    last: Counter[str] = Counter()
    scores = breaks = 0
    async for page in read_pages(settings, "scores"):
        for record in page:
            score = decoder.decode(record.value)
            number = score.events if by_event else score.seq
            scores += 1
            breaks += number != last[score.customer_id] + 1
            last[score.customer_id] = number or 0
            events[score.customer_id] = score.events
    outputs = Outputs(
        scores,
        events,
        breaks,
        alerts=await _count(settings, "alerts" if by_event else "alert-log"),
        dead_letters=await _count(settings, "dead-letters"),
    )
    if not by_event:
        await _read_state(settings, outputs)
    return outputs


async def _count(settings: Settings, topic: str) -> int:
    return sum([len(page) async for page in read_pages(settings, topic)])


async def _read_state(settings: Settings, outputs: Outputs) -> None:
    ends: dict[int, int] = {}
    async for page in read_pages(settings, CHANGELOG):
        for record in page:
            if record.key == POSITION_KEY:
                ends[record.partition] = Position.decode(record.value).offsets[settings.topic("interactions")]
            else:
                outputs.state_rows += 1
                outputs.state_bytes += len(record.key) + len(record.value)
    outputs.positions = sum(ends.values())


def findings(outputs: Outputs, expected: Counter[str], *, by_event: bool) -> list[str]:
    """What is wrong with the outputs; empty if nothing is."""
    n_events = expected.total()
    found = []
    wrong = sum(outputs.events[name] != expected[name] for name in expected | outputs.events)
    if wrong:
        found.append(f"{wrong} of {len(expected)} customers' last scores count other events than were sent")
    if outputs.breaks:
        found.append(f"{outputs.breaks} scores are not their customer's next one")
    if outputs.dead_letters:
        found.append(f"{outputs.dead_letters} dead letters of a valid workload")
    if by_event and outputs.scores != n_events:
        found.append(f"{outputs.scores} scores of {n_events} events")
    if not by_event and outputs.positions != n_events:
        found.append(f"committed positions add up to {outputs.positions}, not {n_events}")
    return found
