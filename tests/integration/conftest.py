"""One real Kafka for the whole run; each test its own topics and groups on it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from stream.local.broker import LocalKafka

# Downloaded once for project and tests alike; data of a test run lives in pytest's own directory.
JARS = Path(__file__).resolve().parents[2] / ".kizuna" / "jars"


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
