"""Which origins a backtest can have: in the data, with a past to learn from and a future to judge by."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from stream.errors import ConfigError, DataError
from stream.model.columns import MS_PER_DAY
from stream.offline.timeline import Timeline

__all__ = ["Origin", "day_text", "plan"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST_OBSERVED = (
    0.5  # share of the horizon before the data ends: below, "did not buy" mostly means "not seen"
)
STILL_AS_LONG = 1.02  # a history that is shorter by a day or two is told nobody
SLACK_MS = MS_PER_DAY  # the last event is seldom at the last moment of the last day


class Origin(NamedTuple):
    """A time that splits what is known from what is to be foretold.

    Attributes:
        known_ms: the last ms of what is known.
        scored_ms: the time the scores hold at. For an origin given as a day, known to its end, it is the
            day's beginning: whoever bought on that day has a recency of 0 days, as in the literature.
    """

    known_ms: int
    scored_ms: int

    @staticmethod
    def at(time_ms: int, *, whole_day: bool) -> "Origin":
        """A moment, or the day that begins at it."""
        return Origin(time_ms + MS_PER_DAY - 1 if whole_day else time_ms, time_ms)

    @property
    def text(self) -> str:
        """The day, or the moment in RFC 3339."""
        if self.known_ms != self.scored_ms:
            return day_text(self.scored_ms)
        return f"{EPOCH + timedelta(milliseconds=self.scored_ms):%Y-%m-%dT%H:%M:%SZ}"

    def back(self, days: int) -> "Origin":
        """So many days earlier."""
        return Origin(self.known_ms - days * MS_PER_DAY, self.scored_ms - days * MS_PER_DAY)


def plan(timeline: Timeline, origin: Origin, horizon_days: int, folds: int) -> tuple[list[Origin], list[str]]:
    """The origin and those before it, each a horizon earlier, latest first; and what must be said of them.

    Raises:
        DataError: nothing in the file says that anybody stayed or left.
        ConfigError: the origin is outside the data, or most of the horizon is.
    """
    times = [array for array in (timeline.bought_ms, timeline.stepped_ms) if len(array)]
    if not times:
        raise DataError(
            f"{timeline.n_events} events, but no purchase and no subscription: nobody can be seen to leave",
            hint="backtest needs purchase or subscription events; see `kizuna import --help`",
        )
    first_ms = min(int(array.min()) for array in times)
    last_ms = timeline.last_ms
    horizon_ms = horizon_days * MS_PER_DAY
    span = f"purchases and contracts are from {day_text(first_ms)} to {day_text(last_ms)}"
    if origin.known_ms <= first_ms:
        raise ConfigError(
            f"nobody is known at {day_text(origin.scored_ms)}: {span}",
            hint=_advice(first_ms, last_ms, horizon_days),
        )
    if origin.known_ms >= last_ms:
        raise ConfigError(
            f"nothing is known after {day_text(origin.scored_ms)}: {span}",
            hint=_advice(first_ms, last_ms, horizon_days),
        )
    warnings = []
    missing_ms = origin.known_ms + horizon_ms - last_ms
    observed_days = (last_ms - origin.known_ms) / MS_PER_DAY
    if missing_ms > (1.0 - LEAST_OBSERVED) * horizon_ms + SLACK_MS:
        raise ConfigError(
            f"only {observed_days:.0f} of the {horizon_days} days after {day_text(origin.scored_ms)} "
            f"are in the data: {span}",
            hint=_advice(first_ms, last_ms, horizon_days),
        )
    if missing_ms > SLACK_MS:
        warnings.append(
            f"the data ends {missing_ms / MS_PER_DAY:.0f} days before the horizon does: whoever buys in "
            f"between counts as lost; use --horizon-days {max(int(observed_days), 1)}, or an origin by "
            f"{day_text(last_ms - horizon_ms)}"
        )
    known_days = (origin.known_ms - first_ms) / MS_PER_DAY
    if known_days * STILL_AS_LONG < horizon_days:
        warnings.append(
            f"the horizon of {horizon_days} days is longer than the {known_days:.0f} days known before the "
            "origin: what is learnt there is extrapolated; shorten --horizon-days to "
            f"{max(int(known_days), 1)}, or give a later origin"
        )
    origins = [origin.back(horizon_days * fold) for fold in range(folds)]
    kept = [each for each in origins if each.known_ms > first_ms]
    if len(kept) < folds:
        warnings.append(
            f"{len(kept)} of {folds} folds: earlier origins are before the first event, {day_text(first_ms)}"
        )
    return kept, warnings


def day_text(time_ms: int) -> str:
    """The day of a time, as people write it."""
    return f"{EPOCH + timedelta(milliseconds=time_ms):%Y-%m-%d}"


def _advice(first_ms: int, last_ms: int, horizon_days: int) -> str:
    """An origin that works with this horizon, or one with a shorter horizon that does."""
    latest_ms = last_ms - horizon_days * MS_PER_DAY
    if latest_ms > first_ms + MS_PER_DAY:
        return f"give an origin by {day_text(latest_ms)}: --origin {day_text(latest_ms)}"
    days = max((last_ms - first_ms) // (2 * MS_PER_DAY), 1)
    return (
        f"the data is too short for {horizon_days} days: --origin {day_text(last_ms - days * MS_PER_DAY)} "
        f"--horizon-days {days}"
    )
