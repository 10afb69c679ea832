"""Slow, obvious, scalar second opinions in plain Python, with which the fast code is compared exactly.

    oracle = Oracle(parameters.load(), rules.load())
    for record in source: oracle.feed(record, now_ms)       # one partition's records in offset order
    score_differences(oracle, published_scores, commands_by_score)     # every ScoreV1 of a chain, in order
    alert_differences(oracle, published_scores, published_alerts, commands_by_score)
    checkpoint_differences(oracle, published_scores, table) # what the rows remember of that chain
    decision_differences(oracle, table)                     # what they remember of those commands
    table_differences(oracle, table)                        # a restored CustomerTable, row by row

Written from the documents: dicts, sets and `math`; of the application only parameters and rules are used.
"""

from tests.oracles.compare import (
    alert_differences,
    checkpoint_differences,
    decision_differences,
    score_differences,
    table_differences,
)
from tests.oracles.oracle import Oracle

__all__ = [
    "Oracle",
    "alert_differences",
    "checkpoint_differences",
    "decision_differences",
    "score_differences",
    "table_differences",
]
