"""Stock Faust: records, one agent, one table, two output topics, as its documentation shows them.

Everything at its default but the address, the names, the store (memory: no RocksDB wheel is needed and it is
the faster one) and a log level without debugging. At-least-once. The score is much simpler than ours: two
decayed sums, a ratio and a logistic, and two thresholds; no interval, no reasons, no deduplication, no
promises kept or broken, no sweep of silent customers. It publishes one score per event.
"""

import os
from datetime import datetime
from math import exp, log1p

import faust

PREFIX = os.environ["BENCH_PREFIX"]
PARTITIONS = int(os.environ["BENCH_PARTITIONS"])

HALF_LIFE_S = 30 * 86_400.0
LOW, HIGH = 35.0, 45.0
PRIORITY = {"low": 0.5, "normal": 1.0, "high": 1.5, "urgent": 2.0}

app = faust.App(
    os.environ["BENCH_APP"],
    broker=f"kafka://{os.environ['BENCH_BOOTSTRAP']}",
    store="memory://",
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    web_enabled=False,
    datadir=os.environ["BENCH_SCRATCH"],
)


class Interaction(faust.Record):
    type: str
    event_id: str
    customer_id: str
    occurred_at: str
    amount: float = 0.0
    status: str | None = None
    priority: str | None = None
    score: int | None = None


class State(faust.Record):
    good: float = 0.0
    bad: float = 0.0
    events: int = 0
    purchases: int = 0
    at_s: float = 0.0
    bought_s: float = 0.0
    alerted: bool = False


class Score(faust.Record):
    customer_id: str
    event_id: str
    as_of: float
    events: int
    trust: float
    churn_risk: float


class Alert(faust.Record):
    customer_id: str
    event_id: str
    as_of: float
    state: str
    trust: float


interactions = app.topic(f"{PREFIX}interactions", key_type=str, key_serializer="raw", value_type=Interaction)
scores = app.topic(f"{PREFIX}scores", key_type=str, key_serializer="raw", value_type=Score)
alerts = app.topic(f"{PREFIX}alerts", key_type=str, key_serializer="raw", value_type=Alert)
customers = app.Table("customers", key_type=str, value_type=State, partitions=PARTITIONS)


def apply(state: State, event: Interaction, now_s: float) -> None:
    """Change the state by one event."""
    weight = 1.0
    if now_s > state.at_s:
        faded = 2.0 ** ((state.at_s - now_s) / HALF_LIFE_S)
        state.good *= faded
        state.bad *= faded
        state.at_s = now_s
    else:
        weight = 2.0 ** ((now_s - state.at_s) / HALF_LIFE_S)
    state.events += 1
    if event.type == "purchase":
        state.purchases += 1
        state.good += weight * (0.5 + min(event.amount, 100.0) / 100.0)
        state.bought_s = max(state.bought_s, now_s)
    elif event.type == "ticket":
        if event.status == "opened":
            state.bad += weight * PRIORITY.get(event.priority or "normal", 1.0)
    elif event.type == "delivery":
        if event.status == "failed":
            state.bad += weight
        elif event.status == "arrived":
            state.good += weight * 0.5
    elif event.score is not None:
        if event.score >= 9:
            state.good += weight
        elif event.score <= 6:
            state.bad += weight


@app.agent(interactions)
async def score_interactions(stream: faust.StreamT[Interaction]) -> None:
    async for event in stream:
        now_s = datetime.fromisoformat(event.occurred_at).timestamp()
        state = customers.get(event.customer_id)
        if state is None:
            state = State(at_s=now_s, bought_s=now_s)
        apply(state, event, now_s)
        trust = 100.0 * (state.good + 1.0) / (state.good + state.bad + 2.0)
        silent_days = (now_s - state.bought_s) / 86_400.0
        logit = -1.0 + 0.8 * state.bad - 0.6 * state.good - 0.3 * log1p(state.purchases) + 0.02 * silent_days
        changed = trust < LOW if not state.alerted else trust > HIGH
        if changed:
            state.alerted = not state.alerted
        customers[event.customer_id] = state
        await scores.send(
            key=event.customer_id,
            value=Score(
                customer_id=event.customer_id,
                event_id=event.event_id,
                as_of=now_s,
                events=state.events,
                trust=trust,
                churn_risk=1.0 / (1.0 + exp(-logit)),
            ),
        )
        if changed:
            await alerts.send(
                key=event.customer_id,
                value=Alert(
                    customer_id=event.customer_id,
                    event_id=event.event_id,
                    as_of=now_s,
                    state="open" if state.alerted else "resolved",
                    trust=trust,
                ),
            )


if __name__ == "__main__":
    app.main()
