"""bytewax: decode, key, stateful map, encode; state in its SQLite recovery store, an epoch a second.

What it wrote since the last epoch it writes again after a crash: at least once.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
import orjson
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from tests.bench.peers.job import Fields, step

BOOTSTRAP = [os.environ["BENCH_BOOTSTRAP"]]
PREFIX = os.environ["BENCH_PREFIX"]
SCORES, ALERTS = f"{PREFIX}scores", f"{PREFIX}alerts"
BATCH = 1_000

Both = tuple[Fields, Fields | None]


def decode(message: Any) -> Fields:
    event: Fields = orjson.loads(message.value)
    return event


def score(state: Fields | None, event: Fields) -> tuple[Fields, Both]:
    after, scored, alert = step(state, event)
    return after, (scored, alert)


def encode(keyed: tuple[str, Both]) -> list[Any]:
    key, (scored, alert) = keyed[0].encode(), keyed[1]
    messages = [KafkaSinkMessage(key, orjson.dumps(scored), topic=SCORES)]
    if alert is not None:
        messages.append(KafkaSinkMessage(key, orjson.dumps(alert), topic=ALERTS))
    return messages


def flow() -> Any:
    """The dataflow, from the topic to the topics."""
    flow = Dataflow("bench")
    stream = op.input(
        "interactions", flow, KafkaSource(BOOTSTRAP, [f"{PREFIX}interactions"], batch_size=BATCH)
    )
    events = op.map("decode", stream, decode)
    keyed = op.key_on("customer", events, lambda event: event["customer_id"])
    scored = op.stateful_map("score", keyed, score)
    messages = op.flat_map("encode", scored, encode)
    # Without a topic of its own, each message names one; partitions as Kafka's Java clients choose them.
    op.output("outputs", messages, KafkaSink(BOOTSTRAP, None, add_config={"partitioner": "murmur2_random"}))
    return flow


def main() -> None:
    """Run until killed."""
    recovery = Path(os.environ["BENCH_SCRATCH"])
    recovery.mkdir()
    init_db_dir(recovery, 1)
    cli_main(flow(), recovery_config=RecoveryConfig(str(recovery)), epoch_interval=timedelta(seconds=1))


if __name__ == "__main__":
    main()
