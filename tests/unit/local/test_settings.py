"""What Kafka is told, where it listens, and how its failures read."""

import socket
import sys
from pathlib import Path

import pytest

from schemas.registry import TOPICS
from stream.errors import BrokerError, ConfigError, KizunaError
from stream.local.broker import LocalKafka
from stream.local.failure import PortTakenError, explain, last_lines
from stream.local.filelock import HeldError, exclusive
from stream.local.ports import HOST, free_ports, is_free
from stream.local.process import identity, kill, spawn
from stream.local.properties import Behind, server_properties


def settings() -> dict[str, str]:
    return dict(line.split("=", 1) for line in server_properties(19092).splitlines())


def test_broker_listens_on_loopback_only() -> None:
    """Every address in the settings is loopback's."""
    addresses = [value for key, value in settings().items() if "listeners" in key or "voters" in key]
    hosts = [part for value in addresses for part in value.replace("1@", "//").split("//")[1:]]
    assert hosts
    assert all(host.startswith(f"{HOST}:") for host in hosts)


def test_a_listener_behind_a_proxy_advertises_the_proxy() -> None:
    """Kafka's clients come back to the advertised address: it must be the proxy's, on loopback too."""
    text = server_properties(19092, behind=[Behind(19094, 19095), Behind(19096, 19097)])
    found = dict(line.split("=", 1) for line in text.splitlines())
    listens, tells = (
        dict(each.split(f"://{HOST}:") for each in found[name].split(","))
        for name in ("listeners", "advertised.listeners")
    )
    assert tells == {"PLAINTEXT": "19092", "BEHIND0": "19095", "BEHIND1": "19097"}
    assert listens == tells | {"CONTROLLER": "19093", "BEHIND0": "19094", "BEHIND1": "19096"}
    assert {
        each.split(":")[0] for each in found["listener.security.protocol.map"].split(",")
    } == listens.keys()


def test_broker_takes_every_declared_topic() -> None:
    """No declared topic may hold larger messages than the broker passes on."""
    largest = max(int(spec.config.get("max.message.bytes", 0)) for spec in TOPICS.values())
    assert largest <= int(settings()["message.max.bytes"]) == int(settings()["replica.fetch.max.bytes"])


def test_mistyped_topic_is_not_created() -> None:
    """Topics are declared, so Kafka makes none by itself."""
    assert settings()["auto.create.topics.enable"] == "false"


def test_free_ports_come_in_free_pairs() -> None:
    """A taken port takes its pair out; the preferred one comes first when it is free."""
    first = next(free_ports())
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, first + 1))
        listener.listen(1)
        assert not is_free(first + 1)
        assert next(free_ports(preferred=first)) not in (first, first + 1)
    assert next(free_ports(preferred=first)) == first


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("java.io.IOException: No space left on device", "disk is full"),
        ("Error occurred during initialization of VM\nCould not reserve enough space for 9G", "memory"),
        ("Failed to acquire lock on file .lock in data", "another Kafka"),
        ("java.nio.file.AccessDeniedException: data/x", "cannot be written"),
        ("Error reading meta.properties", "damaged"),
        ("something nobody foresaw", "ended while it started"),
    ],
)
def test_failure_is_said_with_cause_and_next_step(line: str, says: str) -> None:
    """What Kafka wrote last becomes one sentence that quotes it, with what to do."""
    error = explain(f"{line}\n\tat kafka.Frame(x)\n", directory=Path("d"), log=Path("d/kafka.log"))
    assert says in str(error)
    assert line.splitlines()[-1] in str(error)
    assert "kafka.Frame" not in str(error)
    assert "d/kafka.log" in error.hint


def test_taken_port_is_an_error_of_its_own() -> None:
    """Only this failure may be answered with another port."""
    text = "java.net.BindException: Address already in use"
    assert isinstance(explain(text, directory=Path("d"), log=Path("l")), PortTakenError)


def test_last_lines_fit_a_screen() -> None:
    """At most five lines, none endless."""
    lines = last_lines("\n".join(["x" * 5000] * 50))
    assert len(lines) == 5
    assert max(map(len, lines)) <= 300


@pytest.mark.parametrize("heap", ["", "1", "0g", "1t", "1g -version", "-1g"])
def test_unusable_heap_is_wrong_use(tmp_path: Path, heap: str) -> None:
    """A heap that Java would not take is refused before anything starts."""
    with pytest.raises(ConfigError, match="not a heap size"):
        LocalKafka(tmp_path, heap=heap).start()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("port", [0, 80, 65535, 70000])
def test_unusable_port_is_wrong_use(tmp_path: Path, port: int) -> None:
    """The controller needs the next port too, and neither may be a privileged one."""
    with pytest.raises(ConfigError, match="not a usable port"):
        LocalKafka(tmp_path, port=port).start()


def test_full_disk_is_said_before_anything_starts(tmp_path: Path) -> None:
    """Less room than Kafka needs: how much there is and how much it takes."""
    with pytest.raises(BrokerError, match="MB are free on the disk"):
        LocalKafka(tmp_path, min_free_bytes=1 << 60).start()
    assert {path.name for path in (tmp_path / "kafka").iterdir()} == {"lock", "in-use"}


def test_lock_lets_one_in(tmp_path: Path) -> None:
    """A second holder waits, gives up with a sentence, and gets in once the first has left."""
    path = tmp_path / "lock"
    with (
        exclusive(path),
        pytest.raises(KizunaError, match="another kizuna process"),
        exclusive(path, patience_s=0.1),
    ):
        pytest.fail("two holders")
    with exclusive(path, patience_s=0.1):
        pass


def test_lock_lives_as_long_as_a_child_that_inherits_it(tmp_path: Path) -> None:
    """A started process keeps the lock after its starter let go, and loses it when it ends."""
    path = tmp_path / "lock"
    with exclusive(path) as lock:
        pid = spawn(
            [sys.executable, "-c", "import time; time.sleep(60)"],
            directory=tmp_path,
            log=path,
            inherited=lock,
        )
    known = identity(pid)
    assert known is not None
    with pytest.raises(HeldError), exclusive(path, patience_s=0.1):
        pytest.fail("two holders")
    kill(pid, known)
    with exclusive(path, patience_s=1):
        pass
