"""Why a customer's scores changed since an earlier time, or since an earlier publication.

A row holds no past, but it can be made again: from the customer's own records, by the live code. Whether what
was made is what the worker has is checked first, because a topic forgets.
"""

from collections.abc import Sequence

from schemas.score import ScoreV1
from stream.errors import DataError
from stream.model.change import Changes, changes, nothing_known
from stream.model.explain import Explanation
from stream.offline.customer import state_at
from stream.pipeline import FileRecord, Pipeline
from stream.pipeline.decode import MAX_AHEAD_MS
from stream.pipeline.times import to_ms
from stream.state.table import CustomerTable

__all__ = ["between_publications", "since_publication", "since_time"]

CLOSE = 1e-9
INCOMPLETE = "give the whole history as a file: --events FILE"


def since_time(
    pipeline: Pipeline,
    table: CustomerTable,
    key: bytes,
    time_ms: int,
    since_ms: int,
    records: Sequence[FileRecord],
    now_ms: int,
) -> Changes:
    """The changes from what had happened by `since_ms` to `table` at `time_ms`.

    Args:
        pipeline: parameters and rules.
        table: holds the customer.
        key: the customer.
        time_ms: of the scores in question.
        since_ms: the earlier time; the customer may not have been known then.
        records: the customer's own, event time as `timestamp`.
        now_ms: wall time, for the limit on events ahead of it.

    Raises:
        DataError: the records are not those that made the state.
    """
    after = _explained(pipeline, table, key, time_ms)
    whole = state_at(pipeline, records, max(time_ms, now_ms) + MAX_AHEAD_MS, now_ms)
    _check_complete(pipeline, whole, table, key, time_ms)
    before = _explained(pipeline, state_at(pipeline, records, since_ms, now_ms), key, since_ms)
    return changes(before, after)


def since_publication(
    pipeline: Pipeline, table: CustomerTable, key: bytes, time_ms: int, last: ScoreV1
) -> Changes:
    """The changes since the last published score; only time has passed, for every event publishes.

    Raises:
        DataError: the row has moved on meanwhile.
    """
    if int(table.rows["events"][table.index[key]]) != last.events:
        raise DataError("the customer was scored again this very moment", hint="run the same command again")
    return changes(
        _explained(pipeline, table, key, to_ms(last.as_of)), _explained(pipeline, table, key, time_ms)
    )


def between_publications(
    pipeline: Pipeline,
    key: bytes,
    before: ScoreV1,
    after: ScoreV1,
    records: Sequence[FileRecord],
    now_ms: int,
) -> Changes:
    """The changes from one published score to a later one, exactly as they were published.

    A score says after how many different events it was made, and a source is an ordered log: the first so
    many make the state of that moment again, late events and duplicates included.

    Raises:
        DataError: the records do not make the published numbers.
    """
    explained = []
    table, taken = pipeline.new_table(), 0
    for score in (before, after):
        while taken < len(records) and _events(table, key) < score.events:
            pipeline.step(table, [records[taken]], now_ms)
            taken += 1
        made = _explained(pipeline, table, key, to_ms(score.as_of))
        if _events(table, key) != score.events or not _says(made, score):
            raise DataError(
                f"the interactions do not make the score published at {score.as_of:%Y-%m-%d %H:%M:%S}: "
                f"{_events(table, key)} of its {score.events} events are still there",
                hint=f"or other parameters made it; {INCOMPLETE}",
            )
        explained.append(made)
    return changes(*explained)


def _explained(pipeline: Pipeline, table: CustomerTable, key: bytes, time_ms: int) -> Explanation:
    found = pipeline.explain(table, key, time_ms)
    return nothing_known(pipeline.parameters) if found is None else found


def _events(table: CustomerTable, key: bytes) -> int:
    row = table.index.get(key)
    return 0 if row is None else int(table.rows["events"][row])


def _says(made: Explanation, score: ScoreV1) -> bool:
    """Whether an explanation is of the published numbers."""
    trust = abs(made.trust - score.trust) <= 0.005 + CLOSE
    if made.churn_risk is None or score.churn_risk is None:
        return trust and made.churn_risk is score.churn_risk
    return trust and abs(made.churn_risk - score.churn_risk) <= 0.00005 + CLOSE


def _check_complete(
    pipeline: Pipeline, made: CustomerTable, table: CustomerTable, key: bytes, time_ms: int
) -> None:
    mine, theirs = _events(made, key), _events(table, key)
    if mine == theirs:
        one, other = (_explained(pipeline, each, key, time_ms) for each in (made, table))
        odds = (one.churn_log_odds or 0.0) - (other.churn_log_odds or 0.0)
        if abs(one.trust - other.trust) <= CLOSE * 100 and abs(odds) <= CLOSE * 100:
            return
    raise DataError(
        f"the interactions that are still there ({mine} different ones) do not make the customer's state, "
        f"which has seen {theirs}",
        hint=INCOMPLETE,
    )
