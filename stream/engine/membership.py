"""What the engine must know of the consumer group to be sure of what it owns."""

from typing import Protocol

__all__ = ["Membership"]


class Membership(Protocol):
    """This worker's standing in the group. Read at any time, from the main loop."""

    @property
    def last_heartbeat_s(self) -> float:
        """Monotonic time at which the last heartbeat that the group answered with yes was *sent*."""
        ...

    @property
    def generation(self) -> int:
        """Of the group; grows with every rebalance."""
        ...

    @property
    def rebalancing(self) -> bool:
        """True from the first word of a rebalance until its partitions are ready."""
        ...
