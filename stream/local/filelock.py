"""One process at a time: an advisory lock that dies with its holder."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stream.errors import KizunaError

__all__ = ["HeldError", "exclusive"]

_POLL_S = 0.05


class HeldError(KizunaError):
    """Another process holds the lock, and did not let go in time."""


@contextmanager
def exclusive(path: Path, *, patience_s: float = 300.0) -> Iterator[int]:
    """Hold `path` locked; wait for another holder at most `patience_s`.

    The operating system releases it when the holder dies, so it is never stale. The file itself stays:
    removing it would let a third process lock a file of the same name.

    Yields:
        The descriptor the lock hangs on. A child that inherits it holds the lock too, while it lives.

    Raises:
        HeldError: another process still held it after `patience_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience_s
    with path.open("ab") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise HeldError(
                        f"another kizuna process has held {path} for {patience_s:.0f} s",
                        hint="wait for it or end it, then run the same command again",
                    ) from None
                time.sleep(_POLL_S)
        yield file.fileno()
