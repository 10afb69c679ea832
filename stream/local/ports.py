"""Two free neighbouring ports on loopback: one for clients, one for Kafka's controller."""

import socket
from collections.abc import Iterator

from stream.errors import BrokerError

__all__ = ["FIRST_PORT", "HOST", "free_ports", "is_free"]

HOST = "127.0.0.1"

FIRST_PORT = 19092
# Below every system's range for outgoing connections: a port that is free now is not taken by a client later.
_LAST_PORT = 19490


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of loopback now."""
    with socket.socket() as probe:
        # As Java does: without it the port of a broker just killed would seem taken for a minute.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(preferred: int | None = None) -> Iterator[int]:
    """Yield every port that is free together with its successor; `preferred` comes first.

    Raises:
        BrokerError: when asked for one more than there are.
    """
    candidates = list(range(FIRST_PORT, _LAST_PORT, 2))
    if preferred is not None:
        candidates.insert(0, preferred)
    for port in candidates:
        if is_free(port) and is_free(port + 1):
            yield port
    raise BrokerError(
        f"no two neighbouring ports between {FIRST_PORT} and {_LAST_PORT} could be used",
        hint="end what listens there, or use a cluster of your own (--bootstrap HOST:PORT)",
    )
