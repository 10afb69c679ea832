"""The scale bench puts rows where the worker looks for them, and they are rows that it takes."""

from aiokafka.partitioner import murmur2

from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Pipeline
from tests.bench import scale_state
from tests.bench.workload import Workload
from tests.strategies import END_MS


def test_rows_go_to_the_partition_of_their_events() -> None:
    """Kafka's default partition, for keys of every length modulo four."""
    keys = [b"%s-%d" % (b"xyz"[: i % 3], i) for i in range(0, 2_000_000, 997)]
    wanted = [(murmur2(key) & 0x7FFFFFFF) % 7 for key in keys]
    assert scale_state.partition_of(keys, 7).tolist() == wanted


def test_rows_load_into_a_table_under_names_of_the_workload() -> None:
    """What is filled is what a worker restores; the customers are those that events come from."""
    lived = scale_state.rows(END_MS)
    table = Pipeline(parameters.load(), rules.load()).new_table()
    keys = [scale_state.name(i) for i in range(len(lived.values))]
    table.load(keys, lived.values)
    assert table.encode(table.index.find(keys)) == lived.values
    assert {event.key for event in Workload(300, 100, 1, END_MS).events()} <= set(keys)
