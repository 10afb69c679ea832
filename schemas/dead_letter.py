"""Dead letters: a record that was refused, as it came.

Key and value are the original bytes; headers say why and where from. The headers of the original record
are kept in front of ours, so that sending it again loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, get_args

Cause = Literal[
    "empty_value",
    "invalid_json",
    "unknown_type",
    "invalid_field",
    "key_missing",
    "key_mismatch",
    "too_large",
    "too_old",
    "too_future",
    "unknown_customer",
    "unsupported_action",
    "unknown_alert",
    "stale_command",
    "not_open",
    "forged_author",
]
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)

PREFIX: Final = "kizuna."
CAUSE: Final = "kizuna.cause"
DETAIL: Final = "kizuna.detail"
TOPIC: Final = "kizuna.topic"
PARTITION: Final = "kizuna.partition"
OFFSET: Final = "kizuna.offset"
TIMESTAMP_MS: Final = "kizuna.timestamp_ms"
VERSION: Final = "kizuna.version"

FORMAT: Final = "1"
"""Version of the set of headers, not of the software."""

MAX_DETAIL: Final = 200


def headers(
    cause: Cause,
    detail: str,
    topic: str,
    partition: int,
    offset: int,
    timestamp_ms: int,
    original: Iterable[tuple[str, bytes | None]] = (),
) -> list[tuple[str, bytes | None]]:
    """Original headers, then ours; a letter that dies twice carries only its last cause.

    Args:
        cause: one of `CAUSES`; the only part that is counted.
        detail: for people; cut to `MAX_DETAIL` characters.
        topic: where the record came from, with `partition` and `offset`.
        partition: partition of the record.
        offset: offset of the record itself.
        timestamp_ms: the record's Kafka timestamp.
        original: headers the record came with.
    """
    kept = [(name, value) for name, value in original if not name.startswith(PREFIX)]
    return [
        *kept,
        (CAUSE, cause.encode()),
        (DETAIL, detail[:MAX_DETAIL].encode("utf-8", "replace")),
        (TOPIC, topic.encode()),
        (PARTITION, str(partition).encode()),
        (OFFSET, str(offset).encode()),
        (TIMESTAMP_MS, str(timestamp_ms).encode()),
        (VERSION, FORMAT.encode()),
    ]


def said(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """What we say of a letter, by name without `PREFIX`; the record's own headers are left out."""
    ours = ((name.removeprefix(PREFIX), value) for name, value in headers if name.startswith(PREFIX))
    return {name: (value or b"").decode() for name, value in ours}
