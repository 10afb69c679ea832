"""The three laws of the state: order, split and duplicates of the source change no fact and no score.

What depends on when something was published, and nothing else of a row, is free: `seq`, the last published
values and the alerts' slots. Days stand unordered in a row, and the window of event ids is in arrival order.
"""

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode_score
from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Effects, FileRecord, Pipeline
from stream.state.layout import ROW
from stream.state.promises import SETTLED_S
from stream.state.table import CustomerTable
from tests.strategies import DAY_MS, END_MS, Body, bodies, records, splits

PIPELINE = Pipeline(parameters.load(), rules.load())
REPLAY = Pipeline(parameters.load(), rules.load(), clock="event")
OF_PUBLICATION = {"seq", "trust_centi", "risk_e4", "checkpoint_day", "checkpoint_risk"}
OF_ARRIVAL = {"dedup", "promises"}
# Few promises; or many, none settled for so long that it may be folded.
LATE_DAYS = 2
MEMORY_DAYS = SETTLED_S / 86_400 - LATE_DAYS
HISTORIES = bodies(max_size=80) | bodies(max_size=80, refs=9, days=MEMORY_DAYS, late_days=LATE_DAYS)


def essence(table: CustomerTable, leave_out: set[str] = OF_PUBLICATION) -> dict[bytes, dict[str, Any]]:
    """What a table says of each customer, to the bit, without `leave_out`."""
    found = {}
    for key, row in table.index.items():
        facts = {name: table.rows[row][name].tobytes() for name in set(ROW.names or ()) - leave_out}
        facts["days"] = sorted(table.rows[row]["days"].tolist())
        tail = table.tails.get(row)
        promises = [p.tobytes() for p in table.rows[row]["promises"] if p["ref"]]
        promises += [p.tobytes() for p in table.tails.promises([row])[0]]
        facts["all promises"] = sorted(promises)
        facts["tail's days"] = sorted(tail.days) if tail else []
        facts["tail's feedback"] = tail.feedback if tail else b""
        facts["tail's amounts"] = sorted((tail.amounts or {}).items()) if tail else []
        if tail and not tail.empty and "promises" not in leave_out:
            facts["tail"] = table.tails.encode([row])
        found[key] = facts
    return found


def published(table: CustomerTable, now_ms: int = END_MS) -> dict[bytes, tuple[int, int]]:
    """The scores of every customer at a time, as they would be published."""
    keys, scores = PIPELINE.scores(table, now_ms)
    return dict(
        zip(keys, zip(scores.trust_centi.tolist(), scores.risk_e4.tolist(), strict=True), strict=True)
    )


def stepped(
    source: list[FileRecord], runs: list[slice] | None = None, pipeline: Pipeline = PIPELINE
) -> tuple[CustomerTable, list[Effects]]:
    table = pipeline.new_table()
    return table, [pipeline.step(table, source[run], END_MS) for run in runs or [slice(None)]]


@given(found=HISTORIES, order=st.randoms())
def test_order_changes_no_fact_and_no_score(found: list[Body], order: Random) -> None:
    """Any permutation of distinct events: the same sums to the bit, the same promises, the same scores."""
    shuffled = list(found)
    order.shuffle(shuffled)
    table, _ = stepped(records(found))
    other, _ = stepped(records(shuffled))
    free = OF_PUBLICATION | OF_ARRIVAL
    assert essence(other, free) == essence(table, free)
    assert published(other) == published(table)
    assert published(other, END_MS + 500 * DAY_MS) == published(table, END_MS + 500 * DAY_MS)


@given(found=HISTORIES, data=st.data(), clock=st.sampled_from([PIPELINE, REPLAY]))
def test_split_changes_no_byte_but_of_publication(
    found: list[Body], data: st.DataObject, clock: Pipeline
) -> None:
    """Any cut into steps, under either clock: the same rows, window of ids and order of promises included."""
    source = records(found)
    runs = data.draw(splits(len(source)))
    whole, _ = stepped(source, pipeline=clock)
    cut, _ = stepped(source, runs, clock)
    assert essence(cut) == essence(whole)
    assert published(cut) == published(whole)
    assert cut.watermark_ms == whole.watermark_ms


@given(found=HISTORIES, data=st.data())
def test_split_ends_in_the_same_published_scores(found: list[Body], data: st.DataObject) -> None:
    """At one wall time the last score of a customer says the same for any cut, `seq` and changes aside."""
    source = records(found)
    lasts = []
    for runs in (None, data.draw(splits(len(source)))):
        _, effects = stepped(source, runs)
        chain = [decode_score(value) for each in effects for _, value in each.scores]
        lasts.append(
            {
                s.customer_id: (
                    s.trust,
                    s.churn_risk,
                    s.trust_low,
                    s.uncertainty,
                    s.events,
                    s.reasons,
                    s.segment,
                )
                for s in chain
            }
        )
    assert lasts[0] == lasts[1]


@given(found=HISTORIES, data=st.data(), again=st.lists(st.tuples(st.integers(0, 79), st.integers(1, 11))))
def test_duplicates_within_the_window_change_nothing(
    found: list[Body], data: st.DataObject, again: list[tuple[int, int]]
) -> None:
    """What comes twice within the last 12 of a customer is counted as a duplicate and has no other effect."""
    repeated: list[tuple[float, Body]] = [(float(i), body) for i, body in enumerate(found)]
    for number, (origin, distance) in enumerate(again):
        at = origin % len(found)
        repeated.append((at + distance + (number + 1) / 1000.0, found[at]))
    twice = [body for _, body in sorted(repeated, key=lambda pair: pair[0])]
    runs = data.draw(splits(len(twice)))
    once, _ = stepped(records(found))
    table, effects = stepped(records(twice), runs)
    assert essence(table) == essence(once)
    assert published(table) == published(once)
    outcomes = [outcome for each in effects for (_, outcome), n in each.outcomes.items() for _ in range(n)]
    assert outcomes.count("duplicate") == len(again)
    assert outcomes.count("scored") == len(found)
