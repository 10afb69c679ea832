"""`kizuna topics create|check`: the declared topics on a cluster."""

import logging
from typing import Annotated

import typer

from stream.cli import output
from stream.config import Settings, load
from stream.engine.topics import check_topics, create_topics, declared

__all__ = ["topics"]

# What aiokafka says of a cluster out of reach, our error says in one sentence.
logging.getLogger("aiokafka").addHandler(logging.NullHandler())

topics = typer.Typer(no_args_is_help=False)

Bootstrap = Annotated[
    str | None, typer.Option(help="Kafka's address, host:port.", show_default="from the settings")
]
Prefix = Annotated[str | None, typer.Option(help="Put before every topic's name.", show_default="none")]
Partitions = Annotated[int | None, typer.Option(help="Of every topic.", show_default="4")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")]


@topics.command()
def create(
    bootstrap: Bootstrap = None,
    topic_prefix: Prefix = None,
    partitions: Partitions = None,
    replication: Annotated[int | None, typer.Option(help="Copies of every topic.", show_default="1")] = None,
    json: Json = False,
) -> None:
    """Make the declared topics that are missing; those that exist are left as they are.

    Example: kizuna topics create --bootstrap 127.0.0.1:19092 --partitions 8
    """
    settings = load(
        bootstrap=bootstrap, topic_prefix=topic_prefix, partitions=partitions, replication=replication
    )
    created = create_topics(settings)
    if json:
        output.json_line({"created": created, "existing": sorted(_names(settings) - set(created))})
        return
    for name in created:
        output.say(f"created {name}")
    output.say(f"{len(created)} created, {len(_names(settings)) - len(created)} existed")


@topics.command()
def check(
    bootstrap: Bootstrap = None,
    topic_prefix: Prefix = None,
    partitions: Partitions = None,
    json: Json = False,
) -> None:
    """Compare the cluster's topics with the declared ones; a worker starts only on topics that pass.

    Example: kizuna topics check --bootstrap 127.0.0.1:19092
    """
    settings = load(bootstrap=bootstrap, topic_prefix=topic_prefix, partitions=partitions)
    check_topics(settings)
    if json:
        output.json_line({"checked": sorted(_names(settings)), "as_declared": True})
    else:
        output.say(f"topics on {settings.bootstrap} are as declared")


def _names(settings: Settings) -> set[str]:
    return {topic.name for topic in declared(settings)}
