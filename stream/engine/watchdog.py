"""Once a second: is the loop alive, does every partition move, how far behind are we.

A partition with records to read whose position has not moved for `stall_limit_s` is reset like any other
fault. What resets do not cure ends the process: partitions that stay unready for two limits, a dead task
inside the Kafka client, a client that hears nothing though Kafka answers. The group's offsets are committed
here too, every few seconds and without consequence: they are for lag monitors.
"""

import asyncio
from collections import Counter
from time import monotonic
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from stream.clock import now_ms
from stream.config import Settings
from stream.engine.calibration import expose, judge
from stream.engine.contract import Pipeline
from stream.engine.damage import MARK
from stream.engine.partition import Partition
from stream.engine.topics import answers
from stream.errors import BrokerError
from stream.metrics import Metrics

__all__ = ["PartitionStalled", "watch"]

log = structlog.get_logger(__name__)

TICKS_PER_S = 20
GROUP_EVERY_S = 3
BANDS_EVERY_S = 15
BANDS_ROWS = 20_000
BANDS_REST_S = 0.005
OUTCOMES_AFTER_S, OUTCOMES_EVERY_S = 10, 60  # a pass costs about half of what a sweep does
MAX_STALLS = 2
ANSWERS_EVERY_S = 10
DEAF_AFTER_S = 30.0
DEAF_SESSIONS = 4


class PartitionStalled(Exception):
    """A partition has records to read and its position does not move."""


async def watch(app: Any, settings: Settings, pipeline: Pipeline, metrics: Metrics) -> None:
    """Runs until the app stops; Faust cancels it."""
    second = 0
    quiet_since = monotonic()
    while not app.should_stop:
        metrics.loop_lag_s = await _tick_one_second(metrics)
        second += 1
        _observe(app, settings, metrics)
        if app.engine.ready or app.engine.opening:
            quiet_since = monotonic()
        _fail_if_hopeless(app, settings, monotonic() - quiet_since)
        if second % ANSWERS_EVERY_S == 0:
            await _fail_if_deaf(app, settings)
        if second % BANDS_EVERY_S == 0 or second == 1:
            metrics.customers = await _bands(app, pipeline)
        if second % OUTCOMES_EVERY_S == OUTCOMES_AFTER_S:
            expose(metrics, await judge(app, pipeline))
        if second % GROUP_EVERY_S == 0:
            await _commit_group(app)


async def _tick_one_second(metrics: Metrics) -> float:
    """Sleep a second in small pieces; return the longest delay of one."""
    longest = 0.0
    for _ in range(TICKS_PER_S):
        began = monotonic()
        await asyncio.sleep(1 / TICKS_PER_S)
        metrics.loop_seen_s = monotonic()
        longest = max(longest, metrics.loop_seen_s - began - 1 / TICKS_PER_S)
    return longest


def _fail_if_hopeless(app: Any, settings: Settings, unsettled_s: float) -> None:
    """Stop the process for what a reset of a partition cannot cure."""
    dead = app.consumer._thread.dead_task()
    if dead is not None:
        app.fail(BrokerError(f"the {dead} task of the Kafka client ended", hint="start the worker again"))
    elif unsettled_s > MAX_STALLS * settings.stall_limit_s:
        app.fail(
            BrokerError(
                f"partitions are not ready since {unsettled_s:.0f} s",
                hint="look at the brokers and at the other members of the group, then start again",
            )
        )


async def _fail_if_deaf(app: Any, settings: Settings) -> None:
    """Stop the process if its client hears nothing from the group though Kafka answers others.

    Seen after a broker was killed several times in a row: aiokafka waits for ever, without a word.
    """
    silent_s = monotonic() - app.last_heartbeat_s
    limit_s = max(DEAF_AFTER_S, DEAF_SESSIONS * settings.session_timeout_s)
    if app.rebalancing or not app.engine.owned or silent_s < limit_s or not await answers(settings):
        return
    app.fail(
        BrokerError(
            f"no heartbeat was answered for {silent_s:.0f} s though Kafka answers: the client hangs",
            hint="start the worker again",
        )
    )


def _observe(app: Any, settings: Settings, metrics: Metrics) -> None:
    engine = app.engine
    metrics.partitions_owned = len(engine.owned)
    metrics.partitions_ready = sum(partition.ready for partition in engine.owned.values())
    metrics.ready = engine.ready and not app.rebalancing
    lag_records: dict[str, float] = {}
    lag_seconds: dict[str, float] = {}
    now = now_ms()
    for number, partition in list(engine.owned.items()):
        lag = _lag(app, partition) if partition.ready else 0
        lag_records[str(number)] = lag
        since_ms = partition.oldest_ms or partition.last_timestamp_ms or now
        lag_seconds[str(number)] = max(0.0, (now - since_ms) / 1000) if lag else 0.0
        if lag == 0:
            partition.moved_at = monotonic()
        elif partition.ready and monotonic() - partition.moved_at > settings.stall_limit_s:
            engine.fail(partition, PartitionStalled(f"{lag} records to read, no progress"))
    metrics.lag_records, metrics.lag_seconds = lag_records, lag_seconds


def _lag(app: Any, partition: Partition) -> int:
    """Offsets between the durable positions and the ends, as the last fetches saw them.

    Zero also where only markers of upstream transactions follow: the client has passed them, we never see
    them, so no position of ours will.
    """
    lag = 0
    for topic in app.engine.names.sources:
        offset = partition.durable.get(topic, 0)
        position, end = app.consumer._thread.progress(TopicPartition(topic, partition.number))
        sought = (topic, partition.number) in app.engine.seeks
        passed = position is not None and end is not None and position >= end and not sought
        if end is not None and not (passed and partition.idle):
            lag += max(0, end - offset)
    return lag


async def _bands(app: Any, pipeline: Pipeline) -> dict[tuple[str, str], int]:
    """A slice at a time: millions of customers at once would hold up every record for half a second."""
    counts: Counter[tuple[str, str]] = Counter()
    for partition in list(app.engine.owned.values()):
        table = partition.table
        for start in range(0, table.n_rows if partition.ready else 0, BANDS_ROWS):
            counts.update(pipeline.bands(table, start, start + BANDS_ROWS))
            await asyncio.sleep(BANDS_REST_S)
    return dict(counts)


async def _commit_group(app: Any) -> None:
    """The durable positions as the group's offsets; failing is of no consequence.

    Marked where a position row stands behind them: a changelog without one was emptied then (`damage.py`).
    """
    if not app.engine.ready or app.rebalancing:
        return
    offsets = {
        TopicPartition(topic, partition.number): OffsetAndMetadata(
            partition.durable[topic], MARK if app.engine.is_written(partition) else ""
        )
        for partition in app.engine.owned.values()
        for topic in app.engine.names.sources
        if topic in partition.durable
    }
    if not offsets:
        return
    thread = app.consumer._thread
    try:
        await asyncio.wait_for(thread.call_thread(thread._consumer.commit, offsets), 5.0)
    except (KafkaError, TimeoutError) as error:
        log.debug("group offsets not committed", reason=repr(error))
