"""/metrics, /livez and /readyz, from a thread of their own: they answer while the event loop is stuck.

/livez: 200 while the event loop turns. /readyz: 200 when the process says that it is: a worker, when every
owned partition processes and the group is at rest.
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from stream.errors import ConfigError
from stream.metrics import Exposed, KizunaCollector

__all__ = ["StatusServer"]

ALIVE_WITHIN_S = 30.0


class StatusServer:
    """Serves one process's status.

    Args:
        metrics: what to show.
        host: where to listen; loopback unless told otherwise.
        port: 0 takes a free one, see `port`.
        setting: that the port came from, for the error.
    """

    def __init__(self, metrics: Exposed, host: str, port: int, setting: str = "metrics_port") -> None:
        self._metrics = metrics
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(KizunaCollector(metrics))
        self._address, self._setting = (host, port), setting
        self._server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the port is taken or the host is not ours.
        """
        status = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                code, content_type, body = status.answer(self.path.partition("?")[0])
                self.send_response(code)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                """Scrapes are not worth a log line."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        host, port = self._address
        try:
            self._server = Server((host, port), Handler)
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {host}:{port}: {error.strerror or error}",
                hint=f"choose another with --metrics-port or KIZUNA_{self._setting.upper()} (0: any)",
            ) from error
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="status", daemon=True).start()

    def stop(self) -> None:
        """Stop listening. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status code, content type and body for a path."""
        metrics = self._metrics
        if path == "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if path == "/livez":
            return _verdict(monotonic() - metrics.loop_seen_s < ALIVE_WITHIN_S, "alive", "event loop stuck")
        if path == "/readyz":
            return _verdict(metrics.ready, "ready", "not ready")
        return 404, "text/plain; charset=utf-8", b"here: /metrics /livez /readyz\n"


def _verdict(good: bool, yes: str, no: str) -> tuple[int, str, bytes]:
    return (200 if good else 503), "text/plain; charset=utf-8", f"{yes if good else no}\n".encode()
