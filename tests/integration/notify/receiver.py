"""A real HTTP server that keeps what it was sent, and answers as it is told."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import NamedTuple

from schemas.alert import AlertV1
from schemas.codec import decode_alert


class Received(NamedTuple):
    """One request: the idempotency key, and the alert."""

    message_id: str
    alert: AlertV1


class Receiver:
    """Listens on loopback until the end of the block.

    Args:
        status: what to answer to an alert; 200 by default.
    """

    def __init__(self, status: Callable[[AlertV1], int] = lambda _alert: 200) -> None:
        self.received: list[Received] = []
        self.refused: list[Received] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got = Received(self.headers["webhook-id"], decode_alert(body))
                code = receiver.status(got.alert)
                (receiver.received if code == 200 else receiver.refused).append(got)
                self.send_response(code)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                """Nothing."""

        self.status = status
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def told(self) -> list[tuple[str, str | None]]:
        """(customer, transition) in the order of arrival."""
        return [(each.alert.customer_id, each.alert.transition) for each in self.received]
