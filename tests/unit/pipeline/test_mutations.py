"""Thousands of damaged records: the pipeline never raises, and refuses what the oracle refuses."""

from random import Random

from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Pipeline
from tests.mutations import damaged, order_of_faults
from tests.oracles import Oracle, table_differences
from tests.strategies import END_MS, history

PIPELINE = Pipeline(parameters.load(), rules.load())


def test_five_thousand_damaged_records_are_judged_as_the_oracle_judges_them() -> None:
    """Nothing raises, every record has one outcome, and rows are those of the records that were accepted."""
    chance = Random(20260101)
    source = [damaged(body, i, chance) for i, body in enumerate(history(7, 5000, customers=40))]
    oracle = Oracle(PIPELINE.parameters, PIPELINE.rules)
    table = PIPELINE.new_table()
    disagreed = []
    for each in source:
        effects = PIPELINE.step(table, [each], END_MS)
        [(_, outcome)] = effects.outcomes
        [cause] = effects.causes or [outcome]
        if (second := oracle.feed(each, END_MS)) != cause:
            disagreed.append((cause, second, each.key, each.value))
    assert [each for each in disagreed if not order_of_faults(*each[:2])] == []
    assert table_differences(oracle, table) == []
    assert (
        min(oracle.outcomes["scored"], oracle.outcomes["invalid_field"], oracle.outcomes["invalid_json"])
        > 300
    )
