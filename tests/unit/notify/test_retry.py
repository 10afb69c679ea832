"""Back-off and Retry-After."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.notify.retry import MAX_RETRY_AFTER_MS, Backoff, retry_after_ms

NOW = 1_800_000_000_000
BACKOFFS = st.builds(
    Backoff,
    first_ms=st.integers(1, 10_000_000),
    cap_ms=st.integers(1, 10_000_000),
    factor=st.floats(1, 1e3),
)


@given(BACKOFFS, st.integers(1, 10_000), st.floats(0, 1))
def test_a_wait_lies_between_nothing_and_its_ceiling(backoff: Backoff, failures: int, chance: float) -> None:
    """Never negative, never above the ceiling, which is never above the cap, for any number of failures."""
    ceiling = backoff.ceiling_ms(failures)
    assert 0 < ceiling <= backoff.cap_ms
    assert 0 <= backoff.wait_ms(failures, chance) <= ceiling


@given(BACKOFFS, st.integers(1, 10_000))
def test_ceilings_never_shrink(backoff: Backoff, failures: int) -> None:
    """One more failure never asks for less patience."""
    assert backoff.ceiling_ms(failures + 1) >= backoff.ceiling_ms(failures)


def test_ceilings_double_up_to_the_cap() -> None:
    """2, 4, 8 seconds and so on, a quarter of an hour at most."""
    ceilings = [Backoff().ceiling_ms(failures) for failures in range(1, 12)]
    assert ceilings[:3] == [2_000, 4_000, 8_000]
    assert ceilings[-2:] == [900_000, 900_000]


@given(st.integers(1, 40))
def test_jitter_is_full(failures: int) -> None:
    """The whole range from none to the ceiling is used, in proportion to chance."""
    backoff = Backoff()
    waits = [backoff.wait_ms(failures, chance) for chance in (0.0, 0.5, 1.0)]
    assert waits == [0, backoff.ceiling_ms(failures) // 2, backoff.ceiling_ms(failures)]


@pytest.mark.parametrize(("header", "wait"), [("0", 0), ("7", 7_000), (" 120 ", 120_000), ("00001", 1_000)])
def test_retry_after_in_seconds(header: str, wait: int) -> None:
    """Whole seconds from now."""
    assert retry_after_ms(header, NOW) == wait


@given(st.integers(-86_400, 86_400))
def test_retry_after_as_a_date(seconds: int) -> None:
    """Until then, nothing if it is over, six hours at most."""
    date = format_datetime(datetime.fromtimestamp(NOW / 1_000 + seconds, UTC), usegmt=True)
    assert retry_after_ms(date, NOW) == min(max(seconds * 1_000, 0), MAX_RETRY_AFTER_MS)


@pytest.mark.parametrize("header", ["9" * 9, "9" * 100_000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_retry_after_beyond_belief_is_cut(header: str) -> None:
    """Nobody is left alone for years because of one header."""
    assert retry_after_ms(header, NOW) == MAX_RETRY_AFTER_MS


@pytest.mark.parametrize(
    "header", [None, "", "soon", "-5", "1.5", "٣", "1e3", "Fri, 99 Foo 2026 99:99:99 GMT"]
)
def test_a_retry_after_that_says_nothing_is_none(header: str | None) -> None:
    """Then the back-off alone decides."""
    assert retry_after_ms(header, NOW) is None


@given(st.text())
def test_any_retry_after_is_survived(header: str) -> None:
    """Whatever a server writes there, it is a wait within bounds or none."""
    wait = retry_after_ms(header, NOW)
    assert wait is None or 0 <= wait <= MAX_RETRY_AFTER_MS
