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

from stream.config import load
from stream.errors import KizunaError
from tests.bench import machine, packages
from tests.bench.cluster import ROOT, broker
from tests.bench.contestants import OURS, PEERS, Contestant
from tests.bench.page import page
from tests.bench.results import Result, write
from tests.bench.rounds import HALF, SUSTAINED, Load, Rounds

RATES: tuple[Load, ...] = (500, 5_000)
EXAMPLE = 'Example: make bench ARGS="--peers faust,kafka_streams --rounds 3 --latency --json"'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench.

    Returns:
        exit code: 0; 1 if a run failed or wrote wrong outputs; 130 when interrupted.
    """
    options = _parse(arguments)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it says of topics just made
    signal.signal(signal.SIGTERM, _interrupt)  # stop as on Ctrl-C: leave nothing running
    result = _result(options)
    try:
        _prepare(options.peers, result)
        with broker(load()) as at:
            result.head["kafka"] = at.version
            asyncio.run(Rounds(options, result, at).run())
    except KizunaError as error:
        sys.stderr.write(f"bench: {error}\n  next: {error.hint}\n")
        return error.exit_code
    except RuntimeError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    path = write(result, page)
    print(page(result))
    print(f"written: {path.relative_to(ROOT)} and the .json beside it")
    for text in result.wrong:
        sys.stderr.write(f"bench: WRONG {text}\n")
    if options.json:
        print(json.dumps(result.summary()))
    return 1 if result.wrong else 0


def _result(options: argparse.Namespace) -> Result:
    return Result(
        head={
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "revision": machine.revision(ROOT),
            "machine": machine.describe(),
            "settings": dict(options.set),
            "seed": options.seed,
            "customers": options.customers,
            "partitions": options.partitions,
            "rounds": options.rounds,
        },
        contestants=[OURS],
    )


def _prepare(peers: Sequence[Contestant], result: Result) -> None:
    """Have what each peer needs; who cannot run here is skipped aloud, not an error."""
    for peer in peers:
        try:
            peer.need()
        except packages.Unavailable as reason:
            result.skipped[peer.name] = str(reason)
            print(f"  skipped  {peer.name}: {reason}", flush=True)
        else:
            result.contestants.append(peer)
    if any(peer.command[0] == str(packages.PYTHON) for peer in result.contestants):
        result.head["machine"]["versions"] |= packages.versions()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__, epilog=EXAMPLE)
    parser.add_argument(
        "--peers",
        type=_peers,
        default=list(PEERS.values()),
        help=f"of {','.join(PEERS)}; 'none' for ours alone (default: all that can run)",
    )
    parser.add_argument("--rounds", type=_natural, default=3, help="measured runs of each (default 3)")
    parser.add_argument(
        "--events", type=_natural, default=1_000_000, help="backlog of ours (default 1,000,000)"
    )
    parser.add_argument("--customers", type=_natural, default=20_000, help="default 20,000")
    parser.add_argument("--partitions", type=_natural, default=4, help="default 4")
    parser.add_argument("--seed", type=int, default=7, help="of the workload (default 7)")
    parser.add_argument("--latency", action="store_true", help="also latency at a steady rate")
    parser.add_argument(
        "--rates",
        type=_rates,
        default=RATES,
        help="for --latency, events/s; 'half' of what ours reached on the backlog, 'half-sustained' of the "
        "highest steady rate that it follows (default 500,5000)",
    )
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
    return [PEERS[name] for name in PEERS if name in names]


def _natural(text: str) -> int:
    digits = text.replace(",", "").replace("_", "")
    if not digits.isdecimal() or int(digits) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(digits)


def _rates(text: str) -> tuple[Load, ...]:
    named: dict[str, Load] = {HALF: HALF, SUSTAINED: SUSTAINED}
    return tuple(named[part] if part in named else _natural(part) for part in text.split(","))


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("NAME=VALUE")
    return name.strip().lower(), value


def _interrupt(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
