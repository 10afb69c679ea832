"""`python -m tests.bench.scale`: what millions of customers cost, and what overload does."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from stream.config import load
from tests.bench import machine, scale_overload, scale_runs
from tests.bench.cluster import ROOT, Broker, broker

EXAMPLE = "Example: python -m tests.bench.scale restore --customers 1000000,5000000"
RESULTS = Path(__file__).parent / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one part of the scale bench; exit code 0, or 130 when interrupted."""
    options = _parse(arguments)
    signal.signal(signal.SIGINT, _interrupt)  # also where a shell has it ignored
    signal.signal(signal.SIGTERM, _interrupt)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says of topics just made
    try:
        with broker(load()) as at:
            began = datetime.now(UTC)
            result: dict[str, Any] = {
                "command": " ".join(["python -m tests.bench.scale", *(arguments or sys.argv[1:])]),
                "date": began.isoformat(timespec="seconds"),
                "revision": machine.revision(ROOT),
                "machine": machine.describe(),
                "kafka": at.version,
                "rows": asyncio.run(_run(options, at)),
            }
    except KeyboardInterrupt:
        return 130
    stem = RESULTS / f"{began:%Y-%m-%d-%H%M}-scale-{options.part}"
    stem.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    stem.with_suffix(".md").write_text(_page(result), encoding="utf-8")
    print(_page(result))
    print(f"written: {stem.relative_to(ROOT)}.md and .json")
    return 0


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__, epilog=EXAMPLE)
    parser.add_argument("part", choices=("restore", "rate", "sweep", "overload"))
    parser.add_argument("--customers", type=_numbers, default=[1_000_000], help="residents, several by comma")
    parser.add_argument("--events", type=int, default=300_000, help="backlog of `rate` (default 300,000)")
    parser.add_argument(
        "--active", type=int, default=20_000, help="customers of the narrow traffic of `rate`"
    )
    parser.add_argument("--load", type=_numbers, default=[1_000], help="events per second of `sweep`")
    parser.add_argument("--interval", type=int, default=60, help="sweep interval of `sweep`, s (default 60)")
    parser.add_argument("--minutes", type=float, default=10, help="of `overload` (default 10)")
    parser.add_argument("--rounds", type=int, default=1, help="of `restore`, `rate` and `sweep` (default 1)")
    return parser.parse_args(arguments)


def _numbers(text: str) -> list[int]:
    return [int(part.replace("_", "")) for part in text.split(",")]


async def _run(options: argparse.Namespace, at: Broker) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def say(row: dict[str, Any]) -> None:
        found.append(row)
        print(json.dumps(row), flush=True)

    if options.part == "restore":
        await scale_runs.restores(at, options.customers, options.rounds, say)
    elif options.part == "rate":
        await scale_runs.rates(at, options.customers, options.events, options.active, options.rounds, say)
    elif options.part == "sweep":
        await scale_runs.sweeps(at, options.customers[0], options.load, options.interval, options.rounds, say)
    else:
        await scale_overload.overload(at, options.customers[0], options.minutes, say)
    return found


def _page(result: dict[str, Any]) -> str:
    """A short Markdown page: conditions and one table."""
    its = result["machine"]
    conditions = f"{result['date']}, revision {result['revision']}, Kafka {result['kafka']}, "
    conditions += f"{its['cores']} cores {its['cpu']}, Python {its['python']}"
    columns = list(dict.fromkeys(key for row in result["rows"] for key in row))
    lines = [
        f"# {result['command']}",
        "",
        conditions,
        "",
        "| " + " | ".join(columns) + " |",
        "|" + "---|" * len(columns),
        *("| " + " | ".join(_cell(row.get(key, "")) for key in columns) + " |" for row in result["rows"]),
    ]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
