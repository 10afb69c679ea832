"""How long local work tells that it moves: one callable, so that this room prints nothing."""

from collections.abc import Callable

__all__ = ["Progress", "silent"]

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and of how much; a total of 0 means unknown."""


def silent(_step: str, _done: int, _total: int) -> None:
    """Tell nobody."""
