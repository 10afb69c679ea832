"""A TCP proxy on loopback that is a bad network on demand: late, slow, silent one way, both ways, or gone.

    async with Proxy(listen=19095, to=19094) as proxy:
        proxy.delay_s = 0.2                     # each way
        proxy.bytes_per_s = 8_000               # each connection and way
        proxy.hold(UP)                          # takes what clients send and passes none of it on
        proxy.hold(UP, DOWN, forever=True)      # connections of now stay silent for good, new ones work
        proxy.cut(refuse=True)                  # resets all there are, and every new one at once
        proxy.heal()

Nothing is ever dropped or reordered within a connection that goes on: what was held is passed on when healed.
"""

import asyncio
import contextlib
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from stream.local.ports import HOST

__all__ = ["DOWN", "UP", "Proxy"]

UP, DOWN = "up", "down"
CHUNK = 64 * 1024
CLIENT_ID_AT = 12  # after size, key, version and correlation id of Kafka's request header: its length first


@dataclass(eq=False, slots=True)
class _Link:
    """One client's connection with its twin to Kafka."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    open: dict[str, asyncio.Event] = field(
        default_factory=lambda: {UP: asyncio.Event(), DOWN: asyncio.Event()}
    )
    client_id: str = ""
    given_up: bool = False

    def abort(self) -> None:
        """Reset both sides, as a router does that forgot the connection."""
        self.client.transport.abort()
        self.server.transport.abort()


def _anybody(_client_id: str) -> bool:
    return True


class Proxy:
    """Listens on `listen` of loopback and passes everything on to port `to`, and back.

    Attributes:
        delay_s: each piece waits so long, each way.
        bytes_per_s: of each connection, each way; None is as fast as it goes.
    """

    def __init__(self, *, listen: int, to: int) -> None:
        self.delay_s = 0.0
        self.bytes_per_s: int | None = None
        self._listen, self._to = listen, to
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._held: frozenset[str] = frozenset()
        self._who: Callable[[str], bool] = _anybody
        self._refusing = False
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, HOST, self._listen)
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut(refuse=True)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def connections(self) -> int:
        """Open now, the silent ones included."""
        return len(self._links)

    # --- what can be wrong ---------------------------------------------------------------------------------

    def hold(self, *ways: str, who: Callable[[str], bool] = _anybody, forever: bool = False) -> None:
        """Stop passing on in these directions; connections stay open and new ones are accepted.

        Args:
            ways: UP, DOWN or both.
            who: told a connection's Kafka client id; holds only those it says yes to.
            forever: only the connections there are now, and `heal` does not bring them back.
        """
        for link in self._links:
            if who(link.client_id):
                link.given_up = link.given_up or forever
                for way in ways:
                    link.open[way].clear()
        if not forever:
            self._held, self._who = frozenset(ways), who

    def cut(self, *, refuse: bool = False) -> None:
        """Reset every connection; with `refuse` also each new one, until healed."""
        self._refusing = refuse
        for link in list(self._links):
            link.abort()

    def heal(self) -> None:
        """A good network again; what was held is passed on."""
        self.delay_s, self.bytes_per_s, self._held, self._refusing = 0.0, None, frozenset(), False
        self._who = _anybody
        for link in self._links:
            if not link.given_up:
                for gate in link.open.values():
                    gate.set()

    # --- how -----------------------------------------------------------------------------------------------

    async def _accept(self, client_reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if self._refusing:
                raise ConnectionRefusedError
            server_reader, server = await asyncio.open_connection(HOST, self._to)
        except OSError:  # nobody there: the client is told as TCP tells it
            client.transport.abort()
            return
        link = _Link(client, server)
        self._links.add(link)
        try:
            first = await client_reader.read(CHUNK)
            link.client_id = _client_id(first)
            for way, gate in link.open.items():
                if way not in self._held or not self._who(link.client_id):
                    gate.set()
            ways = [
                asyncio.create_task(self._pass(link, UP, client_reader, server, first)),
                asyncio.create_task(self._pass(link, DOWN, server_reader, client)),
            ]
            _done, rest = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for other in rest:
                other.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # the client left before it said a word
        finally:
            self._links.discard(link)
            link.abort()

    async def _pass(
        self,
        link: _Link,
        way: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        piece: bytes = b"",
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := piece or await reader.read(CHUNK):
                await asyncio.sleep(self.delay_s)
                await self._slowly(len(piece))
                await link.open[way].wait()
                writer.write(piece)
                await writer.drain()
                piece = b""

    async def _slowly(self, n_bytes: int) -> None:
        """Wait as long as so many bytes take; looks again in between, for the network may be healed."""
        while n_bytes > 0 and (rate := self.bytes_per_s) is not None:
            await asyncio.sleep(min(0.1, n_bytes / rate))
            n_bytes -= max(1, rate // 10)


def _client_id(request: bytes) -> str:
    """Who speaks, from the header of a Kafka request; empty if it is none."""
    try:
        (length,) = struct.unpack_from(">h", request, CLIENT_ID_AT)
    except struct.error:
        return ""
    return request[CLIENT_ID_AT + 2 : CLIENT_ID_AT + 2 + max(0, length)].decode(errors="replace")
