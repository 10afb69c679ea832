"""One POST to somebody else's server: bounded in time and in size, and never sent to another host.

What the server answers is not trusted: its body is read only as far as keeping the connection needs, is never
unpacked, and is thrown away.
"""

import asyncio
import os
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
from yarl import URL

from stream.errors import ConfigError

__all__ = ["MAX_BODY", "Answer", "NoAnswer", "Poster", "checked_url", "shown"]

MAX_BODY = 65_536
"""Bytes of an answer that are read; a longer one costs its connection."""
DRAIN_S = 1.0
"""The status is known by then: nobody waits longer for the rest."""
MAX_REDIRECTS = 3
KEEP_METHOD = frozenset({307, 308})
"""Redirects that repeat a POST. The older ones turn it into a GET, which would deliver nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: of HTTP.
        retry_after: header of this name, as received.
        redirect: "" or why a redirect was not followed, for people; names no path, which may be a secret.
    """

    status: int
    retry_after: str | None = None
    redirect: str = ""


class NoAnswer(Exception):
    """Nothing that can be understood came back. The message says what happened, and names nothing secret."""


class Poster:
    """Sends POSTs over connections that it keeps; opened by the first one, on the loop that it runs on.

    Args:
        connect_s: for a connection, TLS included.
        total_s: for everything up to the status of the answer.
        connections: at once, at most.
    """

    def __init__(self, connect_s: float = 3.0, total_s: float = 10.0, connections: int = 8) -> None:
        self._connect_s, self._total_s, self._connections = connect_s, total_s, connections
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Let go of every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, url: URL, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send, follow redirects within the same origin, and give the last answer.

        Raises:
            NoAnswer: no connection, no answer in time, or one that is no HTTP.
        """
        hops = 0
        while True:
            answer, location = await self._once(url, body, headers)
            if not 300 <= answer.status < 400:
                return answer
            target = _next(url, answer.status, location)
            if isinstance(target, str):
                return Answer(answer.status, redirect=target)
            if hops == MAX_REDIRECTS:
                return Answer(answer.status, redirect=f"it redirects more than {MAX_REDIRECTS} times")
            hops, url = hops + 1, target

    async def _once(self, url: URL, body: bytes, headers: Mapping[str, str]) -> tuple[Answer, str | None]:
        session = self._opened()
        try:
            response = await session.post(url, data=body, headers=headers, allow_redirects=False)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            raise NoAnswer(self._said(error)) from error
        answer = Answer(response.status, response.headers.get("Retry-After"))
        await _drain(response)
        return answer, response.headers.get("Location")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections),
                timeout=aiohttp.ClientTimeout(total=self._total_s, sock_connect=self._connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # a small answer may unpack to gigabytes
                trust_env=False,
            )
        return self._session

    def _said(self, error: Exception) -> str:
        """The error in words of ours: those of libraries quote what the server sent."""
        if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
            return "its certificate is not trusted"
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            return "its name does not resolve"
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return f"no connection within {self._connect_s:g} s"
        if isinstance(error, TimeoutError):
            return f"no answer within {self._total_s:g} s"
        if isinstance(error, aiohttp.ClientConnectorError):
            number = error.os_error.errno
            return f"no connection: {os.strerror(number) if number else type(error.os_error).__name__}"
        return f"no valid answer: {type(error).__name__}"


def _next(url: URL, status: int, location: str | None) -> URL | str:
    """Where a redirect leads, or why it is not followed."""
    if status not in KEEP_METHOD or location is None:
        return "it redirects, which would not repeat the message"
    try:
        target = url.join(URL(location))
        same = target.origin() == url.origin()
    except ValueError:
        return "it redirects to something that is no URL"
    return target if same else "it redirects to another host, which is not followed"


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read a short answer to its end, so that the connection can be used again; give up on any other."""
    left = MAX_BODY
    with suppress(aiohttp.ClientError, OSError, ValueError):
        async with asyncio.timeout(DRAIN_S):
            while left > 0 and (chunk := await response.content.read(left)):
                left -= len(chunk)
    response.close()  # ends the connection, unless the end was reached: then it has been given back


def checked_url(text: str, setting: str) -> URL:
    """A URL that can be posted to.

    Args:
        text: as configured.
        setting: its name, for the error.

    Raises:
        ConfigError: it is not http(s), or names no host. It is not repeated: it may hold a secret.
    """
    with suppress(ValueError):
        url = URL(text.strip())
        if url.scheme in {"http", "https"} and url.host:
            return url
    raise ConfigError(
        f"setting {setting} is not an http or https URL", hint="write it like https://example.com/hooks"
    )


def shown(url: URL) -> str:
    """The URL as logs may show it: where it leads, without user, path and query, which may be secrets."""
    return str(url.origin())
