"""quixstreams: a StreamingDataFrame with state in RocksDB and a changelog, committed every second.

`BENCH_GUARANTEE` is its `processing_guarantee`: at-least-once or exactly-once.
"""

import os
from typing import Any, Literal, cast

from quixstreams import Application

from tests.bench.peers.job import Fields, step

PREFIX = os.environ["BENCH_PREFIX"]

app = Application(
    broker_address=os.environ["BENCH_BOOTSTRAP"],
    consumer_group=os.environ["BENCH_APP"],
    auto_offset_reset="earliest",
    state_dir=os.environ["BENCH_SCRATCH"],
    processing_guarantee=cast(
        'Literal["at-least-once", "exactly-once"]', os.environ.get("BENCH_GUARANTEE", "at-least-once")
    ),
    commit_interval=1.0,
    loglevel="WARNING",
)


def score(event: Fields, state: Any) -> Fields:
    """Both outputs of one event."""
    after, scored, alert = step(state.get("customer"), event)
    state.set("customer", after)
    return {"score": scored, "alert": alert}


def main() -> None:
    """Run until SIGTERM."""
    interactions = app.topic(f"{PREFIX}interactions", key_deserializer="str", value_deserializer="json")
    scores = app.topic(f"{PREFIX}scores", key_serializer="str", value_serializer="json")
    alerts = app.topic(f"{PREFIX}alerts", key_serializer="str", value_serializer="json")
    both = app.dataframe(interactions).apply(score, stateful=True)
    both.apply(lambda value: value["score"]).to_topic(scores)
    both.filter(lambda value: value["alert"] is not None).apply(lambda value: value["alert"]).to_topic(alerts)
    app.run()


if __name__ == "__main__":
    main()
