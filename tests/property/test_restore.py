"""A restart is invisible: a restored table does what the table would have done, to the byte."""

from hypothesis import given
from hypothesis import strategies as st

from stream.alerts import rules
from stream.model import parameters
from stream.pipeline import Effects, Pipeline
from stream.state.table import CustomerTable
from tests.strategies import DAY_MS, END_MS, Body, bodies, records

WALL = Pipeline(parameters.load(), rules.load())
EVENT = Pipeline(parameters.load(), rules.load(), clock="event")


def restored(pipeline: Pipeline, log: list[tuple[bytes, bytes]], watermark_ms: int) -> CustomerTable:
    table = pipeline.new_table()
    table.load([key for key, _ in log], [value for _, value in log])
    table.watermark_ms = watermark_ms
    return table


def written(effects: Effects) -> list[list[tuple[bytes, bytes]]]:
    """What is written, by topic; customers stand in another order in a restored table, so sorted."""
    return [
        sorted(getattr(effects, topic))
        for topic in ("changelog", "scores", "alerts", "alert_log", "dead_letters")
    ]


@given(
    found=bodies(max_size=120, customers=5, refs=9),
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    pipeline=st.sampled_from([WALL, EVENT]),
)
def test_step_after_restore_is_the_step_without(
    found: list[Body], cuts: tuple[float, float], pipeline: Pipeline
) -> None:
    """Restored from the changelog so far, the next step and the next sweep write the same bytes."""
    source = records(found)
    first, second = sorted(round(cut * len(source)) for cut in cuts)
    table = pipeline.new_table()
    log = pipeline.step(table, source[:first], END_MS).changelog
    log += pipeline.step(table, source[first:second], END_MS + 1).changelog
    again = restored(pipeline, log, table.watermark_ms)
    assert len(again) == len(table)
    steps = [pipeline.step(each, source[second:], END_MS + 2) for each in (again, table)]
    sweeps = [pipeline.sweep(each, 0, 99, END_MS + 90 * DAY_MS) for each in (again, table)]
    for here, there in (steps, sweeps):
        assert written(here) == written(there)


@given(found=bodies(max_size=120, customers=5, refs=9))
def test_changelog_alone_is_the_table(found: list[Body]) -> None:
    """Every change of a row is in the changelog: steps and sweeps restored give every row's bytes."""
    table = WALL.new_table()
    log = []
    for number in range(0, len(found), 7):
        now_ms = END_MS + number * DAY_MS
        log += WALL.step(table, records(found[number : number + 7]), now_ms).changelog
        log += WALL.sweep(table, 0, 3, now_ms + 9 * DAY_MS).changelog
    again = restored(WALL, log, 0)
    for key, row in table.index.items():
        assert again.encode(again.rows_of([key])) == table.encode(table.rows_of([key])), (key, row)
