"""`kizuna topics create|check`: the declared topics on a cluster."""

from typing import Annotated

import typer

from stream.cli import output
from stream.cli.options import Bootstrap, Json
from stream.cli.where import reachable
from stream.config import Settings, load
from stream.engine.topics import check_topics, create_topics, declared

__all__ = ["topics"]

topics = typer.Typer(no_args_is_help=False)

Prefix = Annotated[str | None, typer.Option(help="Put before every topic's name.", show_default="none")]
AppId = Annotated[
    str | None, typer.Option(help="Whose changelog is meant; as given to the worker.", show_default="kizuna")
]
Partitions = Annotated[int | None, typer.Option(help="Of every topic.", show_default="4")]


@topics.command()
def create(
    bootstrap: Bootstrap = None,
    app_id: AppId = None,
    topic_prefix: Prefix = None,
    partitions: Partitions = None,
    replication: Annotated[int | None, typer.Option(help="Copies of every topic.", show_default="1")] = None,
    json: Json = False,
) -> None:
    """Make the declared topics that are missing; those that exist are left as they are.

    Example: kizuna topics create --partitions 8
    """
    named = load(
        bootstrap=bootstrap,
        app_id=app_id,
        topic_prefix=topic_prefix,
        partitions=partitions,
        replication=replication,
    )
    with reachable(named) as settings:
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
    app_id: AppId = None,
    topic_prefix: Prefix = None,
    partitions: Partitions = None,
    json: Json = False,
) -> None:
    """Compare the cluster's topics with the declared ones; a worker starts only on topics that pass.

    Example: kizuna topics check --bootstrap kafka.example:9092
    """
    named = load(bootstrap=bootstrap, app_id=app_id, topic_prefix=topic_prefix, partitions=partitions)
    with reachable(named) as settings:
        check_topics(settings)
    if json:
        output.json_line({"checked": sorted(_names(settings)), "as_declared": True})
    else:
        output.say(f"topics on {settings.bootstrap} are as declared")


def _names(settings: Settings) -> set[str]:
    return {topic.name for topic in declared(settings)}
