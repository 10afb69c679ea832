"""Contacts about a ticket, in their order: how often the channel changed before it was solved.

A row knows which channels a ticket went through, not in which order; the order is in the interactions.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from schemas.codec import DECODE_ERRORS, decode_interaction
from schemas.interaction import Ticket
from stream.model.columns import channel_bit
from stream.pipeline import FileRecord
from stream.pipeline.times import to_ms

__all__ = ["Contacts", "contacts"]

SOLVED, REOPENED = "resolved", "reopened"
STEPS = ("opened", "first_reply", "escalated", REOPENED)  # of two at the same time the first comes first


class Contacts(NamedTuple):
    """Of one customer.

    Attributes:
        could_hop: contacts that had one before them about the same ticket; only such can hop.
        hopped: those of them that came through another channel than the one before.
    """

    could_hop: int
    hopped: int

    @property
    def share(self) -> float | None:
        """Share that hopped; None where none could."""
        return self.hopped / self.could_hop if self.could_hop else None


def contacts(records: Iterable[FileRecord]) -> Contacts:
    """How one customer's contacts hop between channels; any order and duplicates of records say the same.

    A contact is a step in which both sides speak: opened, first reply, escalated, reopened. A ticket's count
    until it is solved for the last time, so what is opened again is gone on with. Steps without a channel
    say nothing. Records that are no interactions are left out.

    Args:
        records: the customer's own; the first of an event id counts.
    """
    seen: set[str] = set()
    told: dict[str, list[tuple[int, int, str, int]]] = defaultdict(list)
    solved_ms: dict[str, int] = defaultdict(int)
    reopened_ms: dict[str, int] = defaultdict(int)
    for record in records:
        try:
            event = decode_interaction(record.value or b"")
        except DECODE_ERRORS:
            continue
        if event.event_id in seen:
            continue
        seen.add(event.event_id)
        if not isinstance(event, Ticket):
            continue
        ticket, time_ms = event.ticket_id, to_ms(event.occurred_at)
        for status, latest_ms in ((SOLVED, solved_ms), (REOPENED, reopened_ms)):
            if event.status == status:
                latest_ms[ticket] = max(time_ms, latest_ms[ticket])
        if event.status != SOLVED and event.channel is not None:
            step = time_ms, STEPS.index(event.status), event.event_id, channel_bit(event.channel)
            told[ticket].append(step)
    could_hop = hopped = 0
    for ticket, steps in told.items():
        solved = ticket in solved_ms and reopened_ms[ticket] <= solved_ms[ticket]
        channels = [step[-1] for step in sorted(steps) if not solved or step[0] <= solved_ms[ticket]]
        could_hop += max(len(channels) - 1, 0)
        hopped += sum(before != after for before, after in pairwise(channels))
    return Contacts(could_hop, hopped)
