"""A seeded history with all that a source throws at us: every type, duplicates, bad records."""

import random
from datetime import UTC, datetime

import msgspec

from stream.offline.generate import generate

__all__ = ["Message", "history"]

Message = tuple[bytes | None, bytes | None]

P_DUPLICATE = 0.02
P_BAD = 0.01
MAX_DISTANCE = 400  # records between an event and its duplicate: inside the dedup window for most customers


def history(customers: int, days: float, seed: int) -> list[Message]:
    """Keyed messages in order of time, but for the duplicates; the same seed gives the same messages."""
    chance = random.Random(seed)
    end_ms = int(datetime(2026, 11, 1, tzinfo=UTC).timestamp() * 1000)
    messages: list[Message] = []
    for event in generate(customers, days, seed, end_ms).events:
        good = event.customer_id.encode(), msgspec.json.encode(event)
        messages.append(good)
        if chance.random() < P_DUPLICATE:
            messages.append(chance.choice(messages[-MAX_DISTANCE:]))
        if chance.random() < P_BAD:
            messages.append(_mutated(good, chance))
    return messages


def _mutated(good: tuple[bytes, bytes], chance: random.Random) -> Message:
    """A record that is refused for one of many causes."""
    key, value = good
    bad: list[Message] = [
        (None, value),
        (key + b"x", value),
        (key, None),
        (key, value[: chance.randrange(1, len(value) - 1)]),
        (key, value.replace(b'"type":"', b'"type":"un')),
        (key, value.replace(b'"occurred_at":"202', b'"occurred_at":"209')),
        (key, value.replace(b'"occurred_at":"202', b'"occurred_at":"197')),
        (key, b"\xff" + chance.randbytes(20)),
    ]
    return chance.choice(bad)
