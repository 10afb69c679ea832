"""Commands of people -> decisions that a row keeps and transitions of alerts, or dead letters."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from hmac import compare_digest
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from schemas.cloudevents import payload
from schemas.codec import DECODE_ERRORS, classify, decode_command
from schemas.command import MAC, CommandV1, mac
from schemas.dead_letter import Cause
from stream.alerts import commands as alerts
from stream.alerts.commands import Refused, Told, reserved
from stream.alerts.evaluate import Measured
from stream.alerts.life import Transition
from stream.alerts.rule import Rule, Rules
from stream.model.columns import Ints
from stream.model.override import BANDS, Override
from stream.pipeline.data_alert import RULE_ID as DATA_RULE
from stream.pipeline.decode import EARLIEST_MS, LAST_MS, MAX_AHEAD_MS, OTHER_KEY, refuse, unusable
from stream.pipeline.effects import Effects
from stream.pipeline.record import Record
from stream.pipeline.times import to_ms
from stream.state.table import CustomerTable

__all__ = ["COMMAND", "Decided", "decide", "decision"]

COMMAND = "command"
"""What commands are counted as, beside the types of interactions."""
WITHDRAWN = -1


class Decided(NamedTuple):
    """What commands changed: rows, ascending, and transitions in the order of the commands.

    `customer` of a transition is the row.
    """

    rows: Ints
    transitions: list[Transition]

    def among(self, rows: Ints, measured: Measured, rules: Rules) -> list[Transition]:
        """The transitions with the customer's place in `rows` (ascending), and what their rules look at."""
        places = np.searchsorted(rows, [each.customer for each in self.transitions]).tolist()
        return [
            replace(each, customer=i, value=float(measured.value[rules.rule.index(each.rule), i]))
            for each, i in zip(self.transitions, places, strict=True)
        ]


def decide(
    table: CustomerTable,
    records: Sequence[Record],
    wall_ms: int,
    now_ms: int,
    rules: Mapping[str, Rule],
    key: bytes | None,
    about_the_data: Callable[[CommandV1], Refused | bool],
    effects: Effects,
) -> Decided:
    """Do what people want, one command after the other; never an exception.

    Of several about a customer's band the latest issue counts, in whatever order they come; those about an
    alert are done in the order in which they lie in the topic.

    Args:
        table: the partition's, written to.
        records: of the topic of commands, one partition's.
        wall_ms: wall time. A command issued more than a day ahead of it is refused: as the latest counts,
            it would beat all that is decided until then.
        now_ms: time of the transitions.
        rules: by id.
        key: that commands must be signed with; None takes those that are not.
        about_the_data: does a command about the partition's own alert; False if nothing changes by it.
        effects: receives dead letters and counts.
    """
    rows, transitions = set[int](), list[Transition]()
    for record, command in _commands(records, wall_ms, key, effects):
        row = None
        if command.rule_id == DATA_RULE:
            done: Transition | Refused | bool = about_the_data(command)
        elif (row := table.index.get(command.customer_id.encode())) is None:
            done = Refused("unknown_customer", "nothing is known of the customer")
        else:
            done = _do(table, int(row), command, now_ms, rules)
        if isinstance(done, Refused):
            refuse(effects, record, *done, COMMAND)
            continue
        effects.outcomes[COMMAND, "applied" if done else "superseded"] += 1
        if done and row is not None:
            rows.add(int(row))
        if isinstance(done, Transition):
            transitions.append(done)
    return Decided(np.array(sorted(rows), np.int64), transitions)


def _do(
    table: CustomerTable, row: int, command: CommandV1, now_ms: int, rules: Mapping[str, Rule]
) -> Transition | Refused | bool:
    """One command; False if nothing changes by it."""
    if (decided := decision(command)) is not None:
        return table.tails.marks(row).decide(decided)
    told = Told(to_ms(command.issued_at), 0 if command.until is None else _ms(command.until))
    events = int(table.rows["events"][row])
    return alerts.apply(table.alerts, row, events, command, told, rules, now_ms) or False


def _commands(
    records: Sequence[Record], wall_ms: int, key: bytes | None, effects: Effects
) -> Iterator[tuple[Record, CommandV1]]:
    """Those that can be read and that somebody may have said; the others become dead letters."""
    for record in records:
        effects.n_records += 1
        found = unusable(record) or _unsigned(record, key) or _read(record, wall_ms)
        if isinstance(found, CommandV1):
            yield record, found
        else:
            refuse(effects, record, *found, COMMAND)


def _unsigned(record: Record, key: bytes | None) -> tuple[Cause, str] | None:
    """Refuse what was not signed with the key: nothing of it is looked at."""
    if key is None:
        return None
    given = next((content for name, content in record.headers or () if name == MAC), None)
    if given is None:
        return "forged_author", f"the header `{MAC}` is missing"
    if not compare_digest(given, mac(key, record.value or b"")):
        return "forged_author", f"the header `{MAC}` was made with another key, or for another command"
    return None


def _read(record: Record, wall_ms: int) -> CommandV1 | tuple[Cause, str]:
    value = record.value or b""
    try:
        command = decode_command(payload(value, record.headers) if record.headers else value)
    except DECODE_ERRORS as failure:
        return classify(failure, value)
    if command.customer_id.encode() != record.key:
        return "key_mismatch", OTHER_KEY
    issued_ms = to_ms(command.issued_at)
    if issued_ms < EARLIEST_MS:
        return "too_old", "`issued_at` is before 1990"
    if issued_ms > min(LAST_MS, wall_ms + MAX_AHEAD_MS):
        return "too_future", "`issued_at` is more than a day ahead of the clock"
    if reserved(command.issued_by):
        return "forged_author", "`issued_by` is a name that no person has"
    return command


def decision(command: CommandV1) -> Override | None:
    """What a command decides about a customer's band; None if it is about an alert.

    A withdrawal is a decision too: it must win against an older override that arrives after it.
    """
    if command.action not in ("override", "withdraw"):
        return None
    issued_ms = _ms(command.issued_at)
    author, reason = command.issued_by, command.reason or ""
    if command.action == "withdraw" or command.band is None or command.until is None:
        return Override(issued_ms, issued_ms, WITHDRAWN, author, reason)
    return Override(issued_ms, _ms(command.until), BANDS.index(command.band), author, reason)


def _ms(time: datetime) -> int:
    """Epoch milliseconds; a time that no event may have counts as the nearest that one may."""
    return min(max(to_ms(time), EARLIEST_MS), LAST_MS)
