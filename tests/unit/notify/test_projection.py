"""One Alertmanager is shown the book, whatever it refuses and whatever the clock does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import aiohttp
from aiohttp import web

from schemas.alert import Snoozed
from stream.alerts import rules
from stream.notify.alertmanager import Alertmanager
from stream.notify.book import Book
from stream.notify.projection import Projection, Timing
from stream.notify.shape import Shape
from stream.texts.languages import ENGLISH
from tests.alerts import alert

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
START_MS = int(NOON.timestamp() * 1000)
LATER = Snoozed(NOON + timedelta(hours=2), "ana", "later")


@dataclass
class Server:
    """Takes alerts and keeps silences; refuses those of one author."""

    posts: list[list[dict[str, Any]]] = field(default_factory=list)
    silences: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuses: str = ""
    done: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.posts.append(await request.json())
        self.done.append("alerts")
        return web.Response()

    async def make(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body["createdBy"] == self.refuses:
            return web.Response(status=400, text="not this one")
        name = body.setdefault("id", f"s{len(self.silences)}")
        self.done.append("silence")
        self.silences[name] = body | {"status": {"state": "active"}}
        return web.json_response({"silenceID": name})

    async def list(self, _: web.Request) -> web.Response:
        return web.json_response(list(self.silences.values()))

    async def expire(self, request: web.Request) -> web.Response:
        del self.silences[request.match_info["name"]]
        self.done.append("expire")
        return web.Response()


class Clock:
    """The wall's, that only the test moves."""

    at_ms = START_MS

    def __call__(self) -> int:
        return self.at_ms


@asynccontextmanager
async def shown(book: Book, shape: Shape, clock: Clock) -> AsyncIterator[tuple[Server, Projection]]:
    """A server, and a projection that shows it the book."""
    server, app = Server(), web.Application()
    app.router.add_post("/api/v2/alerts", server.take)
    app.router.add_get("/api/v2/silences", server.list)
    app.router.add_post("/api/v2/silences", server.make)
    app.router.add_delete("/api/v2/silence/{name}", server.expire)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with aiohttp.ClientSession() as session:
            to = Alertmanager(session, f"http://127.0.0.1:{runner.addresses[0][1]}")
            yield (
                server,
                Projection(
                    "am",
                    to,
                    book,
                    shape,
                    Timing(100.0, 300.0),
                    clock=clock,
                    chance=Random(1),
                    counted=lambda _outcome, _number: None,
                ),
            )
    finally:
        await runner.cleanup()


def parts() -> tuple[Book, Shape, Clock]:
    """An empty book that is live, with the shipped rules."""
    shape = Shape(rules.load(None), b"k" * 32, ENGLISH, with_id=False)
    book = Book(shape.labels, shape.annotations, 300_000)
    book.live = True
    return book, shape, Clock()


async def test_a_snooze_stays_a_silence_while_its_alert_recovers() -> None:
    """Nobody is told that it may end by itself; what is snoozed meanwhile is silent too."""
    book, shape, clock = parts()
    book.take(0, alert("a", state="snoozed", transition="snoozed", snooze=LATER), clock())
    async with shown(book, shape, clock) as (server, projection):
        await projection.turn()
        assert len(server.silences) == 1
        book.take(0, alert("a", seq=2, state="recovering", transition="recovering", snooze=LATER), clock())
        book.take(0, alert("b", state="recovering", transition="snoozed", snooze=LATER), clock())
        await projection.turn()
        assert len(server.silences) == 2
        book.take(0, alert("a", seq=3, state="open", transition="snooze_over"), clock())
        await projection.turn()
        assert len(server.silences) == 1


async def test_a_silence_is_there_before_its_alert_and_ends_after_it() -> None:
    """A route that waits for nobody would else tell of a snoozed alert that the server had forgotten."""
    book, shape, clock = parts()
    book.take(0, alert("a", state="snoozed", transition="snoozed", snooze=LATER), clock())
    async with shown(book, shape, clock) as (server, projection):
        await projection.turn()
        over: dict[str, Any] = {"state": "resolved", "transition": "resolved", "resolved_at": NOON}
        book.take(0, alert("a", seq=2, snooze=LATER, **over), clock())
        await projection.turn()
        assert server.done == ["silence", "alerts", "alerts", "expire"]


async def test_a_silence_that_is_refused_holds_up_no_other() -> None:
    """The others are made and ended; the refusal is told and asked for again."""
    book, shape, clock = parts()
    for who in "abc":
        by = Snoozed(LATER.until, who, "later")
        book.take(0, alert(who, state="snoozed", transition="snoozed", snooze=by), clock())
    async with shown(book, shape, clock) as (server, projection):
        server.refuses = "a"
        await projection.turn()
        assert sorted(each["createdBy"] for each in server.silences.values()) == ["b", "c"]
        assert projection.failures == 1
        assert len(server.posts[0]) == 3
        book.take(0, alert("c", seq=2, transition="snooze_over"), clock())
        await projection.turn()
        assert [each["createdBy"] for each in server.silences.values()] == ["b"]
        server.refuses = ""
        await projection.turn()
        assert sorted(each["createdBy"] for each in server.silences.values()) == ["a", "b"]
        assert projection.failures == 0


async def test_a_clock_that_is_put_back_lets_nothing_time_out() -> None:
    """Everything is shown again at once, not an hour later when the clock is where it was."""
    book, shape, clock = parts()
    book.take(0, alert("a"), clock())
    async with shown(book, shape, clock) as (server, projection):
        await projection.turn()
        await projection.turn()
        assert len(server.posts) == 1
        clock.at_ms -= 3_600_000
        await projection.turn()
        assert len(server.posts) == 2
        await projection.turn()
        assert len(server.posts) == 2
        clock.at_ms += 100_000
        await projection.turn()
        assert len(server.posts) == 3
