"""Readers of the log whose broker goes away."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from stream.engine.restore import log_reader
from tests.fault.cluster import cluster

pytestmark = pytest.mark.fault


async def test_closing_a_reader_that_waits_to_fetch_again_cancels_nobody_else(
    tmp_path: Path, jars: Path
) -> None:
    """A restore that broke off fails with its own error; the reset that waits for it goes on."""
    async with cluster(tmp_path, jars, own_disk=False) as kafka:
        settings, proxy = kafka.settings_of(0), kafka.proxies[0]
        topic = settings.topic("interactions")
        left = []
        for pause_s in (0.0, 0.02, 0.05, 0.08):
            async with log_reader(settings, topic) as reader:
                reader.assign([TopicPartition(topic, 0)])
                await reader.getmany(timeout_ms=1_000)
                proxy.cut(refuse=True)
                await asyncio.sleep(pause_s)
            left.append(pause_s)
            proxy.heal()
        assert len(left) == 4
