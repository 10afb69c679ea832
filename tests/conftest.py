"""What every test of the session lives under: fixed chance, and one real Kafka for whoever asks for it."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as profiles

from stream.config import Settings, load
from stream.engine.topics import create_topics
from stream.local.broker import LocalKafka

# Fixed examples on every machine: a red test is red for everyone.
# `HYPOTHESIS_PROFILE=explore` looks for new ones.
profiles.register_profile("house", derandomize=True, deadline=None, print_blob=True)
profiles.register_profile(
    "explore", max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
profiles.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))

# Downloaded once for project and tests alike; data of a test run lives in pytest's own directory.
JARS = Path(__file__).resolve().parents[1] / ".kizuna" / "jars"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for a Kafka carries the marker, so that `-m "not broker"` leaves none out."""
    for item in items:
        if {"bootstrap", "jars"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.broker)


@pytest.fixture(scope="session")
def jars() -> Path:
    """Where Kafka's jars are kept between runs."""
    return JARS


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[str]:
    """Address of the session's Kafka."""
    with LocalKafka(tmp_path_factory.mktemp("kafka"), jars=jars) as kafka:
        yield kafka.bootstrap


@pytest.fixture
def topics_prefix() -> str:
    """A prefix for topics, groups and transactional ids that no other test has."""
    return f"t{uuid4().hex[:8]}-"


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
