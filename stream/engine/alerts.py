"""The alerts that are open now: the compacted topic to its end, the newest state of each."""

from collections.abc import Callable

import msgspec

from schemas.alert import AlertV1
from schemas.codec import DECODE_ERRORS, decode_alert
from stream.config import Settings
from stream.engine.feed import partition_of
from stream.engine.reader import read_pages

__all__ = ["OVER", "TOPIC", "open_alerts"]

TOPIC = "alerts"
OVER = frozenset({"resolved", "expired"})
"""States in which nobody has to act any more."""


class _Head(msgspec.Struct):
    """What tells a newer state from an older one; the rest of most records is never decoded."""

    dedup_key: str
    customer_id: str
    seq: int
    state: str


_head = msgspec.json.Decoder(_Head).decode


async def open_alerts(
    settings: Settings, customer: str | None = None, on_read: Callable[[int], None] | None = None
) -> list[AlertV1]:
    """Alerts in any state in which somebody has to act, or may have to: also those held back.

    Args:
        settings: where Kafka is and how topics are called.
        customer: only this one's; then only the partition in which it should lie is read, if that has any.
        on_read: called with the number of records read so far.

    Raises:
        BrokerError: unreachable, missing, or nothing more comes for `restore_stall_s`.
    """
    if customer is None:
        return await _read(settings, None, None, on_read)
    likely = partition_of(customer.encode(), settings.partitions)
    return await _read(settings, customer, [likely], on_read) or await _read(
        settings, customer, None, on_read
    )


async def _read(
    settings: Settings,
    customer: str | None,
    partitions: list[int] | None,
    on_read: Callable[[int], None] | None,
) -> list[AlertV1]:
    newest: dict[str, tuple[int, AlertV1 | None]] = {}
    n_read = 0
    async for page in read_pages(settings, TOPIC, partitions=partitions):
        n_read += len(page)
        if on_read is not None:
            on_read(n_read)
        for record in page:
            if record.value is None:  # a tombstone: the customer was forgotten
                newest.pop((record.key or b"").decode(errors="replace"), None)
                continue
            try:
                head = _head(record.value)
                if customer in (None, head.customer_id) and newest.get(head.dedup_key, (-1,))[0] < head.seq:
                    alert = None if head.state in OVER else decode_alert(record.value)
                    newest[head.dedup_key] = head.seq, alert
            except DECODE_ERRORS:  # nobody but workers writes here; what else is there is no alert
                continue
    return [alert for _seq, alert in newest.values() if alert is not None]
