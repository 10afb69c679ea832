"""Options that many commands have, with one help for all."""

from typing import Annotated

import typer

__all__ = ["Bootstrap", "Json"]

Bootstrap = Annotated[
    str | None, typer.Option(help="Kafka's address, host:port.", show_default="the local Kafka")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on the last line.")]
