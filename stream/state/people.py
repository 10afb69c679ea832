"""What people said about an alert: kept beside its slot, because most alerts are met with silence."""

import msgspec

from stream.errors import StateError

__all__ = ["People", "Said", "Snooze", "decode", "encode"]


class Said(msgspec.Struct, array_like=True):
    """A word of a person: that it was taken on, or a note."""

    by: str
    at_ms: int
    text: str | None = None


class Snooze(msgspec.Struct, array_like=True):
    """Until when nobody is to be told."""

    by: str
    until_ms: int
    reason: str | None = None


class People(msgspec.Struct, array_like=True):
    """Of one slot.

    Attributes:
        ack: who has taken the present episode on.
        snooze: of the present episode.
        note: the last one of the present episode.
        assignee: who acts instead of the rule's owner.
        commands: hashes of the last commands applied, the newest last; they outlive the episode.
    """

    ack: Said | None = None
    snooze: Snooze | None = None
    note: Said | None = None
    assignee: str | None = None
    commands: list[int] = msgspec.field(default_factory=list)

    def begin(self) -> None:
        """A new episode: what was said of the last one is over."""
        self.ack = self.snooze = self.note = self.assignee = None


_Entries = list[tuple[int, People]]
_decoder = msgspec.msgpack.Decoder(_Entries)


def encode(people: _Entries) -> bytes:
    """Bytes of what was said about one customer's alerts, by rule; none if there is nothing."""
    return msgspec.msgpack.encode(sorted(people, key=lambda entry: entry[0])) if people else b""


def decode(data: bytes) -> _Entries:
    """Inverse of `encode`.

    Raises:
        StateError: other bytes.
    """
    if not data:
        return []
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise StateError(
            "what people said of an alert cannot be read from a state row",
            hint="the changelog holds torn bytes, or rows of a newer version",
        ) from error
