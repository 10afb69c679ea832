"""What was freed goes back to the system: or a worker keeps for good what its largest steps have needed.

A step makes and drops tens of thousands of keys and values, and keeps a few new tails of rows among them. Of
what is free between things in use, the C library gives back only the end of the heap. Asked to, it gives
back every free page.
"""

import ctypes
import threading

__all__ = ["EVERY_S", "give_back", "keep_giving_back"]

EVERY_S = 10.0
"""A call takes some 20 ms after steps of a backlog, and nobody allocates meanwhile; at rest less than one."""


def give_back() -> bool:
    """Return free pages of the heap to the system.

    Returns:
        False where the C library has no call for that: it is no GNU one.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim(0)
    return True


def keep_giving_back(over: threading.Event) -> None:
    """Do it again and again in a thread of its own until `over` is set."""

    def run() -> None:
        while not over.wait(EVERY_S):
            if not give_back():
                return

    threading.Thread(target=run, name="memory", daemon=True).start()
