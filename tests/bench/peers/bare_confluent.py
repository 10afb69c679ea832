"""confluent-kafka (librdkafka) without a framework: an event, a step, a score. State is a dict in memory.

Nothing survives a crash: no changelog, no transactions, offsets committed by the clock. A floor of what any
durable Python job on this client costs.
"""

import os

import orjson
from confluent_kafka import Consumer, Producer

from tests.bench.peers.job import Fields, step

PREFIX = os.environ["BENCH_PREFIX"]
BATCH = 1_000
WAIT_S = 0.02


def main() -> None:
    """Run until killed."""
    bootstrap = os.environ["BENCH_BOOTSTRAP"]
    reader = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": os.environ["BENCH_APP"],
            "auto.offset.reset": "earliest",
            "queued.min.messages": 1_000_000,
            "fetch.queue.backoff.ms": 5,  # its default second stops the fetch whenever the queue was full
        }
    )
    writer = Producer(
        {"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 20, "partitioner": "murmur2_random"}
    )
    scores, alerts = f"{PREFIX}scores", f"{PREFIX}alerts"
    customers: dict[bytes, Fields] = {}

    def send(topic: str, value: bytes, key: bytes) -> None:
        while True:
            try:
                writer.produce(topic, value, key)
                return
            except BufferError:  # its queue is full: let it send
                writer.poll(0.05)

    reader.subscribe([f"{PREFIX}interactions"])
    while True:
        for message in reader.consume(BATCH, WAIT_S):
            if message.error():
                continue
            key = message.key()
            state, score, alert = step(customers.get(key), orjson.loads(message.value()))
            customers[key] = state
            send(scores, orjson.dumps(score), key)
            if alert is not None:
                send(alerts, orjson.dumps(alert), key)
        writer.poll(0)


if __name__ == "__main__":
    main()
