"""What a run left on its topics, read committed, against what the workload says must be there.

Of a peer more can be said than of ours, because its job is one small function: `peers/job.py` computes every
customer's last score and the number of alerts anew. Our own model has its oracle in the tests.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from stream.config import Settings
from stream.engine.reader import read_pages
from stream.engine.topics import CHANGELOG
from stream.state.position import POSITION_KEY, Position
from tests.bench.backlog import Backlog, Folded

__all__ = ["Outputs", "Publishes", "findings", "read_outputs"]

Publishes = Literal["per event", "per commit", "nothing"]

TOLERANCE = 1e-6
"""Powers and logarithms of two languages differ in the last bits, and sums of them a little more."""


class _Score(msgspec.Struct):
    """Ours, as far as it is counted."""

    customer_id: str
    events: int
    seq: int


class _PeerScore(msgspec.Struct):
    """The peers', in `peers/job.py`."""

    customer_id: str
    events: int
    trust: float
    churn_risk: float


@dataclass(slots=True)
class Outputs:
    """Counted over the output topics.

    Attributes:
        scores: records.
        events: per customer, events behind the last score.
        breaks: scores that are not the customer's next one.
        alerts: transitions.
        dead_letters: records.
        last: a peer's last trust and churn risk by customer.
        state_rows: changelog records of ours, position rows left out.
        state_bytes: their keys and values.
        positions: source offsets that the positions of all partitions add up to; None if there are none.
    """

    scores: int = 0
    events: Counter[str] = field(default_factory=Counter)
    breaks: int = 0
    alerts: int = 0
    dead_letters: int = 0
    last: dict[str, tuple[float, float]] = field(default_factory=dict)
    state_rows: int = 0
    state_bytes: int = 0
    positions: int | None = None


async def read_outputs(settings: Settings, publishes: Publishes) -> Outputs:
    """Read every output topic of a run to its end."""
    outputs = Outputs()
    if publishes == "per event":
        await _read_peer(settings, outputs)
    else:
        await _read_ours(settings, outputs)
    outputs.alerts = await _count(settings, "alerts" if publishes == "per event" else "alert-log")
    outputs.dead_letters = await _count(settings, "dead-letters")
    return outputs


async def _read_peer(settings: Settings, outputs: Outputs) -> None:
    decode = msgspec.json.Decoder(_PeerScore).decode
    async for page in read_pages(settings, "scores"):
        for record in page:
            score = decode(record.value)
            outputs.breaks += score.events != outputs.events[score.customer_id] + 1
            outputs.events[score.customer_id] = score.events
            outputs.last[score.customer_id] = (score.trust, score.churn_risk)
        outputs.scores += len(page)


async def _read_ours(settings: Settings, outputs: Outputs) -> None:
    decode = msgspec.json.Decoder(_Score).decode
    seqs: Counter[str] = Counter()
    async for page in read_pages(settings, "scores"):
        for record in page:
            score = decode(record.value)
            outputs.breaks += score.seq != seqs[score.customer_id] + 1
            seqs[score.customer_id] = score.seq
            outputs.events[score.customer_id] = score.events
        outputs.scores += len(page)
    ends: dict[int, int] = {}
    async for page in read_pages(settings, CHANGELOG):
        for record in page:
            if record.key == POSITION_KEY:
                ends[record.partition] = Position.decode(record.value).offsets[settings.topic("interactions")]
            else:
                outputs.state_rows += 1
                outputs.state_bytes += len(record.key) + len(record.value)
    outputs.positions = sum(ends.values())


async def _count(settings: Settings, topic: str) -> int:
    return sum([len(page) async for page in read_pages(settings, topic)])


def findings(outputs: Outputs, backlog: Backlog, publishes: Publishes) -> list[str]:
    """What is wrong with the outputs; empty if nothing is. A job that was never killed may repeat nothing."""
    expected = backlog.expected
    found = []
    if publishes != "nothing":
        wrong = sum(outputs.events[name] != expected[name] for name in expected | outputs.events)
        if wrong:
            found.append(
                f"{wrong} of {len(expected)} customers' last scores count other events than were sent"
            )
    if outputs.breaks:
        found.append(f"{outputs.breaks} scores are not their customer's next one")
    if outputs.dead_letters:
        found.append(f"{outputs.dead_letters} dead letters of a valid workload")
    if publishes == "per event":
        found += _peer_findings(outputs, expected.total(), backlog.folded())
    elif outputs.positions != expected.total():
        found.append(f"committed positions add up to {outputs.positions}, not {expected.total()}")
    if publishes == "nothing" and outputs.scores + outputs.state_rows:
        found.append(f"{outputs.scores} scores and {outputs.state_rows} rows of a job that has none")
    return found


def _peer_findings(outputs: Outputs, n_events: int, folded: Folded) -> list[str]:
    found = []
    if outputs.scores != n_events:
        found.append(f"{outputs.scores} scores of {n_events} events")
    if outputs.alerts != folded.alerts:
        found.append(f"{outputs.alerts} alerts, not {folded.alerts}")
    differ = sum(
        name not in outputs.last
        or any(abs(a - b) > TOLERANCE for a, b in zip(outputs.last[name], last, strict=True))
        for name, last in folded.last.items()
    )
    if differ:
        found.append(f"{differ} of {len(folded.last)} customers' last scores have other values")
    return found
