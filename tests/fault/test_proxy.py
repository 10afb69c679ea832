"""The bad network is as bad as it says, and good again when healed."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from stream.local.ports import HOST, free_ports
from tests.fault.proxy import DOWN, UP, Proxy


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    except OSError:
        pass  # cut off: what this proxy is for
    finally:
        writer.transport.abort()


class Caller:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, words: bytes, limit_s: float = 5.0) -> float:
        """Seconds until it came back whole."""
        began = monotonic()
        self.writer.write(words)
        async with asyncio.timeout(limit_s):
            assert await self.reader.readexactly(len(words)) == words
        return monotonic() - began

    async def hears_nothing(self, words: bytes) -> bool:
        try:
            await self.say(words, limit_s=0.3)
        except TimeoutError:
            return True
        return False


class Network:
    """A proxy before an echoing server, and those who call."""

    def __init__(self, port: int) -> None:
        self.proxy = Proxy(listen=port + 1, to=port)
        self.callers: list[Caller] = []
        self._port = port + 1

    async def dial(self) -> Caller:
        """A connection on which nothing was said."""
        self.callers.append(Caller(*await asyncio.open_connection(HOST, self._port)))
        return self.callers[-1]

    async def call(self, name: str = "caller") -> Caller:
        """A connection that has introduced itself as Kafka's clients do."""
        caller = await self.dial()
        await caller.say(struct.pack(">ihhih", 0, 18, 0, 1, len(name)) + name.encode())
        return caller


@asynccontextmanager
async def network(*, server: bool = True) -> AsyncIterator[tuple[Proxy, Network]]:
    port = next(free_ports())
    net = Network(port)
    echoing = await asyncio.start_server(echo, HOST, port) if server else None
    try:
        async with net.proxy:
            yield net.proxy, net
            for caller in net.callers:
                caller.writer.transport.abort()
    finally:
        if echoing is not None:
            echoing.close()
            await echoing.wait_closed()


async def test_delay_and_bandwidth_cost_what_they_say() -> None:
    """Both ways each: two delays, or twice the bytes over the rate; none once healed."""
    async with network() as (proxy, net):
        caller = await net.call()
        proxy.delay_s = 0.15
        assert await caller.say(b"late") >= 0.3
        proxy.heal()
        proxy.bytes_per_s = 20_000
        assert await caller.say(b"x" * 5_000) >= 0.4
        proxy.heal()
        assert await caller.say(b"x" * 1_000_000) < 4  # at 20 kB/s it took 100 s


@pytest.mark.parametrize("ways", [(UP,), (DOWN,), (UP, DOWN)])
async def test_a_silent_connection_stays_open_and_loses_nothing(ways: tuple[str, ...]) -> None:
    """What was said into the silence arrives once it is healed, on old and new connections alike."""
    async with network() as (proxy, net):
        old = await net.call()
        proxy.hold(*ways)
        assert await old.hears_nothing(b"one")
        new = await net.dial()
        assert await new.hears_nothing(b"uno")
        proxy.heal()
        assert await old.reader.readexactly(3) == b"one"
        assert await new.reader.readexactly(3) == b"uno"
        assert proxy.connections == 2


async def test_only_the_chosen_client_is_held() -> None:
    """Producers are told from consumers by the client id of their first request."""
    async with network() as (proxy, net):
        producer, consumer = await net.call("a-producer-1"), await net.call("a-consumer")
        proxy.hold(UP, who=lambda name: "producer" in name)
        assert await producer.hears_nothing(b"held")
        await consumer.say(b"passes")


async def test_a_dead_connection_never_comes_back_but_a_new_one_works() -> None:
    """As behind a router that forgot its connections without a word."""
    async with network() as (proxy, net):
        old = await net.call()
        proxy.hold(UP, DOWN, forever=True)
        await (await net.call()).say(b"works")
        proxy.heal()
        assert await old.hears_nothing(b"anybody?")


async def test_a_cut_resets_all_and_refuses_until_healed() -> None:
    """Clients see a reset, old ones and new ones."""
    async with network() as (proxy, net):
        old = await net.call()
        proxy.cut(refuse=True)
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await old.say(b"gone")
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await net.call()
        proxy.heal()
        await (await net.call()).say(b"back")


async def test_a_server_that_is_away_looks_away() -> None:
    """The proxy accepts for nobody: the client is reset at once instead of waiting."""
    async with network(server=False) as (_proxy, net):
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await net.call()
