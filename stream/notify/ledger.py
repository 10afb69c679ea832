"""The ledger's rows: what each sink was told, so that a restart or another process does not tell it again.

Key `sink|dedup_key`: up to which `seq`. Key `sink|`: the sink's baseline in this partition. Key
`sink/again|dedup_key`: a dead letter that was sent again; a row of its own, since the sink may be told of
something newer at the same moment. A row lies in the partition of its alert. Rows of deleted alerts are
deleted too: their keys name customers.
"""

from collections.abc import Iterable

import msgspec

from schemas.alert import AlertV1
from schemas.codec import encode
from stream.notify.outbox import Outbox, Settled
from stream.notify.ports import Row
from stream.notify.told import OVER, Mark

__all__ = ["again_row", "baseline_row", "forget_rows", "letter", "mark_row", "projected", "read_row"]


class _Told(msgspec.Struct, frozen=True, omit_defaults=True):
    """Value of a row; `cause` says why it was never told."""

    seq: int
    episode: int
    severity: str
    cause: str | None = None


class _Baseline(msgspec.Struct, frozen=True):
    baseline: int


AGAIN = "/again"
"""After a sink's name, which has no slash."""
_told = msgspec.json.Decoder(_Told)
_baseline = msgspec.json.Decoder(_Baseline)
Bytes = tuple[bytes, bytes | None]


def mark_row(sink: str, settled: Settled) -> Bytes:
    """Key and value: this was told, or never will be."""
    mark = settled.mark
    value = _Told(mark.seq, mark.episode, mark.severity, settled.cause)
    return _key(sink, settled.waiting.notification.alert.dedup_key), msgspec.json.encode(value)


def baseline_row(sink: str, offset: int) -> Bytes:
    """Key and value: the sink began here."""
    return _key(sink, ""), msgspec.json.encode(_Baseline(offset))


def again_row(sink: str, alert: AlertV1) -> Bytes:
    """Key and value: the dead letter of this transition was sent again, and taken."""
    value = _Told(alert.seq, alert.episode, alert.severity)
    return _key(sink + AGAIN, alert.dedup_key), msgspec.json.encode(value)


def forget_rows(sink: str, dedup_key: str) -> list[Bytes]:
    """Keys and values: nothing is known of the alert any more."""
    return [(_key(sink, dedup_key), None), (_key(sink + AGAIN, dedup_key), None)]


def letter(sink: str, settled: Settled) -> list[tuple[str, bytes]]:
    """Headers of a dead letter, whose value is the alert: which sink, why, and the idempotency key."""
    told, waiting = settled.waiting.notification, settled.waiting
    return _headers(sink, settled.cause or "", settled.reason, told.kind, told.key, waiting.tries)


def projected(sink: str, partition: int, alert: AlertV1, reason: str) -> Row:
    """A dead letter of an alert that an Alertmanager refuses: `opened` stands for all that is not over."""
    key, kind = f"{alert.dedup_key}:{alert.seq}", alert.state if alert.state in OVER else "opened"
    headers = _headers(sink, "refused", reason, kind, key, 1)
    return partition, alert.dedup_key.encode(), encode(alert), headers


def _headers(sink: str, cause: str, detail: str, kind: str, key: str, tries: int) -> list[tuple[str, bytes]]:
    said = {
        "sink": sink,
        "cause": cause,
        "detail": detail[:200],
        "kind": kind,
        "key": key,
        "tries": str(tries),
    }
    return [(f"kizuna.{name}", text.encode("utf-8", "replace")) for name, text in said.items()]


def read_row(
    outboxes: dict[str, Outbox],
    partition: int,
    key: bytes,
    value: bytes | None,
    shown: Iterable[AlertV1] = (),
) -> bool:
    """Teach the sink's outbox what a row says; False if the row cannot be read.

    Rows of sinks that are not configured are nobody's.

    Args:
        outboxes: by the sink's name.
        partition: of the row.
        key: of the row.
        value: of the row.
        shown: alerts of the partition that people see, of those that were read before the row: another
            process that begins with a sink may end before it has told of them.
    """
    try:
        sink, bar, dedup_key = key.decode().partition("|")
        again = sink.endswith(AGAIN)
        outbox = outboxes.get(sink.removesuffix(AGAIN))
        if not bar:
            return False
        if outbox is None or value is None:
            return True
        if dedup_key:
            row = _told.decode(value)
            if again:
                outbox.again[dedup_key] = row.seq
            else:
                mark = Mark(row.seq, row.episode, row.severity, taken=row.cause is None)
                outbox.learn(partition, dedup_key, mark)
        elif partition not in outbox.baselines:
            outbox.begin(partition, _baseline.decode(value).baseline, shown)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _key(sink: str, dedup_key: str) -> bytes:
    return f"{sink}|{dedup_key}".encode()
