"""`make bench`: the real worker beside its peers on a real Kafka, in interleaved rounds."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from types import FrameType
from typing import Any

from stream.config import load
from stream.errors import KizunaError
from tests.bench import machine
from tests.bench.cluster import ROOT, Broker, broker
from tests.bench.contestants import OURS, PEERS, Contestant
from tests.bench.latency import MEASURED_S, WARM_S, steady
from tests.bench.results import Result, write
from tests.bench.throughput import run
from tests.bench.workload import Workload

RATES = (500, 5_000)
EXAMPLE = 'Example: make bench ARGS="--peers faust --rounds 3 --latency --json"'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench.

    Returns:
        exit code: 0; 1 if a run failed or wrote wrong outputs; 130 when interrupted.
    """
    options = _parse(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says of topics just made
    signal.signal(signal.SIGTERM, _interrupt)  # stop as on Ctrl-C: leave nothing running
    try:
        with broker(load()) as at:
            result = asyncio.run(_bench(options, at))
    except KizunaError as error:
        sys.stderr.write(f"bench: {error}\n  next: {error.hint}\n")
        return error.exit_code
    except RuntimeError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    page = write(result)
    print(result.page())
    print(f"written: {page.relative_to(ROOT)} and the .json beside it")
    for text in result.wrong:
        sys.stderr.write(f"bench: WRONG {text}\n")
    if options.json:
        print(json.dumps(result.summary()))
    return 1 if result.wrong else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, epilog=EXAMPLE)
    parser.add_argument(
        "--peers",
        type=_peers,
        default=list(PEERS.values()),
        help=f"of {','.join(PEERS)}; 'none' for ours alone",
    )
    parser.add_argument("--rounds", type=_natural, default=3, help="measured runs of each (default 3)")
    parser.add_argument("--events", type=_natural, default=500_000, help="backlog of ours (default 500,000)")
    parser.add_argument("--customers", type=_natural, default=20_000, help="default 20,000")
    parser.add_argument("--partitions", type=_natural, default=4, help="default 4")
    parser.add_argument("--seed", type=int, default=7, help="of the workload (default 7)")
    parser.add_argument("--latency", action="store_true", help="also latency at a steady rate")
    parser.add_argument("--rates", type=_rates, default=RATES, help="for --latency (default 500,5000)")
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of our worker",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    return parser.parse_args(arguments)


def _peers(text: str) -> list[Contestant]:
    names = [] if text == "none" else text.split(",")
    unknown = sorted(set(names) - set(PEERS))
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are: {', '.join(PEERS)}")
    return [PEERS[name] for name in names]


def _natural(text: str) -> int:
    number = int(text.replace(",", "").replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _rates(text: str) -> tuple[int, ...]:
    return tuple(_natural(part) for part in text.split(","))


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("NAME=VALUE")
    return name.strip().lower(), value


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


async def _bench(options: argparse.Namespace, at: Broker) -> Result:
    began = datetime.now(UTC)
    settings = dict(options.set)
    result = Result(
        head={
            "date": began.isoformat(timespec="seconds"),
            "revision": machine.revision(ROOT),
            "machine": machine.describe(),
            "kafka": at.version,
            "settings": settings,
            "seed": options.seed,
            "customers": options.customers,
            "partitions": options.partitions,
            "rounds": options.rounds,
        },
        contestants=[OURS, *options.peers],
    )
    end_ms = int(began.timestamp() * 1000)

    def workload(n_events: int) -> Workload:
        return Workload(n_events, options.customers, options.seed, end_ms)

    def extra(contestant: Contestant) -> dict[str, str]:
        return {f"KIZUNA_{k.upper()}": v for k, v in settings.items()} if contestant is OURS else {}

    for number in range(options.rounds + 1):
        # Who goes first alternates, so that what changes during a round favours nobody.
        for contestant in result.contestants if number % 2 else result.contestants[::-1]:
            n_events = min(options.events, contestant.most_events)
            chosen = workload(n_events if number else min(n_events, contestant.warm_up))
            done = await run(contestant, number, chosen, at, options.partitions, extra(contestant))
            _say(
                f"round {number}" if number else "warm-up",
                contestant,
                f"{done.window.rate:,.0f} events/s",
                done.wrong,
            )
            if number:
                result.runs.append(done)
    if options.latency:
        for rate in options.rates:
            for contestant in result.contestants:
                if rate > contestant.most_rate:
                    continue
                chosen = workload(int(rate * (WARM_S + MEASURED_S)) + 1)
                row = await steady(contestant, rate, chosen, at, options.partitions, extra(contestant))
                result.latency.append(row)
                _say(f"{rate:,}/s", contestant, f"p50 {row.get('p50')} ms, p99 {row.get('p99')} ms", [])
    return result


def _say(step: str, contestant: Contestant, text: str, wrong: Sequence[Any]) -> None:
    verdict = f"  WRONG: {'; '.join(wrong)}" if wrong else ""
    print(f"{step:>9}  {contestant.name:<8} {text}{verdict}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
