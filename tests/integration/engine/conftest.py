"""Topics, group and transactional ids of one test."""

import asyncio
from pathlib import Path

import pytest

from stream.config import Settings, load
from stream.engine.topics import create_topics


@pytest.fixture
def bare_settings(
    bootstrap: str, topics_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings of a test that has no topics yet."""
    monkeypatch.chdir(tmp_path)
    return load(bootstrap=bootstrap, topic_prefix=topics_prefix, app_id=topics_prefix + "app", partitions=4)


@pytest.fixture
async def settings(bare_settings: Settings) -> Settings:
    """Settings of a test whose topics exist."""
    await asyncio.to_thread(create_topics, bare_settings)
    return bare_settings


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The workers' log."""
    return tmp_path / "worker.log"
