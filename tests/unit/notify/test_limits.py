"""The token bucket and the circuit breaker."""

from copy import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from stream.notify.limits import Breaker, TokenBucket

PER_S = st.floats(0.01, 1_000)
BURST = st.integers(1, 50)
STEPS = st.lists(st.integers(0, 5_000), max_size=60)


@given(PER_S, BURST, STEPS)
def test_a_bucket_keeps_its_rate_in_every_window(per_s: float, burst: int, steps: list[int]) -> None:
    """Between any two moments no more pass than the burst and what came back meanwhile."""
    bucket, now, passed = TokenBucket(per_s, burst), 0, list[int]()
    for step in steps:
        now += step
        if bucket.take(now) == 0:
            passed.append(now)
    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= burst + (passed[last] - start) * per_s / 1_000 + 1e-6


@given(PER_S, BURST, STEPS)
def test_a_bucket_says_how_long_to_wait_and_holds_to_it(per_s: float, burst: int, steps: list[int]) -> None:
    """A refusal names a wait after which the next one passes, give or take a rounding of one millisecond."""
    bucket, now = TokenBucket(per_s, burst), 0
    for step in steps:
        now += step
        if wait := bucket.take(now):
            now += wait
            again = bucket.take(now)
            assert again <= 1
            assert again == 0 or bucket.take(now + again) == 0


def test_a_bucket_starts_full_and_never_holds_more() -> None:
    """Its burst passes at once, after a day of rest too, and not one more."""
    bucket = TokenBucket(1.0, 3)
    for now in (0, 86_400_000):
        assert [bucket.take(now) for _ in range(4)] == [0, 0, 0, 1_000]


def test_a_clock_that_goes_back_neither_fills_a_bucket_nor_blocks_it() -> None:
    """An hour back: nothing comes of it, and a second later there is a token."""
    bucket = TokenBucket(1.0, 1)
    assert bucket.take(3_600_000) == 0
    assert bucket.take(0) == 1_000
    assert bucket.take(1_000) == 0


@pytest.mark.parametrize(("per_s", "burst"), [(0.0, 1), (-1.0, 1), (float("nan"), 1), (1.0, 0)])
def test_a_bucket_that_would_block_for_ever_is_refused(per_s: float, burst: int) -> None:
    """A rate of nothing is a mistake, not a limit."""
    with pytest.raises(ValueError, match="lets nothing through"):
        TokenBucket(per_s, burst)


class BreakerLife(RuleBasedStateMachine):
    """Any order of asking, answers and time, beside what is written on the tin."""

    @initialize(limit=st.integers(1, 4), rest=st.integers(1, 10_000))
    def make(self, limit: int, rest: int) -> None:
        self.limit, self.rest, self.now = limit, rest, 0
        self.breaker = Breaker(limit, rest)
        self.failures = 0  # in a row, since the last success
        self.last_failure = 0
        self.opened = False
        self.waiting = 0  # sent, not answered yet

    @rule(ms=st.integers(0, 20_000))
    def time_passes(self, ms: int) -> None:
        self.now += ms

    @rule()
    def ask(self) -> None:
        state = self.breaker.state
        wait = self.breaker.ask(self.now)
        assert 0 <= wait <= self.rest
        if state == "closed":
            assert wait == 0
        if wait == 0:
            self.waiting += 1
            if state != "closed":
                assert self.breaker.state == "half_open"
                assert self.breaker.ask(self.now) == self.rest, "one probe at a time"

    @precondition(lambda self: self.waiting)
    @rule()
    def a_success(self) -> None:
        self.waiting, self.failures, self.opened = self.waiting - 1, 0, False
        self.breaker.succeeded()
        assert self.breaker.state == "closed"

    @precondition(lambda self: self.waiting)
    @rule()
    def a_failure(self) -> None:
        self.waiting, self.failures, self.last_failure = self.waiting - 1, self.failures + 1, self.now
        state = self.breaker.state
        told = self.breaker.failed(self.now)
        assert told == (state == "closed" and self.failures >= self.limit)
        self.opened = self.opened or self.failures >= self.limit
        if state == "half_open":
            assert self.breaker.state == "open"
            assert self.breaker.ask(self.now) == self.rest, "a probe that failed costs the whole rest"

    @invariant()
    def it_is_closed_until_so_many_failed_in_a_row(self) -> None:
        assert (self.breaker.state == "closed") == (not self.opened)

    @invariant()
    def it_never_blocks_for_ever(self) -> None:
        if self.breaker.state != "closed":
            assert copy(self.breaker).ask(self.now + self.rest) == 0


TestBreakerLife = BreakerLife.TestCase
TestBreakerLife.__doc__ = "A breaker obeys its docstring in any order of events."


def test_one_probe_closes_a_breaker_or_opens_it_again() -> None:
    """Three failures open it, ten seconds later one may try, and its fate is everybody's."""
    breaker = Breaker(3, 10_000)
    assert [breaker.failed(0), breaker.failed(0), breaker.failed(0)] == [False, False, True]
    assert [breaker.ask(0), breaker.ask(9_999)] == [10_000, 1]
    assert [breaker.ask(10_000), breaker.ask(10_000)] == [0, 10_000]
    assert not breaker.failed(10_500)
    assert [breaker.ask(10_500), breaker.ask(20_500)] == [10_000, 0]
    breaker.succeeded()
    assert [breaker.ask(20_500), breaker.ask(20_500)] == [0, 0]


def test_a_probe_that_never_comes_back_is_followed_by_another() -> None:
    """Whoever sent it may have been stopped: after the rest somebody else may try."""
    breaker = Breaker(1, 1_000)
    breaker.failed(0)
    assert [breaker.ask(1_000), breaker.ask(1_500), breaker.ask(2_000)] == [0, 500, 0]


@pytest.mark.parametrize(("failures", "rest_ms"), [(0, 1_000), (3, 0)])
def test_a_breaker_that_is_none_is_refused(failures: int, rest_ms: int) -> None:
    """It would open before the first failure, or never be open at all."""
    with pytest.raises(ValueError, match="is none"):
        Breaker(failures, rest_ms)
