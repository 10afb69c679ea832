"""What lies in `notify-dead-letters`, and which of it a sink is still to be told. Pure.

Of each alert at most one: the newest that the sink was to be told, and only while it still says what is so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast, get_args

from schemas.codec import DECODE_ERRORS, decode_alert
from schemas.dead_letter import said
from stream.notify.book import Book
from stream.notify.outbox import Outbox
from stream.notify.sink import SHOWN, Kind, Notification
from stream.notify.told import OVER

__all__ = ["Letter", "PassedOver", "passed_over", "read_letter"]

PassedOver = Literal["told", "newer", "over", "gone", "shown", "no_sink", "unreadable"]
"""Why a letter is not sent again.

`told`: the sink has it after all, or it was sent again before. `newer`: a later transition of its alert was
told, is a letter of its own, or waits to be told. `over`: it says that something is open which is not.
`gone`: its alert was deleted. `shown`: an Alertmanager refused it, and is shown it again anyway. `no_sink`:
nobody has the sink's name any more. `unreadable`: it is no letter.
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """One notification that a sink was never told.

    Attributes:
        sink: its name.
        partition: of the alert.
        notification: with the alert as of then; its `customer_ref` is empty.
    """

    sink: str
    partition: int
    notification: Notification


def read_letter(
    partition: int, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]
) -> Letter | None:
    """The letter in a record; None if it is none."""
    try:
        names, alert = said(headers), decode_alert(value or b"")
    except (*DECODE_ERRORS, UnicodeDecodeError):
        return None
    kind, key = names.get("kind"), names.get("key")
    if kind not in get_args(Kind) or not key or not names.get("sink"):
        return None
    return Letter(names["sink"], partition, Notification(key, alert, cast("Kind", kind), ""))


def passed_over(letter: Letter, outbox: Outbox | None, book: Book) -> PassedOver | None:
    """Why a letter is not to be sent again now, None if it is.

    Args:
        letter: to be judged.
        outbox: of its sink, with all that the ledger and the topic say; None if there is no such sink.
        book: of the same alerts.
    """
    if outbox is None:
        return "shown" if letter.sink.startswith(SHOWN) else "no_sink"
    alert = letter.notification.alert
    key, mark = alert.dedup_key, outbox.marks.get(alert.dedup_key)
    if not book.knows(key):
        return "gone"
    if outbox.waits(letter.partition, key) or (mark is not None and mark.seq > alert.seq):
        return "newer"
    if outbox.again.get(key, 0) >= alert.seq or (mark is not None and mark.taken and mark.seq == alert.seq):
        return "told"
    is_open = book.get(key) is not None
    return "over" if alert.state not in OVER and not is_open else None
