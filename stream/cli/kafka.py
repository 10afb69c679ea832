"""`kizuna kafka start|stop|status`: the local Kafka alone."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stream.cli import output
from stream.cli.options import Json
from stream.config import Settings, load
from stream.local.broker import LocalKafka, Status
from stream.local.progress import Progress, silent

__all__ = ["kafka", "local_kafka"]

kafka = typer.Typer(no_args_is_help=False)

DataDir = Annotated[
    Path | None, typer.Option(help="Where its data, log and jars live.", show_default=".kizuna")
]


@kafka.command()
def start(
    data_dir: DataDir = None,
    port: Annotated[
        int | None, typer.Option(help="For clients; the next one is used too.", show_default="a free one")
    ] = None,
    kafka_heap: Annotated[str | None, typer.Option("--heap", help="Java's heap.", show_default="1g")] = None,
    maven_repository: Annotated[
        str | None, typer.Option(help="Mirror to download from.", show_default="Maven Central")
    ] = None,
    json: Json = False,
) -> None:
    """Start Kafka on this machine's loopback; done at once if it runs already.

    The first start downloads 45 MB and verifies every file. It runs until `kizuna kafka stop`.

    Example: kizuna kafka start --port 29092
    """
    settings = load(data_dir=data_dir, kafka_heap=kafka_heap, maven_repository=maven_repository)
    with output.progress() as report:
        broker = local_kafka(settings, port=port, progress=report)
        broker.start()
    _tell(broker.status(), json=json)


@kafka.command()
def stop(data_dir: DataDir = None, json: Json = False) -> None:
    """Stop the local Kafka in order; its data stays.

    Example: kizuna kafka stop
    """
    with output.progress() as report:
        was_running = local_kafka(load(data_dir=data_dir), progress=report).stop()
    if json:
        output.json_line({"stopped": was_running})
    else:
        output.say("Kafka stopped" if was_running else "Kafka was not running")


@kafka.command()
def status(data_dir: DataDir = None, json: Json = False) -> None:
    """Tell whether the local Kafka runs, and where.

    Example: kizuna kafka status --json
    """
    _tell(local_kafka(load(data_dir=data_dir)).status(), json=json)


def local_kafka(settings: Settings, *, port: int | None = None, progress: Progress = silent) -> LocalKafka:
    """The local Kafka of these settings; `demo` and this command speak of the same one."""
    return LocalKafka(
        settings.data_dir,
        port=port,
        heap=settings.kafka_heap,
        repository=settings.maven_repository,
        progress=progress,
    )


def _tell(status: Status, *, json: bool) -> None:
    if json:
        output.json_line(asdict(status))
        return
    if status.running:
        output.say(f"Kafka {status.kafka_version} runs at {status.bootstrap} (pid {status.pid})")
    else:
        output.say("Kafka does not run; start it: kizuna kafka start")
    output.say(f"  data {status.data}")
    output.say(f"  log  {status.log}")
