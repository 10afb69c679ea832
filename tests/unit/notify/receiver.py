"""Real servers on the loopback address that behave well or badly, and notifications to send them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import msgspec
from aiohttp import web
from yarl import URL

from schemas.codec import decode_alert
from stream.notify.sink import Notification

ROOT = Path(__file__).resolve().parents[3]
ALERT = decode_alert((ROOT / "schemas/examples/alert/v1/valid/alert.open.json").read_bytes())

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Received:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server; `answers` are given in order, the last one for ever."""

    url: URL
    answers: list[Answer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.path, headers, await request.read()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


def says(status: int, body: bytes = b"", **headers: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, body=body, headers=named)

    return answer


@asynccontextmanager
async def receiver(*answers: Answer) -> AsyncIterator[Receiver]:
    """A receiver of its own on a free port."""
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    made = Receiver(URL(), list(answers or [says(204)]))
    app.router.add_route("*", "/{anything:.*}", made.handle)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        made.url = URL(f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/1?token=hidden")
        yield made
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw(answer: bytes, *, hang: bool = False) -> AsyncIterator[URL]:
    """A server that reads something, writes these bytes, and closes, or hangs until the test is over."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        writer.write(answer)
        if hang:
            await over.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hooks")
    finally:
        over.set()
        server.close()
        await server.wait_closed()


_seq = count(1)


def notification(customer: str = "c1", seq: int | None = None) -> Notification:
    """One to send; another transition each time."""
    seq = seq or next(_seq)
    alert = msgspec.structs.replace(ALERT, customer_id=customer, dedup_key=f"{customer}|churn_risk", seq=seq)
    return Notification(f"{alert.dedup_key}:{seq}", alert, "opened", "0123456789abcdef")
