"""Dispatcher, ledger rows and webhook together, against a real server that has a bad day."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import msgspec
import pytest
from aiohttp import web

from schemas.alert import AlertV1
from stream.clock import now_ms
from stream.notify import ledger
from stream.notify.dispatch import DEAD_LETTERS, LEDGER, Dispatcher
from stream.notify.gate import Limits
from stream.notify.outbox import Outbox
from stream.notify.ports import Row
from stream.notify.signature import Signer
from stream.notify.sink import Notification, Outcome, Retry
from stream.notify.webhook import Webhook, message_id
from tests.alerts import alert
from tests.unit.notify.receiver import ALERT, Answer, receiver, says

SECRET = "whsec_" + "A" * 43 + "="
START_MS = 1_800_000_000_000
CUSTOMERS, TRANSITIONS = 12, ("opened", "acknowledged", "resolved")


@dataclass
class Journal:
    """Keeps what is written, by topic."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))

    async def write(self, topic: str, rows: Sequence[Row]) -> None:
        self.rows[topic] += rows


class Clock:
    """Wall and monotonic in one: seconds that only the test moves."""

    seconds = 0.0

    def wall_ms(self) -> int:
        return START_MS + int(self.seconds * 1_000)

    def monotonic(self) -> float:
        return self.seconds


def history() -> list[AlertV1]:
    """Three transitions of each customer's alert, in the order of a log."""
    return [
        msgspec.structs.replace(
            ALERT,
            customer_id=f"c{i}",
            dedup_key=f"c{i}|churn_risk",
            seq=seq,
            transition=transition,
            state={"opened": "open"}.get(transition, transition),
        )
        for seq, transition in enumerate(TRANSITIONS, start=1)
        for i in range(CUSTOMERS)
    ]


def dispatcher(sink: Webhook, journal: Journal, clock: Clock, tries: int = 20) -> Dispatcher:
    """Knows what the journal says; everything of the history that it does not know is waiting."""
    outbox = Outbox(lambda _: "0123456789abcdef", tries)
    outbox.begin(0, 0, ())
    for _, key, value, _ in journal.rows[LEDGER]:
        assert ledger.read_row({sink.name: outbox}, 0, key, value)
    for offset, each in enumerate(history()):
        outbox.take(0, offset, each)
    counted = Counter[str]()
    made = Dispatcher(
        sink,
        outbox,
        journal,
        clock=clock.wall_ms,
        chance=Random(1),
        counted=lambda outcome, n: counted.update({outcome: n}),
    )
    made.allow(frozenset({0}))
    return made


async def run(told: Dispatcher, clock: Clock, seconds: float) -> None:
    """Turn after turn, a second apart, until nothing waits or the time is over."""
    end = clock.seconds + seconds
    while len(told.outbox) and clock.seconds < end:
        await told.turn()
        clock.seconds += 1


def moody(seed: int) -> Answer:
    """Now this, now that, now a connection that breaks."""
    chance = Random(seed)
    bad = [says(500), says(502), says(429, Retry_After="7"), says(503, Retry_After="soon"), says(302)]

    async def answer(request: web.Request) -> web.StreamResponse:
        if (drawn := chance.random()) < 0.4:
            return await says(200, b"x" * 100_000 if drawn < 0.1 else b"thanks")(request)
        if drawn < 0.5:
            assert request.transport is not None
            request.transport.abort()
        return await chance.choice(bad)(request)

    return answer


@pytest.mark.parametrize("seed", range(5))
async def test_a_moody_receiver_is_told_everything_in_order(seed: int) -> None:
    """Each transition once under its own id, in the order of its alert, and nothing is given up."""
    clock, journal = Clock(), Journal()
    taken: list[str] = []
    inner = moody(seed)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = await inner(request)
        if response.status == 200:
            taken.append(request.headers["webhook-id"])
        return response

    async with receiver(answer) as server:
        limits = Limits(per_s=5.0, burst=5, failures=3, rest_s=10.0)
        sink = Webhook(
            "crm", server.url, Signer([SECRET]), limits, clock=clock.wall_ms, monotonic=clock.monotonic
        )
        told = dispatcher(sink, journal, clock)
        await run(told, clock, 86_400)
        await sink.close()
    keys = [f"{each.dedup_key}:{each.seq}" for each in history()]
    assert sorted(taken) == sorted(message_id(key) for key in keys)
    for i in range(CUSTOMERS):
        ids = [message_id(f"c{i}|churn_risk:{seq}") for seq in (1, 2, 3)]
        assert [each for each in taken if each in ids] == ids
    assert journal.rows[DEAD_LETTERS] == []
    assert len(journal.rows[LEDGER]) == len(keys)


async def test_an_outage_of_an_hour_costs_nobody_a_notification() -> None:
    """Only probes are tries, one each half minute: nothing is given up, and then everything is told."""
    clock, journal = Clock(), Journal()
    async with receiver(says(503)) as server:
        sink = Webhook("crm", server.url, Signer([SECRET]), clock=clock.wall_ms, monotonic=clock.monotonic)
        told = dispatcher(sink, journal, clock)
        await run(told, clock, 3_600)
        assert len(told.outbox) == CUSTOMERS * len(TRANSITIONS)
        assert len(server.received) < 3_600 / 30 + 5
        server.received.clear()
        server.answers = [says(200)]
        await run(told, clock, 3_600)
        assert len(server.received) == CUSTOMERS * len(TRANSITIONS)
        await sink.close()
    assert journal.rows[DEAD_LETTERS] == []


async def test_a_receiver_that_stays_away_makes_dead_letters_that_say_why() -> None:
    """After the last try: the alert, the sink, the reason, the tries; nothing is told later."""
    clock, journal = Clock(), Journal()
    async with receiver() as server:
        url = server.url
    sink = Webhook("crm", url, Signer([SECRET]), clock=clock.wall_ms, monotonic=clock.monotonic)
    told = dispatcher(sink, journal, clock, tries=3)
    await run(told, clock, 30 * 86_400)
    await sink.close()
    letters = journal.rows[DEAD_LETTERS]
    assert len(letters) == CUSTOMERS * len(TRANSITIONS)
    headers = dict(letters[0][3])
    assert headers["kizuna.cause"] == b"gave_up"
    assert headers["kizuna.detail"] == b"3 tries: no connection: Connection refused"
    assert headers["kizuna.sink"] == b"crm"


async def test_what_waits_for_the_rate_limit_leaves_the_loop_to_others() -> None:
    """Thousands that may not be sent yet are looked at now and then, not without pause."""

    class Busy:
        """At its rate limit for ever; fails the test when asked too often."""

        name, asked = "crm", 0

        async def deliver(self, notifications: Sequence[Notification]) -> Sequence[Outcome]:
            self.asked += 1
            assert self.asked < 50
            return [Retry(0.1, "the rate limit is reached", counts=False) for _ in notifications]

        async def close(self) -> None:
            """Nothing is open."""

    outbox = Outbox(lambda _: "0123456789abcdef", 20)
    outbox.begin(0, 0, ())
    for number in range(5_000):
        outbox.take(0, number, alert(f"c-{number}"))
    busy = Busy()
    told = Dispatcher(
        busy, outbox, Journal(), clock=now_ms, chance=Random(1), counted=lambda _outcome, _number: None
    )
    told.allow(frozenset({0}))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await told.run()
    assert busy.asked > 1


async def test_a_refused_notification_does_not_hold_up_the_next() -> None:
    """422 for one customer: its dead letter is written, and everything else arrives."""

    async def picky(request: web.Request) -> web.StreamResponse:
        return web.Response(status=422 if b'"c3"' in await request.read() else 200)

    clock, journal = Clock(), Journal()
    async with receiver(picky) as server:
        sink = Webhook("crm", server.url, Signer([SECRET]), clock=clock.wall_ms, monotonic=clock.monotonic)
        await run(dispatcher(sink, journal, clock), clock, 3_600)
        await sink.close()
    causes = Counter(dict(row[3])["kizuna.cause"] for row in journal.rows[DEAD_LETTERS])
    assert causes == {b"refused": len(TRANSITIONS)}
    assert len(journal.rows[LEDGER]) == CUSTOMERS * len(TRANSITIONS)


async def test_a_restart_tells_only_what_the_ledger_does_not_know() -> None:
    """Killed in the middle: the next process goes on, and repeats no transition that was noted."""
    clock, journal = Clock(), Journal()
    async with receiver() as server:
        for seconds in (1, 1, 600):  # the first two are killed after one batch
            sink = Webhook("crm", server.url, Signer([SECRET]), monotonic=clock.monotonic)
            await run(dispatcher(sink, journal, clock), clock, seconds)
            await sink.close()
        ids = [received.headers["webhook-id"] for received in server.received]
    assert len(ids) == len(set(ids)) == CUSTOMERS * len(TRANSITIONS)
