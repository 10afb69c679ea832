"""What the engine replaces inside Faust and aiokafka, by name: a new version fails here, aloud, first."""

import inspect
from importlib.metadata import version
from typing import Any

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.assignor.partition_assignor import PartitionAssignor
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer as BaseConsumer
from faust.transport.drivers import aiokafka as driver

from stream.engine.app import KizunaApp
from stream.engine.assignor import QuotaAssignor
from stream.engine.consumer import BatchConsumer, Transport
from stream.engine.fetched import FetchedRecords
from stream.engine.recovery import BatchRecovery
from stream.engine.tables import BatchTableManager, PartitionTable
from stream.engine.thread import BatchConsumerThread, FairFetcher

OURS_OF_FAUST: list[tuple[type[Any], type[Any]]] = [
    (KizunaApp, faust.App),
    (BatchConsumer, driver.Consumer),
    (BatchConsumerThread, driver.AIOKafkaConsumerThread),
    (Transport, driver.Transport),
    (PartitionTable, Collection),
    (BatchTableManager, TableManager),
    (BatchRecovery, Recovery),
    (QuotaAssignor, PartitionAssignor),
]

NEW_NAMES = {
    KizunaApp: {"engine", "failure", "on_failure", "fail", "generation", "last_heartbeat_s"},
    BatchConsumer: {"_engine", "_apply_seeks", "_run"},
    BatchConsumerThread: {"last_heartbeat_s", "kicked_out", "dead_task", "progress"},
    PartitionTable: {"_refuse"},
    QuotaAssignor: {"forget"},
}
"""Ours alone. Everything else in these classes replaces something that must exist."""


def test_the_versions_are_the_ones_the_engine_was_proven_on() -> None:
    """Read `stream/engine/README.md` before changing these two lines."""
    assert version("faust-streaming") == "0.15.3"
    assert version("aiokafka") == "0.14.0"


@pytest.mark.parametrize(("ours", "theirs"), OURS_OF_FAUST, ids=lambda cls: cls.__name__)
def test_everything_replaced_exists_in_faust(ours: type[Any], theirs: type[Any]) -> None:
    """An override of a name that Faust no longer has would silently do nothing."""
    mine = {
        name
        for name, value in vars(ours).items()
        if not name.startswith("__")
        and (callable(value) or isinstance(value, property) or name == "Consumer")
    }
    replaced = mine - NEW_NAMES.get(ours, set()) - {"logger"}
    assert replaced, ours
    assert [name for name in sorted(replaced) if not hasattr(theirs, name)] == []


def test_faust_still_calls_what_is_replaced() -> None:
    """The seams, read in Faust's source: who calls whom."""
    for caller, callee in (
        (BaseConsumer._wait_next_records, "self._getmany("),
        (BaseConsumer.getmany, "self._to_message"),
        (BaseConsumer.getmany, "self.perform_seek()"),
        (BaseConsumer._drain_messages, "set_read_offset(tp, offset)"),
        (faust.App._consumer_wait_empty, "consumer.wait_empty()"),
        (driver.AIOKafkaConsumerThread._create_consumer, "self._create_worker_consumer("),
        (driver.AIOKafkaConsumerThread._create_worker_consumer, "self.app.tables.changelog_topics"),
        (TableManager.on_rebalance, "self.recovery.on_rebalance"),
        (TableManager.on_rebalance, "self._update_channels"),
        (Recovery.on_rebalance, "self.signal_recovery_start.set()"),
    ):
        source = inspect.getsource(getattr(caller, "__wrapped__", caller))
        assert callee in source, (caller, callee)


def test_the_tasks_that_are_watched_exist_in_aiokafka() -> None:
    """A task that ended is found by private names."""
    assert "self._fetch_task" in inspect.getsource(Fetcher.__init__)
    assert "self._coordination_task" in inspect.getsource(GroupCoordinator.__init__)
    assert "self._sync_task" in inspect.getsource(AIOKafkaClient.bootstrap)
    assert "_rejoin_needed_fut" in inspect.getsource(GroupCoordinator)


async def test_how_far_a_partition_was_handed_over_is_known_to_aiokafka() -> None:
    """Position and last stable offset of a partition are read where the consumer keeps them."""
    state = TopicPartitionState(None)
    assert (state._position, state.lso, state.highwater) == (None, None, None)
    assert "self._subscription.subscription" in inspect.getsource(AIOKafkaConsumer.highwater)
    assert "assignment.state_value(partition)" in inspect.getsource(AIOKafkaConsumer.highwater)


def test_the_fair_fetcher_replaces_a_setting_that_the_fetcher_reads() -> None:
    """Aiokafka takes the long poll's wait from one private attribute when it builds a fetch."""
    assert "self._fetch_max_wait_ms" in inspect.getsource(Fetcher._get_actions_per_node)
    assert "self._records" in inspect.getsource(Fetcher._get_actions_per_node)
    assert isinstance(vars(FairFetcher)["_fetch_max_wait_ms"], property)


def test_fetched_records_replace_how_aiokafka_unpacks_a_fetch() -> None:
    """What a fetch brought is kept by partition and read by iteration, to its end if no number is asked."""
    assert "self._records[tp] = FetchResult(" in inspect.getsource(Fetcher._proc_fetch_request)
    assert "res_or_error.getall(max_records)" in inspect.getsource(Fetcher.fetched_records)
    assert "for msg in self._partition_records:" in inspect.getsource(FetchResult.getall)
    assert "self._partition_records.next_fetch_offset" in inspect.getsource(FetchResult._update_position)
    kept = inspect.getsource(PartitionRecords.__init__)
    names = ("_tp", "_records", "_check_crcs", "_isolation_level", "_aborted_producers", "next_fetch_offset")
    assert all(f"self.{name} = " in kept for name in names)
    assert set(vars(FetchedRecords)) & set(vars(PartitionRecords)) <= {"__doc__", "__module__", "__iter__"}
