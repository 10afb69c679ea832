"""For maintainers: resolve Kafka Streams anew and write `streams.lock.toml`.

`python -m tests.bench.kafka_streams.relock`, after `python -m stream.local.relock`: the version is the
broker's, and what the broker has already is left out.
"""

import sys
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

from stream.local.lock import Jar, read_lock, sha256_of
from tests.bench.kafka_streams.build import LOCK_FILE

STREAMS = "org.apache.kafka:kafka-streams"


def resolve(cache: Path) -> list[Jar]:
    """What Kafka Streams needs and the broker's lock does not name, sorted by coordinate."""
    lock = read_lock()
    context = MavenContext(repo_cache=cache)
    roots, needed = context.resolver.resolve([context.create_dependency(f"{STREAMS}:{lock.kafka_version}")])
    there = {jar.coordinate for jar in lock.jars}
    jars = []
    for dependency in (*roots, *needed):
        artifact = dependency.artifact
        coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        if coordinate not in there:
            path = artifact.resolve()
            jars.append(Jar(coordinate, sha256_of(path), path.stat().st_size))
    return sorted(jars, key=lambda jar: jar.coordinate)


def main() -> None:
    """Write the lock."""
    with tempfile.TemporaryDirectory() as directory:
        jars = resolve(Path(directory))
    lines = [
        "# The jars Kafka Streams needs beside the broker's. Written by relock.py, not by hand.",
        f'kafka_version = "{read_lock().kafka_version}"',
    ]
    for jar in jars:
        lines += ["", "[[jar]]", f'coordinate = "{jar.coordinate}"', f'sha256 = "{jar.sha256}"']
        lines.append(f"bytes = {jar.n_bytes}")
    LOCK_FILE.write_text("\n".join(lines) + "\n", "utf-8")
    sys.stdout.write(f"{LOCK_FILE.name}: {len(jars)} jars, {sum(jar.n_bytes for jar in jars) / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()
