"""The signed webhook, against real servers."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import standardwebhooks
from structlog.testing import capture_logs
from yarl import URL

from schemas.codec import decode_alert
from stream.notify.gate import Limits
from stream.notify.post import Poster
from stream.notify.signature import Signer
from stream.notify.sink import Delivered, Outcome, Refused, Retry
from stream.notify.webhook import Webhook, message_id
from tests.unit.notify.receiver import notification, raw, receiver, says

KEYS = [bytes(range(32)), bytes(range(100, 124))]
SECRETS = [f"whsec_{base64.b64encode(key).decode()}" for key in KEYS]
NOW = 1_800_000_000_000


class Seconds:
    """A clock that only the test moves."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    made = Poster()
    yield made
    await made.close()


@pytest.fixture
async def hasty() -> AsyncIterator[Poster]:
    """For servers that do not answer anyway."""
    made = Poster(total_s=0.5)
    yield made
    await made.close()


def webhook(url: URL, poster: Poster, seconds: Seconds, limits: Limits | None = None) -> Webhook:
    """One that is wired as in production, on the test's clocks."""
    return Webhook("crm", url, Signer(SECRETS), limits, poster=poster, clock=lambda: NOW, monotonic=seconds)


async def one(url: URL, poster: Poster) -> Outcome:
    """What becomes of one notification."""
    (outcome,) = await webhook(url, poster, Seconds()).deliver([notification()])
    return outcome


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_whatever_says_success_is_delivered(status: int, poster: Poster) -> None:
    """Every 2xx."""
    async with receiver(says(status, b"" if status == 204 else b"thanks")) as server:
        assert await one(server.url, poster) == Delivered()


async def test_the_body_is_the_alert_and_the_signatures_are_right(poster: Poster, seconds: Seconds) -> None:
    """HMAC-SHA256 of `id.timestamp.body` with each key, made here by hand; no secret leaves."""
    sent = notification("山田 太郎")
    async with receiver() as server:
        await webhook(server.url, poster, seconds).deliver([sent])
        (received,) = server.received
    assert decode_alert(received.body) == sent.alert
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-timestamp"] == str(NOW // 1_000)
    content = f"{received.headers['webhook-id']}.{NOW // 1_000}.".encode() + received.body
    digests = [base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode() for key in KEYS]
    assert received.headers["webhook-signature"] == " ".join(f"v1,{digest}" for digest in digests)
    assert not [secret for secret in SECRETS if secret[6:] in str(received)]


@pytest.mark.parametrize("secret", SECRETS)
async def test_a_receiver_with_either_secret_accepts(secret: str, poster: Poster) -> None:
    """The public library verifies what it got, now, as a receiver does while secrets are exchanged."""
    sent = notification()
    async with receiver() as server:
        await Webhook("crm", server.url, Signer(SECRETS), poster=poster).deliver([sent])
        (received,) = server.received
    told = standardwebhooks.Webhook(secret).verify(received.body, received.headers)
    assert told["alert_id"] == sent.alert.alert_id
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(secret).verify(received.body + b" ", received.headers)


async def test_a_repetition_has_the_same_id(poster: Poster, seconds: Seconds) -> None:
    """Every attempt at one transition says so; another transition has another id."""
    first, second = notification(), notification()
    async with receiver(says(500), says(200)) as server:
        sink = webhook(server.url, poster, seconds)
        for sent in (first, first, second):
            await sink.deliver([sent])
        ids = [received.headers["webhook-id"] for received in server.received]
    assert ids == [message_id(first.key), message_id(first.key), message_id(second.key)]
    assert ids[0] != ids[2]


@pytest.mark.parametrize(
    "key", ["c|r:1", "a.b|r:1", "\0partition-3|mass_drop:1", "山田\r\nx: y|r:1", "😀" * 128]
)
def test_an_id_is_safe_in_a_header_and_in_what_is_signed(key: str) -> None:
    """ASCII, short, no full stop, no line break, whatever the customer is called; and nobody's name."""
    made = message_id(key)
    assert made.isascii()
    assert made.replace("_", "").isalnum()
    assert len(made) == 36


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415, 422, 451, 499])
async def test_a_refusal_is_final(status: int, poster: Poster) -> None:
    """What a receiver says about this notification will not change by saying it again."""
    async with receiver(says(status, b"no")) as server:
        outcome = await one(server.url, poster)
    assert isinstance(outcome, Refused)
    assert str(status) in outcome.reason


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 599, 300, 304])
async def test_what_may_pass_is_tried_again(status: int, poster: Poster) -> None:
    """Away or busy: it counts as a try, and names no time of its own."""
    async with receiver(says(status)) as server:
        outcome = await one(server.url, poster)
    assert isinstance(outcome, Retry)
    assert (outcome.after_s, outcome.counts) == (0.0, True)
    assert str(status) in outcome.reason


IN_TWO_MINUTES = datetime.fromtimestamp(NOW / 1_000, UTC) + timedelta(minutes=2)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header", ["120", format_datetime(IN_TWO_MINUTES, usegmt=True)])
async def test_a_receiver_says_when_to_come_back(
    status: int, header: str, poster: Poster, seconds: Seconds
) -> None:
    """Seconds or a date: nothing at all is sent to it before, and that costs nobody a try."""
    async with receiver(says(status, Retry_After=header), says(200)) as server:
        sink = webhook(server.url, poster, seconds)
        outcomes = await sink.deliver([notification("a"), notification("b")])
        assert [isinstance(o, Retry) and (o.after_s, o.counts) for o in outcomes] == [
            (120, True),
            (120, False),
        ]
        seconds.now += 119
        (early,) = await sink.deliver([notification()])
        assert isinstance(early, Retry)
        assert early.after_s == pytest.approx(1, abs=0.01)
        assert not early.counts
        seconds.now += 1.1
        assert await sink.deliver([notification()]) == [Delivered()]
        assert len(server.received) == 2


async def test_a_receiver_that_hangs_is_left(hasty: Poster) -> None:
    """Before the first byte and in the middle of the headers: a try, once the time-out is over."""
    for start in (b"", b"HTTP/1.1 200 OK\r\nContent-"):
        async with raw(start, hang=True) as url:
            assert await one(url, hasty) == Retry(0.0, "no answer within 0.5 s")


async def test_a_status_counts_although_the_rest_never_comes(poster: Poster) -> None:
    """The receiver said 200 and hung: it has the notification, and is not told again."""
    async with raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx", hang=True) as url:
        assert await one(url, poster) == Delivered()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\xff" * 500,
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -7\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=["nothing", "half", "other protocol", "noise", "no status", "negative length", "endless header"],
)
async def test_an_answer_that_is_none_is_tried_again(answer: bytes, poster: Poster) -> None:
    """Closed early or garbage: nobody knows whether it was taken, and nothing of it is quoted."""
    async with raw(answer) as url:
        outcome = await one(url, poster)
    assert isinstance(outcome, Retry)
    assert outcome.reason.startswith("no valid answer: ")
    assert "SSH" not in outcome.reason


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
    ids=["too short", "bad gzip"],
)
async def test_a_body_that_is_broken_changes_nothing(answer: bytes, poster: Poster) -> None:
    """The status came whole, and it is all that is asked for."""
    async with raw(answer) as url:
        assert await one(url, poster) == Delivered()


async def test_a_receiver_that_is_not_there_is_tried_again(poster: Poster) -> None:
    """Nobody listens on the port; the name does not exist."""
    async with receiver() as server:
        url = server.url
    assert await one(url, poster) == Retry(0.0, "no connection: Connection refused")
    assert await one(URL("http://no-such-host.invalid/"), poster) == Retry(0.0, "its name does not resolve")


async def test_a_breaker_spares_a_receiver_that_fails(poster: Poster, seconds: Seconds) -> None:
    """After three failures nothing is sent for 30 s, whatever waits; then one, and if it arrives all."""
    async with receiver(*[says(500)] * 4, says(200)) as server:
        sink = webhook(server.url, poster, seconds, Limits(failures=3, rest_s=30.0))
        batch = [notification(f"c{i}") for i in range(10)]
        outcomes = await sink.deliver(batch)
        assert [isinstance(o, Retry) and o.counts for o in outcomes] == [True] * 3 + [False] * 7
        assert len(server.received) == 3
        seconds.now += 31
        outcomes = await sink.deliver(batch)  # the probe fails too
        assert [isinstance(o, Retry) and o.counts for o in outcomes] == [True] + [False] * 9
        seconds.now += 31
        assert await sink.deliver(batch) == [Delivered()] * 10
        assert len(server.received) == 14


async def test_an_outage_is_two_lines_in_the_log(poster: Poster, seconds: Seconds) -> None:
    """When it begins, with the reason, and when it is over; neither names a customer or a secret."""
    async with receiver(*[says(500)] * 6, says(200)) as server:
        sink = webhook(server.url, poster, seconds, Limits(failures=3, rest_s=30.0))
        with capture_logs() as lines:
            for _ in range(6):
                await sink.deliver([notification(f"customer-{i}") for i in range(3)])
                seconds.now += 31
    assert [line["event"] for line in lines] == [
        "a sink fails and is left alone for a while",
        "a sink is back",
    ]
    assert {line["sink"] for line in lines} == {"crm"}
    assert lines[0]["reason"] == "the receiver answered 500 Internal Server Error"
    assert not [part for part in ("customer-", "hidden") if part in str(lines)]


def test_a_webhook_that_goes_out_unencrypted_says_so(poster: Poster, seconds: Seconds) -> None:
    """It names customers; on this machine itself, or over TLS, nobody can read it on the way."""
    with capture_logs() as lines:
        for url in (
            "http://localhost/T0",
            "http://[::1]/T0",
            "https://example.test/T0",
            "http://example.test/T0",
        ):
            webhook(URL(url), poster, seconds)
    assert [line["to"] for line in lines] == ["http://example.test"]


async def test_a_rate_is_kept(poster: Poster, seconds: Seconds) -> None:
    """Two at once and one a second: the others are told how long, and lose no try."""
    async with receiver() as server:
        sink = webhook(server.url, poster, seconds, Limits(per_s=1.0, burst=2))
        outcomes = await sink.deliver([notification(f"c{i}") for i in range(4)])
        assert outcomes[:2] == [Delivered()] * 2
        assert [isinstance(o, Retry) and (o.after_s, o.counts) for o in outcomes[2:]] == [(1.0, False)] * 2
        seconds.now += 1
        assert await sink.deliver([notification()]) == [Delivered()]


async def test_a_later_transition_does_not_overtake_an_earlier_one(poster: Poster, seconds: Seconds) -> None:
    """An alert of which `opened` waits is not told as resolved; another customer's goes on."""
    a1, a2, b1 = notification("a", 1), notification("a", 2), notification("b", 1)
    async with receiver(says(500), says(200)) as server:
        outcomes = await webhook(server.url, poster, seconds).deliver([a1, a2, b1])
        assert outcomes[1] == Retry(0.0, "an earlier one of this alert waits", counts=False)
        assert outcomes[2] == Delivered()
        told = [json.loads(received.body)["customer_id"] for received in server.received]
    assert told == ["a", "b"]


async def test_a_receiver_that_is_gone_is_left_alone(poster: Poster, seconds: Seconds) -> None:
    """After 410 everything is refused without a request, so that it is found among the dead letters."""
    async with receiver(says(410), says(200)) as server:
        sink = webhook(server.url, poster, seconds)
        outcomes = [*await sink.deliver([notification()]), *await sink.deliver([notification()])]
        assert [type(outcome) for outcome in outcomes] == [Refused, Refused]
        assert len(server.received) == 1


async def test_the_shipped_limits_let_a_storm_of_fifty_through_at_once(poster: Poster) -> None:
    """Nobody has to tune anything for a bad morning; a real clock, real connections."""
    async with receiver() as server:
        sink = Webhook("crm", server.url, Signer(SECRETS), poster=poster, monotonic=time.monotonic)
        assert await sink.deliver([notification(f"c{i}") for i in range(50)]) == [Delivered()] * 50


def test_nothing_secret_is_shown(poster: Poster) -> None:
    """Neither a secret nor the path and query of a URL, which may be one, is in a repr."""
    url = URL("https://user:pass@example.test/hooks/T0000/abcd?token=x")
    shown = repr(webhook(url, poster, Seconds())) + repr(Signer(SECRETS))
    assert "example.test" in shown
    assert not [
        part for part in ("user", "pass", "T0000", "token", *(s[6:14] for s in SECRETS)) if part in shown
    ]
