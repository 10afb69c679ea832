"""How many records may wait in one worker, whatever the number of its partitions."""

from types import SimpleNamespace
from typing import Any

import pytest

from stream.config import load
from stream.engine.partitions import MAX_STEPS_WAITING, Partitions
from stream.errors import KizunaError
from stream.metrics import Metrics
from tests.integration.engine.counting import CountingPipeline

STEP = 1_000


def _fail(error: KizunaError) -> None:
    pytest.fail(str(error))


@pytest.fixture
async def engine() -> Partitions:
    """A worker with sixteen partitions and steps of at most a thousand records."""
    membership: Any = SimpleNamespace(last_heartbeat_s=0.0, generation=1, rebalancing=False)
    settings = load(max_uncommitted=STEP, partitions=16)
    made = Partitions(settings, CountingPipeline(), Metrics("v", "m"), "v", membership, stop=_fail)
    made.owned = {number: made._new(number) for number in range(16)}
    return made


async def test_records_that_wait_are_bounded_by_the_worker_not_by_its_partitions(engine: Partitions) -> None:
    """Half a step in each of eight partitions is enough; what was taken makes room again."""
    partitions = list(engine.owned.values())
    for partition in partitions[: 2 * MAX_STEPS_WAITING]:
        assert not engine.crowded
        partition.fetched(STEP // 2)
    assert engine.crowded
    assert all(partition.room for partition in partitions)
    partitions[0].drop()
    assert not engine.crowded
