"""For maintainers: resolve Kafka's jars anew and write `kafka.lock.toml` (`python -m stream.local.relock`).

The only code that asks Maven's metadata what Kafka needs. Everyone else installs what is locked.
"""

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from jgo.maven import Artifact, MavenContext

from stream.local.lock import LOCK_FILE, Jar, sha256_of

__all__ = ["KAFKA", "render", "resolve"]

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"

# Kafka logs through slf4j and leaves the backend to its distribution: without this jar its log is empty.
LOG_BINDING = ("org.apache.logging.log4j", "log4j-slf4j-impl")
LOG_CORE = "log4j-core"


def resolve(cache: Path) -> list[Jar]:
    """Download Kafka's run-time jars into `cache` and return them, sorted by coordinate.

    Kafka is resolved alone: a second root would count as version management too, and jgo would then take
    kafka-clients in the older version that log4j's own build names.
    """
    context = MavenContext(repo_cache=cache)
    roots, dependencies = context.resolver.resolve([context.create_dependency(KAFKA)])
    artifacts = [dependency.artifact for dependency in (*roots, *dependencies)]
    log_version = next(artifact.version for artifact in artifacts if artifact.artifactId == LOG_CORE)
    artifacts.append(context.project(*LOG_BINDING).at_version(log_version).artifact())
    return sorted((_jar(artifact) for artifact in artifacts), key=lambda jar: jar.coordinate)


def render(jars: Iterable[Jar]) -> str:
    """The lock file's text."""
    lines = [
        "# Every jar the local Kafka runs from. Written by `python -m stream.local.relock`, not by hand.",
        f'kafka_version = "{KAFKA.rpartition(":")[2]}"',
    ]
    for jar in jars:
        lines += [
            "",
            "[[jar]]",
            f'coordinate = "{jar.coordinate}"',
            f'sha256 = "{jar.sha256}"',
            f"bytes = {jar.n_bytes}",
        ]
    return "\n".join(lines) + "\n"


def _jar(artifact: Artifact) -> Jar:
    path = artifact.resolve()
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
    return Jar(coordinate, sha256_of(path), path.stat().st_size)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        locked = resolve(Path(directory))
    LOCK_FILE.write_text(render(locked), "utf-8")
    sys.stdout.write(f"{LOCK_FILE}: {len(locked)} jars, {sum(jar.n_bytes for jar in locked) / 1e6:.0f} MB\n")
