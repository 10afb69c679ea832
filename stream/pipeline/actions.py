"""What can be done about a customer: candidate actions out of the customer's own open state.

An action is an ordinary interaction that has not happened yet. Which of them make sense is read from the row:
nobody resolves a ticket that is not open, or renews what was never subscribed to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from schemas.interaction import Delivery, Ticket
from stream.errors import ConfigError
from stream.model.columns import EPOCH_1990_MS, MS_PER_DAY
from stream.model.parameters import Parameters
from stream.model.promises import Kind, closed
from stream.model.score import Facts
from stream.model.trust import FAILURES
from stream.pipeline.decode import decode
from stream.pipeline.effects import Effects
from stream.pipeline.encode import rfc3339
from stream.pipeline.record import Record

__all__ = ["CODES", "Action", "Efforts", "candidates", "load", "names_of", "parse", "promise_ref"]

SHIPPED = Path(__file__).with_name("actions.toml")
CODES = (
    "first_reply",
    "apologise",
    "payment",
    "resubscribe",
    "visit",
    "csat",
    "resolve",
    "deliver",
    "compensate",
    "purchase",
    "renew",
)
MAX_PROMISES = 8  # open promises that are tried, those due first; a customer has four at most, nearly always
A_YEAR = timedelta(days=365)


class Effort(Struct, frozen=True, forbid_unknown_fields=True):
    """What one kind of action costs, and who acts."""

    code: str
    effort: Annotated[float, Meta(ge=0.0, le=1e6)]
    by: Literal["us", "customer"]


class Efforts(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file: one entry per code."""

    action: tuple[Effort, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """One candidate.

    Attributes:
        code: one of `CODES`.
        effort: minutes, as declared.
        by: "us", or the "customer" whom we can only ask.
        fields: of the interaction, without its common ones.
        about: id of the ticket or delivery; "" where there is none.
        since_ms: when that was opened or promised; 0 where there is none.
        ref: of the promise in the row, 0 = none.
    """

    code: str
    effort: float
    by: str
    fields: dict[str, Any] = field(hash=False)
    about: str = ""
    since_ms: int = 0
    ref: int = 0


def parse(text: str, source: str = "actions") -> dict[str, Effort]:
    """Efforts by code from TOML text.

    Raises:
        ConfigError: syntax, a value outside its domain, an unknown, repeated or missing code.
    """
    hint = "compare with the shipped stream/pipeline/actions.toml"
    try:
        entries = msgspec.toml.decode(text, type=Efforts).action
    except msgspec.DecodeError as error:
        raise ConfigError(f"{source}: {error}", hint=hint) from error
    codes = [entry.code for entry in entries]
    for code in [*codes, *CODES]:
        if codes.count(code) != 1 or code not in CODES:
            fault = "is no action" if code not in CODES else f"is declared {codes.count(code)} times"
            raise ConfigError(f"{source}: {code!r} {fault}", hint=hint)
    return {entry.code: entry for entry in entries}


def load(path: Path | None = None) -> dict[str, Effort]:
    """Efforts of a file; the shipped ones by default."""
    source = path or SHIPPED
    try:
        return parse(source.read_text(encoding="utf-8"), str(source))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot read {source}: {error}", hint="check the path given as --actions"
        ) from error


def names_of(records: Sequence[Record], now_ms: int) -> dict[int, str]:
    """Ids of tickets and deliveries by their reference in a row, which is a hash; bad records are skipped.

    Args:
        records: of the customer.
        now_ms: wall time, for the limit on events ahead of it.
    """
    names: dict[int, str] = {}
    for event in decode(records, now_ms, Effects()).events:
        if isinstance(event, Ticket):
            names[promise_ref("ticket", event.ticket_id)] = event.ticket_id
        elif isinstance(event, Delivery):
            names[promise_ref("delivery", event.delivery_id)] = event.delivery_id
    return names


def candidates(
    known: Facts,
    promises: NDArray[np.void],
    names: Mapping[int, str],
    purchase: tuple[float, str],
    now_ms: int,
    parameters: Parameters,
    efforts: Mapping[str, Effort],
) -> tuple[list[Action], int]:
    """What could be done about one customer now, and how many open promises were too many to try.

    Args:
        known: facts of the customer, n = 1.
        promises: the customer's ledger.
        names: ids by reference; a promise without one is called by its place in the ledger.
        purchase: amount and currency of a purchase as the customer makes them.
        now_ms: when it would be done.
        parameters: of the model.
        efforts: by code.
    """
    risk = known.risk
    whole = {
        "apologise": bool(known.negative[0, FAILURES].sum() > 0.0),
        "compensate": bool(known.negative[0, FAILURES].sum() > 0.0),
        "payment": bool(risk.payment_failures[0] > 0.0),
        "resubscribe": bool(risk.unsubscribed[0]),
        "visit": bool(risk.engagement_long[0] > 0.0),
        "csat": True,
        "purchase": not risk.contractual[0],
        "renew": bool(risk.contractual[0] and _may_end(known, now_ms, parameters)),
    }
    found = [
        _action(efforts[code], _fields(code, purchase, now_ms))
        for code, sensible in whole.items()
        if sensible
    ]
    waiting = promises[(promises["opened"] > 0) & ~closed(promises)]
    waiting = waiting[np.argsort(_due_first(waiting), kind="stable")]
    for number, promise in enumerate(waiting[:MAX_PROMISES], start=1):
        found += _promise_actions(promise, names.get(int(promise["ref"]), f"#{number}"), efforts)
    return found, max(0, len(waiting) - MAX_PROMISES)


def promise_ref(kind: Literal["ticket", "delivery"], name: str) -> int:
    """Reference of a promise in the row, as `columns` makes it."""
    return max(1, xxh3_64_intdigest(f"{kind}:{name}".encode()))


def _may_end(known: Facts, now_ms: int, parameters: Parameters) -> bool:
    """Whether a contract was cancelled, has ended, or ends within the horizon."""
    risk = known.risk
    end_ms = now_ms + parameters.churn.horizon_days * MS_PER_DAY
    ends = 0 < int(risk.term_end_ms[0]) <= end_ms
    return bool(risk.cancel_requested[0] or risk.ended[0] or ends)


def _due_first(promises: NDArray[np.void]) -> NDArray[np.uint32]:
    return np.where(promises["due"] > 0, promises["due"], promises["opened"])


def _promise_actions(promise: np.void, name: str, efforts: Mapping[str, Effort]) -> list[Action]:
    since_ms = (int(promise["opened"]) - 1) * 1000 + EPOCH_1990_MS
    ref = int(promise["ref"])
    if promise["kind"] == Kind.DELIVERY:
        fields = {"type": "delivery", "delivery_id": name, "status": "arrived"}
        return [_action(efforts["deliver"], fields, name, since_ms, ref)]
    ticket = {"type": "ticket", "ticket_id": name}
    steps = {"first_reply": "first_reply", "resolve": "resolved"}
    if promise["replied"] > 0:
        del steps["first_reply"]
    return [
        _action(efforts[code], ticket | {"status": status}, name, since_ms, ref)
        for code, status in steps.items()
    ]


def _action(
    effort: Effort, fields: dict[str, Any], about: str = "", since_ms: int = 0, ref: int = 0
) -> Action:
    return Action(effort.code, effort.effort, effort.by, fields, about, since_ms, ref)


def _fields(code: str, purchase: tuple[float, str], now_ms: int) -> dict[str, Any]:
    """The interaction of an action that is about no ticket or delivery."""
    term_end = (rfc3339(now_ms) + A_YEAR).isoformat()
    fields: dict[str, dict[str, Any]] = {
        "apologise": {"type": "recovery", "kind": "apology"},
        "compensate": {"type": "recovery", "kind": "compensation"},
        "payment": {"type": "payment", "status": "succeeded"},
        "resubscribe": {"type": "engagement", "kind": "resubscribed"},
        "visit": {"type": "engagement", "kind": "visit"},
        "csat": {"type": "survey", "instrument": "csat", "score": 5},
        "purchase": {"type": "purchase", "amount": purchase[0], "currency": purchase[1]},
        "renew": {
            "type": "subscription",
            "subscription_id": "what-if",
            "status": "renewed",
            "term_end": term_end,
        },
    }
    return fields[code]
