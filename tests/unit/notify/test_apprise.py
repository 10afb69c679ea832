"""Apprise, with the real library and a real server for its json:// service."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from schemas.alert import AlertV1
from stream.errors import ConfigError
from stream.notify.apprise_ import AppriseSink, message, read_services
from stream.notify.gate import Limits
from stream.notify.sink import Delivered, Notification, Retry
from stream.texts.languages import ENGLISH, JAPANESE, Language
from tests.unit.notify.receiver import Receiver, notification, receiver, says

# Apprise asks for a module that Python 3.13 no longer has, and has its own where it is gone.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

File = Callable[[str], Path]


@pytest.fixture
def file(tmp_path: Path) -> File:
    def write(text: str) -> Path:
        path = tmp_path / "services"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def needs_apprise() -> None:
    pytest.importorskip("apprise", reason="Apprise is an optional extra: pip install 'kizuna[apprise]'")


def service(server: Receiver, path: str = "hook") -> str:
    return f"json://{server.url.host}:{server.url.port}/{path}"


def with_alert(sent: Notification, **changes: object) -> Notification:
    alert: AlertV1 = msgspec.structs.replace(sent.alert, **changes)
    return Notification(sent.key, alert, sent.kind, sent.customer_ref)


@pytest.mark.parametrize("language", [ENGLISH, JAPANESE], ids=lambda language: language.code)
async def test_a_service_is_told_in_words(language: Language, file: File) -> None:
    """Title and body as people read them, in the language asked for; the reference instead of the id."""
    needs_apprise()
    sent = notification("customer-4711")
    async with receiver(says(200)) as server:
        (sink,) = read_services(file(service(server)), language)
        assert await sink.deliver([sent]) == [Delivered()]
        (received,) = server.received
    told = json.loads(received.body)
    asked = message(sent, language, with_id=False)
    assert (told["title"], told["message"]) == (asked["title"], asked["body"])
    assert sent.customer_ref in told["title"]
    assert b"customer-4711" not in received.body


async def test_a_service_that_fails_is_tried_again_and_spared(file: File) -> None:
    """Apprise says only that it failed; after three failures the breaker keeps it from trying."""
    needs_apprise()
    async with receiver(says(500)) as server:
        (sink,) = read_services(file(service(server)), ENGLISH, Limits(failures=3))
        outcomes = await sink.deliver([notification(f"c{i}") for i in range(5)])
        assert [isinstance(o, Retry) and o.counts for o in outcomes] == [True] * 3 + [False] * 2
        assert len(server.received) == 3


async def test_a_service_does_not_redirect_what_it_is_told(file: File) -> None:
    """Another host never sees the message."""
    needs_apprise()
    async with receiver() as other, receiver(says(307, Location=str(other.url))) as server:
        (sink,) = read_services(file(service(server)), ENGLISH)
        (outcome,) = await sink.deliver([notification()])
        assert isinstance(outcome, Retry)
        assert other.received == []


async def test_one_service_that_fails_does_not_make_another_be_told_twice(file: File) -> None:
    """Each line is a sink, with a name and outcomes of its own."""
    needs_apprise()
    async with receiver(says(500)) as bad, receiver(says(200)) as good:
        sinks = read_services(file(f"{service(bad)}\n{service(good)}"), ENGLISH)
        outcomes = [(await sink.deliver([notification()]))[0] for sink in sinks]
    assert [type(outcome) for outcome in outcomes] == [Retry, Delivered]
    assert len({sink.name for sink in sinks}) == 2


async def test_a_service_is_told_of_its_severities_alone(file: File) -> None:
    """`critical,error=` before the URL; outcomes stay in order, and what is of others does not wait."""
    needs_apprise()
    batch = [
        with_alert(notification(f"c{i}"), severity=severity)
        for i, severity in enumerate(("info", "critical", "warning", "error"))
    ]
    async with receiver(says(500), says(200)) as server:
        (sink,) = read_services(file(f"# night\n\n critical, error = {service(server)} \n"), ENGLISH)
        outcomes = await sink.deliver(batch)
        assert [type(outcome) for outcome in outcomes] == [Delivered, Retry, Delivered, Delivered]
        assert [json.loads(received.body)["type"] for received in server.received] == ["failure"] * 2


def test_the_kind_of_message_follows_the_alert() -> None:
    """Red, yellow, blue, and green once it is over."""
    told = {
        severity: message(with_alert(notification(), severity=severity), ENGLISH, with_id=False)[
            "notify_type"
        ]
        for severity in ("critical", "error", "warning", "info")
    }
    assert told == {"critical": "failure", "error": "failure", "warning": "warning", "info": "info"}
    over = with_alert(notification(), severity="critical", state="resolved")
    assert message(over, ENGLISH, with_id=False)["notify_type"] == "success"


def test_the_id_is_said_only_if_asked_for() -> None:
    """The reference otherwise; an alert about the data names its partition, which is nobody's id."""
    sent = notification("customer-4711")
    assert "customer-4711" in message(sent, ENGLISH, with_id=True)["title"]
    assert "customer-4711" not in message(sent, ENGLISH, with_id=False)["title"]
    data = with_alert(sent, subject="data", customer_id="partition-3")
    assert "partition-3" in message(data, ENGLISH, with_id=False)["title"]


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "nosuchservice://x",
        "json://",
        "urgent=json://localhost/secret",
        "=json://localhost",
        "json://a json://b",
        "json://a/secret,json://b/",
    ],
)
def test_a_line_that_is_no_service_is_pointed_at(
    line: str, file: File, caplog: pytest.LogCaptureFixture
) -> None:
    """By its number: what it says may be a secret, and Apprise would repeat it in the log."""
    needs_apprise()
    with pytest.raises(ConfigError, match="line 3: no service that Apprise knows") as caught:
        read_services(file(f"# first\njson://localhost/\n{line}\n"), ENGLISH)
    assert "secret" not in str(caught.value)
    assert caplog.text == ""


def test_a_url_given_twice_is_refused(file: File) -> None:
    """It would be told twice, or under one name with two minds."""
    needs_apprise()
    with pytest.raises(ConfigError, match="line 2: the same URL again"):
        read_services(file("critical=json://localhost/\ninfo=json://localhost/"), ENGLISH)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Before anything starts."""
    needs_apprise()
    with pytest.raises(ConfigError, match="cannot read"):
        read_services(tmp_path / "absent", ENGLISH)


def test_without_apprise_the_error_says_how_to_get_it(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an optional extra: who asks for it and has it not learns what to type."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ConfigError, match="not installed") as caught:
        read_services(file("json://localhost/"), ENGLISH)
    assert "pip install 'kizuna[apprise]'" in caught.value.hint


async def test_nothing_of_a_url_is_shown(file: File) -> None:
    """Its path and its user are secrets of that service."""
    needs_apprise()
    (sink,) = read_services(file("json://user:pass@localhost/T0000"), ENGLISH)
    assert isinstance(sink, AppriseSink)
    assert not [part for part in ("user", "pass", "T0000") if part in repr(sink) + sink.name]
    await sink.close()
