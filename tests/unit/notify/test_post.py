"""POSTs to servers that mean no good."""

import asyncio
import gzip
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from yarl import URL

from stream.errors import ConfigError
from stream.notify.post import MAX_BODY, Answer, NoAnswer, Poster, checked_url, shown
from tests.unit.notify.receiver import receiver, says


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    made = Poster(connect_s=2.0, total_s=5.0)
    yield made
    await made.close()


async def test_a_redirect_to_another_host_is_not_followed(poster: Poster) -> None:
    """Whatever the status, whatever the form: the other server is never asked, and the reason says so."""
    async with receiver() as other:
        for location in (str(other.url), f"//{other.url.authority}/", f"HTTP://{other.url.authority}"):
            for status in (307, 308):
                async with receiver(says(status, Location=location)) as server:
                    answer = await poster.post(server.url, b"{}", {})
                assert answer == Answer(
                    status, redirect="it redirects to another host, which is not followed"
                )
        assert other.received == []


@pytest.mark.parametrize(
    "location", ["https://{host}:{port}/", "http://localhost:{port}/", "ftp://{host}:{port}/"]
)
async def test_another_scheme_or_name_is_another_host(location: str, poster: Poster) -> None:
    """The same machine under another name or protocol is not what was configured."""
    async with receiver() as server:
        where = location.format(host=server.url.host, port=server.url.port)
        server.answers = [says(308, Location=where), says(200)]
        assert "another host" in (await poster.post(server.url, b"{}", {})).redirect
        assert len(server.received) == 1


@pytest.mark.parametrize("status", [307, 308])
async def test_a_redirect_on_the_same_host_is_followed_whole(status: int, poster: Poster) -> None:
    """Body and headers are sent again to the new path."""
    async with receiver(says(status, Location="/new?x=1"), says(200)) as server:
        assert await poster.post(server.url, b"body", {"webhook-id": "7"}) == Answer(200)
        first, second = server.received
    assert second.path == "/new"
    assert (second.body, second.headers["webhook-id"]) == (first.body, first.headers["webhook-id"])


@pytest.mark.parametrize("status", [301, 302, 303, 304])
async def test_a_redirect_that_forgets_the_body_is_not_followed(status: int, poster: Poster) -> None:
    """It would become a GET, answered 200, and nothing would have been told."""
    async with receiver(says(status, Location="/new"), says(200)) as server:
        answer = await poster.post(server.url, b"{}", {})
        assert (answer.status, len(server.received)) == (status, 1)
    assert "not repeat" in answer.redirect


async def test_a_circle_of_redirects_ends(poster: Poster) -> None:
    """Three are followed."""
    async with receiver(says(307, Location="/again")) as server:
        answer = await poster.post(server.url, b"{}", {})
        assert len(server.received) == 4
    assert answer == Answer(307, redirect="it redirects more than 3 times")


@pytest.mark.parametrize("location", ["http://[::", "http://:99999999/", "", "http://"])
async def test_a_redirect_to_nonsense_is_survived(location: str, poster: Poster) -> None:
    """It leads nowhere, and ends as what it is: a redirect."""
    async with receiver(says(307, Location=location)) as server:
        answer = await poster.post(server.url, b"{}", {})
    assert answer.status == 307
    assert answer.redirect


@pytest.mark.parametrize("size", [0, 1, MAX_BODY - 1, MAX_BODY, MAX_BODY + 1, 10_000_000])
async def test_an_answer_of_any_size_is_an_answer(size: int, poster: Poster) -> None:
    """10 MB hurt as little as nothing, and the next request goes through."""
    async with receiver(says(200, b"x" * size)) as server:
        for _ in range(3):
            assert await poster.post(server.url, b"{}", {}) == Answer(200)


async def test_an_answer_without_end_is_cut(poster: Poster) -> None:
    """A server that never stops talking is hung up on: it notices, and the caller has its status."""
    hung_up = asyncio.Event()

    async def for_ever(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        except OSError:  # aiohttp: the connection is lost
            hung_up.set()
            raise

    async with receiver(for_ever) as server:
        assert await poster.post(server.url, b"{}", {}) == Answer(200)
        await asyncio.wait_for(hung_up.wait(), 30)


BOMB = gzip.compress(bytes(40_000_000))


@pytest.mark.parametrize(
    ("body", "encoding", "connections"),
    [(b"thanks", "identity", 1), (BOMB, "gzip", 1), (bytes(10_000_000), "identity", 10)],
    ids=["short", "bomb", "long"],
)
async def test_a_short_answer_keeps_its_connection(
    body: bytes, encoding: str, connections: int, poster: Poster
) -> None:
    """Ten notifications, one handshake; 40 kB that unpack to 40 MB are short, since nobody unpacks them."""
    ports = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        ports.add(request.transport.get_extra_info("peername"))
        return web.Response(body=body, headers={"Content-Encoding": encoding})

    async with receiver(answer) as server:
        for _ in range(10):
            await poster.post(server.url, b"{}", {})
    assert len(ports) == connections


async def test_cookies_of_one_answer_are_not_carried_to_the_next_request(poster: Poster) -> None:
    """Nothing that a server sets goes anywhere."""
    async with receiver(says(200, Set_Cookie="a=b")) as server:
        for _ in range(2):
            await poster.post(server.url.with_host("localhost"), b"{}", {})
        assert "cookie" not in server.received[1].headers


async def test_a_connection_that_nobody_takes_is_given_up() -> None:
    """A port whose queue is full: the time-out for connecting ends it, long before that for the answer."""
    poster = Poster(connect_s=0.3, total_s=60.0)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        try:
            for client in waiting:
                client.setblocking(False)
                client.connect_ex(listener.getsockname())
            url = URL(f"http://127.0.0.1:{listener.getsockname()[1]}/")
            with pytest.raises(NoAnswer, match=r"no connection within 0\.3 s"):
                await poster.post(url, b"{}", {})
        finally:
            for client in waiting:
                client.close()
            await poster.close()


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """A server's, with a certificate that it signed itself."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command to make a certificate with")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*make, *subject, "-keyout", key, "-out", cert], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


async def test_a_certificate_that_nobody_signed_is_not_trusted(poster: Poster, tls: ssl.SSLContext) -> None:
    """The request is not sent: whoever answers there may be anybody."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(100))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        url = URL(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
        with pytest.raises(NoAnswer, match="its certificate is not trusted"):
            await poster.post(url, b"secret", {})
    assert b"secret" not in b"".join(asked)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.com/hook",
        "ftp://example.com",
        "file:///etc/passwd",
        "http://",
        "http://[",
        "javascript:x",
    ],
)
def test_a_url_that_cannot_be_posted_to_is_refused_at_start(text: str) -> None:
    """The error names the setting, and not the URL."""
    with pytest.raises(ConfigError, match="setting webhook_url is not an http or https URL") as caught:
        checked_url(text, "webhook_url")
    assert not text or text not in str(caught.value)


def test_a_url_is_shown_without_what_may_be_secret() -> None:
    """Scheme, host and port: enough to know which one it is."""
    assert (
        shown(checked_url(" https://u:p@hooks.example.com:8443/T/B?k=v#f ", "x"))
        == "https://hooks.example.com:8443"
    )
