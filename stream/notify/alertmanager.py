"""Alertmanager's API v2, as far as we use it: alerts are posted; silences are listed, made and expired."""

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import msgspec

__all__ = ["Alertmanager", "Away", "Matcher", "Refused", "Silence"]

TOTAL_S = 10.0
"""For one request, at most."""
MAX_BODY = 64 * 1024 * 1024
"""Bytes of an answer that are read: a list of 20,000 silences has some ten million."""


class Away(Exception):
    """Alertmanager did not do it: away, busy, or it refuses. The message says what it said, cut short."""


class Refused(Away):
    """Alertmanager answered that it does not do this one thing: others may be asked for.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: int, said: str) -> None:
        super().__init__(said)
        self.status = status


class Matcher(msgspec.Struct, frozen=True):
    """One condition of a silence."""

    name: str
    value: str
    is_regex: bool = msgspec.field(name="isRegex")
    is_equal: bool = msgspec.field(name="isEqual", default=True)


class Status(msgspec.Struct, frozen=True):
    """`active`, `pending` or `expired`."""

    state: str


class Silence(msgspec.Struct, frozen=True):
    """As Alertmanager lists it."""

    id: str
    matchers: list[Matcher]
    ends_at: str = msgspec.field(name="endsAt")
    comment: str
    created_by: str = msgspec.field(name="createdBy")
    status: Status


_silences = msgspec.json.Decoder(list[Silence])


class Alertmanager:
    """One Alertmanager by its address, `/api/v2` left out.

    Args:
        session: shared by all; closed by whoever opened it.
        url: `http://host:9093`, or with the prefix that it runs under.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._base = session, url.rstrip("/") + "/api/v2/"

    async def post_alerts(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Show it these alerts; none is a question whether it takes any.

        Raises:
            Refused: it does not take them as they are.
            Away: it did not take them.
        """
        await self._call("POST", "alerts", alerts)

    async def silences(self) -> list[Silence]:
        """All that are not over: its filters compare a matcher's text, so that no pattern finds ours.

        Raises:
            Away: it did not answer, or not with a list of silences.
        """
        answer = await self._call("GET", "silences")
        try:
            return [each for each in _silences.decode(answer) if each.status.state != "expired"]
        except msgspec.DecodeError as error:
            raise Away(f"its silences cannot be read: {error}") from error

    async def make_silence(self, silence: Mapping[str, Any]) -> None:
        """Make one, or change the one whose `id` is given.

        Raises:
            Away: it was not made.
        """
        await self._call("POST", "silences", silence)

    async def expire_silence(self, silence_id: str) -> None:
        """End one now.

        Raises:
            Away: it was not ended.
        """
        await self._call("DELETE", f"silence/{silence_id}")

    async def _call(self, method: str, path: str, body: object = None) -> bytes:
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with self._session.request(
                method,
                self._base + path,
                data=data,
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=TOTAL_S),
                allow_redirects=False,
            ) as answer:
                said = await _read(answer)
                if answer.status != 200:
                    text = said[:200].decode(errors="replace")
                    raise Refused(answer.status, f"{method} {path}: {answer.status} {text}")
                return said
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Away(f"{method} {path}: {type(error).__name__} {error}"[:300]) from error


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in answer.content.iter_chunked(65_536):
        size += len(piece)
        if size > MAX_BODY:
            raise Away(f"its answer is longer than {MAX_BODY} bytes")
        pieces.append(piece)
    return b"".join(pieces)
