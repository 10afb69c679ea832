"""`kizuna kafka start|stop|status`: the local Kafka alone."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stream.cli import output
from stream.config import load
from stream.local.broker import LocalKafka, Status

__all__ = ["command"]

command = typer.Typer(no_args_is_help=False)

DataDir = Annotated[
    Path | None, typer.Option(help="Where its data, log and jars live.", show_default=".kizuna")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")]


@command.command()
def start(
    data_dir: DataDir = None,
    port: Annotated[
        int | None, typer.Option(help="For clients; the next one is used too.", show_default="a free one")
    ] = None,
    heap: Annotated[str, typer.Option(help="Java's heap.")] = "1g",
    maven_repository: Annotated[
        str | None,
        typer.Option(
            envvar="KIZUNA_MAVEN_REPOSITORY", help="Mirror to download from.", show_default="Maven Central"
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Start Kafka on this machine's loopback; done at once if it runs already.

    The first start downloads 45 MB and verifies every file. It runs until `kizuna kafka stop`.

    Example: kizuna kafka start --port 29092
    """
    with output.progress() as report:
        kafka = LocalKafka(
            load(data_dir=data_dir).data_dir,
            port=port,
            heap=heap,
            repository=maven_repository,
            progress=report,
        )
        kafka.start()
    _tell(kafka.status(), json=json)


@command.command()
def stop(data_dir: DataDir = None, json: Json = False) -> None:
    """Stop the local Kafka in order; its data stays.

    Example: kizuna kafka stop
    """
    with output.progress() as report:
        kafka = LocalKafka(load(data_dir=data_dir).data_dir, progress=report)
        was_running = kafka.stop()
    if json:
        output.json_line({"stopped": was_running})
    else:
        output.say("Kafka stopped" if was_running else "Kafka was not running")


@command.command()
def status(data_dir: DataDir = None, json: Json = False) -> None:
    """Tell whether the local Kafka runs, and where.

    Example: kizuna kafka status --json
    """
    _tell(LocalKafka(load(data_dir=data_dir).data_dir).status(), json=json)


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
