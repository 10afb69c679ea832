"""Many times at once are what each time says by itself."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from stream.pipeline.times import epoch_ms

ZONES = st.one_of(
    st.just(UTC), st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)
FIRST, LAST = datetime(1900, 1, 2), datetime(2199, 12, 30)  # noqa: DTZ001 - Hypothesis adds the zone
TIMES = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
ANYWHERE = st.datetimes(FIRST, LAST, timezones=ZONES)
WHOLE = TIMES.map(lambda time: time.replace(microsecond=0))
MILLIS = TIMES.map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000))
HALVES = TIMES.map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000 + 500))


@given(st.lists(st.one_of(TIMES, WHOLE, MILLIS, HALVES, ANYWHERE), max_size=8))
def test_each_time_is_its_own_timestamp(times: list[datetime]) -> None:
    """With and without a fraction, in any zone, half milliseconds included."""
    assert epoch_ms(times).tolist() == [round(time.timestamp() * 1000.0) for time in times]


def test_every_day_of_the_calendar_is_counted() -> None:
    """Leap years, centuries and the turn of each month, from 1968 to 2104."""
    start = datetime(1968, 1, 1, 23, 59, 59, tzinfo=UTC)
    times = [start + timedelta(days=day) for day in range(50_000)]
    assert epoch_ms(times).tolist() == [int(time.timestamp()) * 1000 for time in times]
