"""Overload: three times what the worker can do, for minutes; then it drains."""

from typing import Any
from collections.abc import Callable
from tests.bench.cluster import Broker


async def overload(at: Broker, residents: int, minutes: float, say: Callable[[dict[str, Any]], None]) -> None:
    raise NotImplementedError
