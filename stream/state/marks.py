"""The rare facts that force or override what is shown of a customer; part of a row's tail.

They are kept after they have expired: an older fact that arrives late must lose against a newer one that is
over.
"""

import struct
from dataclasses import dataclass, field

from stream.errors import StateError
from stream.model.override import EXCEPTIONS, Override, merged

__all__ = ["Marks"]

_HEAD = struct.Struct("<BBB")  # what was last published, exceptions, overrides (0 or 1)
_EXCEPTION = struct.Struct("<BI")  # place in EXCEPTIONS, when
_OVERRIDE = struct.Struct("<qqbHH")  # issued, until, band, bytes of author, bytes of reason


@dataclass(slots=True)
class Marks:
    """Of one row.

    Attributes:
        last_s: place in `EXCEPTIONS` -> when it happened last, seconds since 1990 plus one.
        override: the latest decision of a person.
        published: `Standing.mark` as last published, so that a sweep says when something has expired.
    """

    last_s: dict[int, int] = field(default_factory=dict)
    override: Override | None = None
    published: int = 0

    def note(self, place: int, time_s: int) -> None:
        """An exception has happened; the latest of its kind is kept."""
        self.last_s[place] = max(time_s, self.last_s.get(place, 0))

    def decide(self, override: Override) -> bool:
        """A person has decided; the later decision is kept.

        Returns:
            whether that is another one than before.
        """
        before, self.override = self.override, merged(self.override, override)
        return self.override != before

    def encode(self) -> bytes:
        """Bytes, the same for the same facts."""
        parts = [_HEAD.pack(self.published, len(self.last_s), self.override is not None)]
        parts += [_EXCEPTION.pack(place, self.last_s[place]) for place in sorted(self.last_s)]
        if self.override is not None:
            one = self.override
            author, reason = one.author.encode(), one.reason.encode()
            parts.append(_OVERRIDE.pack(one.issued_ms, one.until_ms, one.band, len(author), len(reason)))
            parts += [author, reason]
        return b"".join(parts)

    @classmethod
    def decode(cls, data: bytes) -> "Marks":
        """Inverse of `encode`.

        Raises:
            StateError: other bytes, marks of nothing, or an exception that this version does not know.
        """
        try:
            published, n_exceptions, n_overrides = _HEAD.unpack_from(data)
            at, last_s = _HEAD.size, {}
            for _ in range(n_exceptions):
                place, last_s_of = _EXCEPTION.unpack_from(data, at)
                last_s[place] = last_s_of
                at += _EXCEPTION.size
            override = None
            if n_overrides:
                issued, until, band, n_author, n_reason = _OVERRIDE.unpack_from(data, at)
                at += _OVERRIDE.size
                author, reason = data[at : at + n_author], data[at + n_author : at + n_author + n_reason]
                override = Override(issued, until, band, author.decode(), reason.decode())
                at += n_author + n_reason
        except (struct.error, UnicodeDecodeError) as error:
            raise _torn() from error
        nothing = not last_s and override is None
        if at != len(data) or nothing or any(place >= len(EXCEPTIONS) for place in last_s):
            raise _torn()
        return cls(last_s, override, published)


def _torn() -> StateError:
    return StateError(
        "a state row's overflow has another length than it says",
        hint="the changelog holds torn bytes, or rows of a newer version",
    )
