"""`kizuna worker`: score what arrives, until stopped."""

from pathlib import Path
from typing import Annotated

import typer

from stream.cli.options import Bootstrap

__all__ = ["worker"]


def worker(
    bootstrap: Bootstrap = None,
    app_id: Annotated[
        str | None, typer.Option(help="Group, transactions and changelog are named after it.")
    ] = None,
    topic_prefix: Annotated[str | None, typer.Option(help="Put before every topic's name.")] = None,
    partitions: Annotated[int | None, typer.Option(help="Partitions of every customer topic.")] = None,
    commit_interval_ms: Annotated[
        int | None, typer.Option(help="Longest wait of a record for its commit.")
    ] = None,
    max_uncommitted: Annotated[
        int | None, typer.Option(help="Records of one partition in one transaction, at most.")
    ] = None,
    sweep_interval_s: Annotated[
        float | None, typer.Option(help="All customers are re-scored so often.")
    ] = None,
    clock: Annotated[str | None, typer.Option(help="Whose now scores are of: wall or event.")] = None,
    parameters: Annotated[Path | None, typer.Option(help="Model parameters (TOML).")] = None,
    rules: Annotated[Path | None, typer.Option(help="Alert rules (TOML).")] = None,
    plays: Annotated[Path | None, typer.Option(help="Recommended actions by cause (TOML).")] = None,
    actions: Annotated[Path | None, typer.Option(help="Efforts of actions (TOML).")] = None,
    instance_id: Annotated[
        str | None, typer.Option(help="Stable name: restarts without a rebalance.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Whose local Kafka is meant.", show_default=".kizuna")
    ] = None,
    metrics_host: Annotated[str | None, typer.Option(help="Where /metrics, /livez, /readyz listen.")] = None,
    metrics_port: Annotated[int | None, typer.Option(help="0: any free port.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    log_format: Annotated[str | None, typer.Option(help="console or json.")] = None,
) -> None:
    """Score interactions as they arrive, exactly once. Stop with Ctrl-C or SIGTERM.

    Example: kizuna worker --bootstrap 127.0.0.1:9092 --metrics-port 9108
    """
    from stream.bootstrap import run_worker
    from stream.cli.where import reachable
    from stream.config import load

    named = load(
        bootstrap=bootstrap,
        app_id=app_id,
        topic_prefix=topic_prefix,
        partitions=partitions,
        commit_interval_ms=commit_interval_ms,
        max_uncommitted=max_uncommitted,
        sweep_interval_s=sweep_interval_s,
        clock=clock,
        parameters=parameters,
        rules=rules,
        plays=plays,
        actions=actions,
        instance_id=instance_id,
        data_dir=data_dir,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
        log_level=log_level,
        log_format=log_format,
    )
    with reachable(named) as settings:
        raise typer.Exit(run_worker(settings))
