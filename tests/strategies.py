"""What Hypothesis draws from: interactions of every type for a few customers, with lateness and duplicates.

Two shapes: `bodies` are interactions as plain dictionaries (the wire's fields), `records` are those as
records of one partition. Times are drawn around `START_MS`; nothing here reads a clock.
"""

import json
import random
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from stream.pipeline import FileRecord

__all__ = ["DAY_MS", "END_MS", "START_MS", "TYPES", "bodies", "history", "iso", "record", "records", "splits"]

Body = dict[str, Any]
Make = Callable[[int, random.Random, int], Body]

START_MS = 1_767_225_600_000  # 2026-01-01
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
END_MS = START_MS + 400 * DAY_MS  # after every history
SCALES = {"nps": (0, 10), "csat": (1, 5), "ces1": (1, 5), "ces2": (1, 7)}
ENGAGEMENTS = ("visit", "login", "email_open", "email_click", "feature_use", "unsubscribed", "resubscribed")


def iso(time_ms: int) -> str:
    """RFC 3339 with milliseconds."""
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
    return time.isoformat(timespec="milliseconds")


def _own(*fixed: Body, **choices: Sequence[Any]) -> Make:
    """Fields that are one choice each; `fixed` are whole alternatives to choose one of, beside them."""

    def make(_: int, chance: random.Random, __: int) -> Body:
        chosen = {name: chance.choice(values) for name, values in choices.items()}
        return chosen | (chance.choice(fixed) if fixed else {})

    return make


def _delivery(time_ms: int, chance: random.Random, refs: int) -> Body:
    status = chance.choice(["promised", "promised", "arrived", "failed"])
    due = iso(time_ms + chance.randrange(-2, 9) * DAY_MS)
    own = {"delivery_id": f"d{chance.randrange(refs)}", "status": status}
    return own | {"promised_at": due if status == "promised" else None}


def _ticket(time_ms: int, chance: random.Random, refs: int) -> Body:
    due = iso(time_ms + chance.randrange(0, 100) * HOUR_MS)
    return {
        "ticket_id": f"t{chance.randrange(refs)}",
        "status": chance.choice(["opened", "opened", "first_reply", "resolved", "reopened", "escalated"]),
        "priority": chance.choice([None, "low", "normal", "high", "urgent"]),
        "due_at": chance.choice([None, None, due]),
        "channel": chance.choice([None, "phone", "EMAIL", "fax"]),
    }


def _subscription(time_ms: int, chance: random.Random, _: int) -> Body:
    status = chance.choice(["started", "renewed", "cancel_requested", "cancelled", "expired"])
    end = iso(time_ms + chance.randrange(400) * DAY_MS)
    return {"subscription_id": "s", "status": status, "term_end": chance.choice([None, end])}


def _survey(_: int, chance: random.Random, __: int) -> Body:
    instrument = chance.choice(list(SCALES))
    return {"instrument": instrument, "score": chance.randint(*SCALES[instrument])}


OWN_FIELDS: dict[str, Make] = {
    "purchase": _own(
        amount=[0, 0.1, 19.99, 250, 1e9],
        currency=["EUR", "EUR", "EUR", "EUR", "jpy", "JPY", "1.5"],
        channel=[None, "web", "Store", "fax"],
    ),
    "refund": _own(amount=[5], currency=["EUR"], kind=["refund", "return", "chargeback"]),
    "delivery": _delivery,
    "ticket": _ticket,
    "survey": _survey,
    "review": _own(rating=range(1, 6)),
    "engagement": _own(kind=ENGAGEMENTS),
    "subscription": _subscription,
    "payment": _own(status=["succeeded", "failed"]),
    "loyalty": _own(kind=["joined", "earned", "redeemed", "tier_up", "tier_down", "left"]),
    "referral": _own(referred_customer_id=[None, "friend"]),
    "incident": _own(
        kind=["breach", "outage", "billing_error", "other"], severity=["minor", "major", "critical"]
    ),
    "recovery": _own(kind=["apology", "compensation"]),
    "profile": _own(
        segment=[None, "retail", "smb"], tier=[None, "silver", "gold"], locale=[None, "de", "ja-JP"]
    ),
}
"""Maker of each type's own fields from (time_ms, chance, number of different tickets and deliveries)."""

TYPES = tuple(OWN_FIELDS)


def history(
    seed: int,
    n: int,
    customers: int = 5,
    days: float = 120.0,
    types: Sequence[str] = TYPES,
    refs: int = 1,
    late_days: int = 30,
) -> list[Body]:
    """`n` interactions over `days`, mostly in time order, one in five late; event ids are distinct."""
    chance = random.Random(seed)
    found = []
    for i in range(n):
        time_ms = START_MS + int((i + 1) / n * days * DAY_MS)
        if chance.random() < 0.2:
            time_ms -= chance.randrange(late_days * DAY_MS)
        kind = chance.choice([*types, *types, types[0]])
        who = f"c{chance.randrange(customers)}"
        common = {"type": kind, "event_id": f"e{i}", "customer_id": who, "occurred_at": iso(time_ms)}
        found.append(common | OWN_FIELDS[kind](time_ms, chance, refs))
    return found


def record(body: Body, offset: int = 0, **changes: Any) -> FileRecord:
    """The record of one interaction."""
    made = FileRecord(
        "interactions", 0, offset, START_MS, body["customer_id"].encode(), json.dumps(body).encode()
    )
    return made._replace(**changes)


def records(found: Iterable[Body]) -> list[FileRecord]:
    """Records of interactions in this order."""
    return [record(body, offset) for offset, body in enumerate(found)]


def bodies(
    max_size: int = 40,
    customers: int = 3,
    types: Sequence[str] = TYPES,
    refs: int = 1,
    days: float = 120.0,
    late_days: int = 30,
) -> st.SearchStrategy[list[Body]]:
    """Histories with distinct event ids. With `refs` 1 a customer has two promises at most."""
    return st.builds(
        history,
        seed=st.integers(0, 2**32),
        n=st.integers(1, max_size),
        customers=st.integers(1, customers),
        days=st.floats(0.0, days),
        types=st.just(types),
        refs=st.just(refs),
        late_days=st.just(late_days),
    )


@st.composite
def splits(draw: st.DrawFn, n: int) -> list[slice]:
    """A way to cut n records into consecutive, non-empty runs."""
    cuts = draw(st.sets(st.integers(1, max(n - 1, 1)), max_size=8))
    edges = [0, *sorted(cut for cut in cuts if cut < n), n]
    return [slice(a, b) for a, b in pairwise(edges)]
