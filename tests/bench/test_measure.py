"""The arithmetic of the bench, on numbers a person can check. No clock, no broker."""

import pytest

from schemas.codec import decode_interaction
from tests.bench.measure import Answers, Mark, Window, follows, quantiles, ratios, spread, summary
from tests.bench.workload import DAY_MS, DAYS, MIX, Workload

FIRST = Mark(time_s=10.0, committed=1_000, app_cpu_s=3.0, broker_cpu_s=7.0, own_cpu_s=1.0, busy_cpu_s=50.0)
LAST = Mark(time_s=12.0, committed=21_000, app_cpu_s=4.0, broker_cpu_s=7.5, own_cpu_s=1.1, busy_cpu_s=52.0)


def test_rate_counts_only_what_was_committed_within_the_window() -> None:
    """20,000 events between two looks 2 s apart are 10,000 per second; the 1,000 before are nobody's."""
    window = Window(FIRST, LAST)
    assert (window.events, window.seconds, window.rate) == (20_000, 2.0, 10_000.0)


def test_cpu_is_told_apart_by_process() -> None:
    """1.0 s of the job and 0.5 s of the broker over 20,000 events; what nobody owns is foreign."""
    window = Window(FIRST, LAST)
    assert (window.app_us, window.broker_us) == pytest.approx((50.0, 25.0))
    assert (window.app_cores, window.broker_cores) == pytest.approx((0.5, 0.25))
    assert window.foreign_cores == pytest.approx((2.0 - 1.0 - 0.5 - 0.1) / 2.0)


def test_foreign_load_is_never_negative() -> None:
    """Clock ticks may add up to more than the whole machine's; that is rounding, not negative load."""
    idle = Mark(12.0, 21_000, 4.0, 7.5, 1.1, FIRST.busy_cpu_s)
    assert Window(FIRST, idle).foreign_cores == 0.0


def test_spread_is_median_and_range() -> None:
    """The median of an even number of rounds is the middle of the two in the middle."""
    assert spread([3.0, 1.0, 2.0]) == spread([1.0, 2.0, 3.0])
    found = spread([40.0, 10.0, 20.0, 30.0])
    assert (found.median, found.least, found.most) == (25.0, 10.0, 40.0)


def test_ratio_is_ours_over_theirs() -> None:
    """60,000 against 1,500 is 40 times as fast, and nobody is compared with itself."""
    assert ratios({"ours": 60_000.0, "slow": 1_500.0, "fast": 120_000.0}, "ours") == {
        "slow": 40.0,
        "fast": 0.5,
    }


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.01, 1), (0.5, 50), (0.501, 51), (0.99, 99), (1.0, 100)]
)
def test_quantile_is_a_value_that_occurred(share: float, value: int) -> None:
    """Nearest rank: the smallest value that at least this share does not exceed."""
    assert quantiles(range(100, 0, -1), [share]) == [value]


def test_summary_is_in_milliseconds() -> None:
    """Seconds in, milliseconds out; the largest is the maximum, not the 99th percentile."""
    assert summary([0.001] * 99 + [0.5]) == {"p50": 1.0, "p90": 1.0, "p99": 1.0, "max": 500.0}


def test_score_answers_every_event_it_counts() -> None:
    """One score of two events answers both, each from its own due time; a third one still waits."""
    answers = Answers()
    for due_s in (1.0, 2.0, 3.0):
        answers.sent("ann", due_s, measured=True)
    answers.sent("bob", 1.5, measured=True)
    answers.scored("ann", 2, 4.0)
    answers.scored("ann", 2, 9.0)  # a sweep publishes again: nothing new is answered
    assert answers.latencies_s == [3.0, 2.0]
    assert answers.unanswered == 2


def test_warm_up_is_counted_but_not_measured() -> None:
    """Events before the measurement move the count on and leave no latency."""
    answers = Answers()
    answers.sent("ann", 1.0, measured=False)
    answers.sent("ann", 2.0, measured=True)
    answers.scored("ann", 1, 2.5)
    assert (answers.latencies_s, answers.unanswered) == ([], 1)
    answers.scored("ann", 2, 3.0)
    assert (answers.latencies_s, answers.unanswered) == ([1.0], 0)


def test_workload_is_the_same_every_time() -> None:
    """Same seed, same bytes; another seed, other bytes."""
    first = [event.value for event in Workload(500, 50, 7, 1_795_000_000_000).events()]
    assert first == [event.value for event in Workload(500, 50, 7, 1_795_000_000_000).events()]
    assert first != [event.value for event in Workload(500, 50, 8, 1_795_000_000_000).events()]


def test_workload_is_valid_mixed_and_recent() -> None:
    """Every event passes the contract, ids are unique, all types occur, times lie in the recent month."""
    end_ms = 1_795_000_000_000
    workload = Workload(5_000, 200, 7, end_ms)
    decoded = [decode_interaction(event.value) for event in workload.events()]
    assert len({event.event_id for event in decoded}) == 5_000
    assert {str(event.__struct_config__.tag) for event in decoded} == set(MIX)
    ages_ms = [end_ms - event.occurred_at.timestamp() * 1000 for event in decoded]
    assert min(ages_ms) >= 0
    assert max(ages_ms) <= (DAYS + 1) * DAY_MS


def test_job_follows_a_rate_whose_latency_does_not_grow() -> None:
    """Waits that grow by a half and a commit, or events without an answer, mean that it does not."""
    steady = [0.08, 0.12] * 50
    assert follows(steady, 0)
    assert follows(steady + [0.2] * 100, 0)
    assert not follows(steady + [0.4] * 100, 0)
    assert not follows(steady, 1)
    assert not follows([], 0)
