"""One Alertmanager is shown the book, whatever it refuses and whatever the clock does."""

from collections.abc import AsyncIterator, Sequence
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
from stream.notify.letters import read_letter
from stream.notify.ports import Row
from stream.notify.projection import Projection, Timing
from stream.notify.shape import Shape
from stream.texts.languages import ENGLISH
from tests.alerts import alert

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
START_MS = int(NOON.timestamp() * 1000)
LATER = Snoozed(NOON + timedelta(hours=2), "ana", "later")


@dataclass
class Server:
    """Takes alerts and keeps silences; refuses those of one author, and alerts as it is told.

    Attributes:
        refuses: silences of this author.
        bad: a request with an alert of one of these owners, 400.
        most: more alerts in a request are too many, 413.
        blind: it tells nobody of its silences, as where only alerts may be posted.
        down: what it answers to whatever comes; 0 takes it.
    """

    posts: list[list[dict[str, Any]]] = field(default_factory=list)
    silences: dict[str, dict[str, Any]] = field(default_factory=dict)
    refuses: str = ""
    bad: frozenset[str] = frozenset()
    most: int = 1_000
    down: int = 0
    blind: bool = False
    done: list[str] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        alerts = await request.json()
        if self.down:
            return web.Response(status=self.down)
        if len(alerts) > self.most:
            return web.Response(status=413)
        if any(each["annotations"].get("owner") in self.bad for each in alerts):
            return web.Response(status=400, text="not that one")
        self.posts.append(alerts)
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
        if self.blind:
            return web.Response(status=403)
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


class Letters:
    """A journal that keeps what is written: the customer, the cause and the detail of each letter."""

    def __init__(self) -> None:
        self.found: list[tuple[str, str, str]] = []

    async def write(self, topic: str, rows: Sequence[Row]) -> None:
        """All of them are letters of an Alertmanager."""
        assert topic == "notify-dead-letters"
        for number, key, value, headers in rows:
            letter = read_letter(number, value, headers)
            assert letter is not None
            assert (letter.sink, letter.partition) == ("alertmanager here", 7)
            alert, names = letter.notification.alert, dict(headers)
            assert key.decode() == alert.dedup_key
            cause, detail = names["kizuna.cause"].decode(), names["kizuna.detail"].decode()
            self.found.append((alert.customer_id, cause, detail))


@asynccontextmanager
async def shown(
    book: Book, shape: Shape, clock: Clock, letters: Letters | None = None
) -> AsyncIterator[tuple[Server, Projection]]:
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
                    "alertmanager here",
                    to,
                    book,
                    shape,
                    letters or Letters(),
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
    shape = Shape(rules.load(None), b"k" * 32, ENGLISH, installation="0a1b2c3d", with_id=False)
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


async def test_silences_that_cannot_be_read_hold_up_no_alert_but_those_that_are_snoozed() -> None:
    """Whose silence may be missing waits, so that nobody is called; the failure is told."""
    book, shape, clock = parts()
    book.take(0, alert("a", owner="a"), clock())
    book.take(0, alert("b", owner="b", state="snoozed", transition="snoozed", snooze=LATER), clock())
    async with shown(book, shape, clock) as (server, projection):
        server.blind = True
        await projection.turn()
        assert (taken(server), projection.failures) == (["a"], 1)
        server.blind = False
        await projection.turn()
        assert (taken(server), projection.failures, len(server.silences)) == (["a", "b"], 0, 1)


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


def taken(server: Server) -> list[str]:
    """Owners of the alerts that were taken, each once."""
    return sorted({each["annotations"]["owner"] for post in server.posts for each in post})


async def test_an_alert_that_is_refused_holds_up_no_other_and_is_a_dead_letter() -> None:
    """Of two hundred all but two arrive in the same turn; each of the two is one letter with its cause."""
    book, shape, clock = parts()
    for number in range(200):
        book.take(7, alert(f"c{number}", owner=f"o{number}"), clock())
    letters = Letters()
    async with shown(book, shape, clock, letters) as (server, projection):
        server.bad = frozenset({"o3", "o150"})
        await projection.turn()
        assert projection.failures == 0
        assert taken(server) == sorted(f"o{number}" for number in range(200) if number not in (3, 150))
        detail = "POST alerts: 400 not that one"
        assert letters.found == [("c3", "refused", detail), ("c150", "refused", detail)]

        server.posts.clear()
        clock.at_ms += 100_000
        await projection.turn()  # shown again: the others in one request, no second letter
        assert [len(post) for post in server.posts] == [198, 0, 0]
        assert len(letters.found) == 2

        book.take(7, alert("c3", owner="o3", seq=2, transition="noted"), clock())
        await projection.turn()  # what happens to it next is a letter of its own
        assert [each[0] for each in letters.found] == ["c3", "c150", "c3"]

        server.bad = frozenset()
        clock.at_ms += 100_000
        await projection.turn()  # mended: both arrive by themselves
        assert {"o3", "o150"} <= set(taken(server))


async def test_too_many_at_once_become_fewer() -> None:
    """Whoever takes sixty in a request has all of a thousand after one turn, and is spared more later."""
    book, shape, clock = parts()
    for number in range(1_000):
        book.take(7, alert(f"c{number}", owner=f"o{number}"), clock())
    letters = Letters()
    async with shown(book, shape, clock, letters) as (server, projection):
        server.most = 60
        await projection.turn()
        assert (len(taken(server)), letters.found, projection.failures) == (1_000, [], 0)
        server.posts.clear()
        server.most = 32
        clock.at_ms += 100_000
        await projection.turn()
        sizes = [len(post) for post in server.posts]
        assert (sum(sizes), max(sizes)) == (1_000, 31)


async def test_a_server_that_refuses_everything_makes_no_letters() -> None:
    """Another server at its address, or no permission: waited out, not an alert's fault."""
    book, shape, clock = parts()
    for number in range(20):
        book.take(7, alert(f"c{number}"), clock())
    letters = Letters()
    async with shown(book, shape, clock, letters) as (server, projection):
        for failures, status in enumerate((400, 401, 403, 404, 413, 500), start=1):
            server.down = status
            await projection.turn()
            assert projection.failures == failures
        assert letters.found == []
        server.down = 0
        await projection.turn()
        assert (projection.failures, sum(map(len, server.posts))) == (0, 20)


async def test_of_a_deleted_alert_no_letter_is_kept() -> None:
    """Its end is refused: the customer is forgotten all the same."""
    book, shape, clock = parts()
    book.take(7, alert("c1", owner="o1"), clock())
    letters = Letters()
    async with shown(book, shape, clock, letters) as (server, projection):
        await projection.turn()
        server.bad = frozenset({None})  # type: ignore[arg-type] # an end that was forgotten says nothing
        book.forget("c1|trust_low", clock())
        await projection.turn()
        assert (letters.found, projection.failures) == ([], 0)
