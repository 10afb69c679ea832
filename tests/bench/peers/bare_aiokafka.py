"""aiokafka without a framework: an event, a step, a score, in one loop. State is a dict in memory.

Nothing survives a crash: no changelog, no transactions, offsets committed by the clock. A floor of what any
durable job on this client costs.
"""

import asyncio
import os

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from tests.bench.peers.job import Fields, step

PREFIX = os.environ["BENCH_PREFIX"]


async def main() -> None:
    """Run until killed."""
    bootstrap, group = os.environ["BENCH_BOOTSTRAP"], os.environ["BENCH_APP"]
    reader = AIOKafkaConsumer(
        f"{PREFIX}interactions", bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest"
    )
    writer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", linger_ms=20, max_batch_size=256 * 1024
    )
    await writer.start()
    await reader.start()
    scores, alerts = f"{PREFIX}scores", f"{PREFIX}alerts"
    customers: dict[bytes, Fields] = {}
    while True:
        for records in (await reader.getmany(timeout_ms=1000, max_records=5000)).values():
            for record in records:
                key = record.key
                state, score, alert = step(customers.get(key), orjson.loads(record.value))
                customers[key] = state
                await writer.send(scores, orjson.dumps(score), key=key)
                if alert is not None:
                    await writer.send(alerts, orjson.dumps(alert), key=key)


if __name__ == "__main__":
    asyncio.run(main())
