"""CloudEvents 1.0 over Kafka: where the interaction lies inside a record.

Binary mode: the value is the interaction, attributes are `ce_*` headers, which we do not read. Structured
mode (header `content-type: application/cloudevents+json`): the interaction is the envelope's `data`. In both
modes, as in plain JSON, everything we use is in the interaction itself: its own `type`, `event_id` and
`occurred_at` count, not the envelope's `type`, `id` and `time`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

STRUCTURED: Final = b"application/cloudevents"
"""What the content type of structured mode begins with, whatever format and parameters follow."""


class _Envelope(msgspec.Struct, gc=False):
    """The parts that we need. Senders differ in the rest, and refusing it would help nobody."""

    specversion: Literal["1.0"]
    data: msgspec.Raw


_decode = msgspec.json.Decoder(_Envelope).decode


def payload(value: bytes, headers: Iterable[tuple[str, bytes | None]] | None) -> bytes:
    """The bytes of the interaction; `value` itself unless a header says structured mode.

    Raises:
        msgspec.DecodeError: an envelope that is broken, of another version, or whose `data` is no object.
            UnicodeDecodeError and RecursionError likewise: `codec.DECODE_ERRORS` holds them all.
    """
    if not headers:
        return value
    for name, content in headers:
        if name.lower() == "content-type":
            if content is not None and content.strip().lower().startswith(STRUCTURED):
                return _data(value)
            break
    return value


def _data(value: bytes) -> bytes:
    data = bytes(_decode(value).data)
    if not data.startswith(b"{"):
        raise msgspec.ValidationError("Expected `object` - at `$.data`")
    return data
